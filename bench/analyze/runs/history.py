"""Where a case's time changed over many runs: steps between two runs, and creep over many.

A series is one case on one machine in one environment, run after run. Levels are found (`levels`) on the
logarithms of medians, less what all cases of a run share (`shift`). A step that a straight line through both
its levels fits better than the levels do is no step but part of a creep; so are steps too small to matter by
themselves, where they go the same way and together reach the threshold.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from bench.analyze.estimates.intervals import CONFIDENCE
from bench.analyze.runs.levels import Array, changes, levels, noise
from bench.analyze.runs.shift import shared
from bench.events import Header

THRESHOLD = 0.05
"""Smallest change that matters: what the gate lets through is at most this, and creep adds up to more."""

SURE = 0.99
"""Confidence at which a change must exclude none. Its ends were chosen where they tell most: 95 % is less."""

FACTS = {
    "machine": "machine_id", "processor": "cpu.model", "processors": "cpu.usable",
    "governors": "cpu.governors", "python": "python.version", "torch": "torch.version",
    "numpy": "packages.numpy", "onnxruntime": "packages.onnxruntime", "variables": "variables",
    "threads": "torch.threads", "devices": "devices", "driver": "nvidia_driver",
}  # fmt: skip
"""What of an environment decides a time, by name: runs that differ in one of them are no one history."""

OF_ACCELERATORS = ("devices", "driver")
"""Facts that leave a case on the processor as it is."""


@dataclass(frozen=True)
class Shift:
    """A change of a series: a step between two neighbouring runs, or creep from one to a later one.

    `before` and `after` are positions in the series; `ratio` is after/before with its 95 % interval.
    """

    kind: Literal["step", "creep"]
    before: int
    after: int
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class CaseHistory:
    """One case in one environment. `runs` are names, `commits` full ids, oldest first; times are seconds.

    `shared` is the ratio that all cases of a run share, about its level: levels and shifts are without it.
    """

    case: str
    device: str
    setting: Mapping[str, str]
    runs: tuple[str, ...]
    created: tuple[str, ...]
    commits: tuple[str, ...]
    median_s: Array
    low_s: Array
    high_s: Array
    levels_s: Array
    shifts: tuple[Shift, ...]
    shared: Array


def history(
    cases: pd.DataFrame,
    headers: Mapping[str, Header],
    threshold: float = THRESHOLD,
    ignored: Collection[str] = (),
) -> list[CaseHistory]:
    """Every series of the runs with at least two runs in it, those that changed most first.

    `cases` has columns case, side, device, status, run, median_s, low_s and high_s; `headers` has each
    run's header. `ignored` names facts of the environment that may differ within a series.
    """
    usable = cases[(cases["status"] == "ok") & (cases["side"] == "")]
    created = {run: header.created for run, header in headers.items()}
    settings = {
        (run, accelerated): json.dumps(setting(header.environment, accelerated, ignored))
        for run, header in headers.items()
        for accelerated in (False, True)
    }
    keys = [
        settings[run, device != "cpu"] for run, device in zip(usable["run"], usable["device"], strict=True)
    ]
    usable = usable.assign(setting=keys, created=usable["run"].map(created))
    usable = usable.sort_values("created", kind="stable").reset_index(drop=True)
    usable = usable.assign(shared=shared(usable))
    groups = usable.groupby(["case", "setting"], sort=False)
    series = [_series(group, headers, threshold) for _, group in groups if len(group) > 1]
    return sorted(series, key=lambda each: -max((abs(np.log(s.ratio)) for s in each.shifts), default=0.0))


def setting(
    environment: Mapping[str, Any], accelerated: bool, ignored: Collection[str] = ()
) -> dict[str, str]:
    """What of the environment decides the times of a case on an accelerator, or of one on the processor."""
    facts = {}
    for name, path in FACTS.items():
        value: Any = environment
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if name == "machine":
            value = value or environment.get("machine") or environment.get("host")
        applies = name not in ignored and (accelerated or name not in OF_ACCELERATORS)
        if applies and value not in (None, [], {}):
            facts[name] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return facts


def _series(group: pd.DataFrame, headers: Mapping[str, Header], threshold: float) -> CaseHistory:
    times = {name: group[name].to_numpy(float) for name in ("median_s", "low_s", "high_s")}
    logs = np.log(times["median_s"]) - group["shared"].to_numpy(float)
    cuts = changes(logs, noise(logs, times["low_s"], times["high_s"]))
    commits = (headers[run].commit.get("id") or "" for run in group["run"])
    return CaseHistory(
        case=str(group["case"].iat[0]),
        device=str(group["device"].iat[0]),
        setting=json.loads(group["setting"].iat[0]),
        runs=tuple(group["run"]),
        created=tuple(group["created"]),
        commits=tuple(commits),
        levels_s=np.exp(levels(logs, cuts)),
        shifts=tuple(shifts(logs, cuts, threshold)),
        shared=np.exp(group["shared"].to_numpy(float)),
        **times,
    )


def shifts(logs: Array, cuts: Sequence[int], threshold: float) -> list[Shift]:
    """The changes that matter: abrupt ones of the threshold or more, and creep that adds up to it."""
    result: list[Shift | None] = []
    min_change = np.log1p(threshold)
    around = list(zip(cuts, cuts[1:], cuts[2:], strict=False))
    size = {cut: np.median(logs[cut:stop]) - np.median(logs[start:cut]) for start, cut, stop in around}
    small = {
        cut: abs(size[cut]) < min_change or _gradual(logs[start:stop], cut - start)
        for start, cut, stop in around
    }
    for (creeping, _), group in groupby(size, key=lambda cut: (small[cut], size[cut] > 0)):
        steps = list(group)
        if not creeping:
            result += [_shift("step", logs, cuts, step, step) for step in steps]
        elif abs(sum(size[step] for step in steps)) >= min_change:
            result.append(_shift("creep", logs, cuts, steps[0], steps[-1]))
    return [shift for shift in result if shift is not None]


def _gradual(logs: Array, cut: int) -> bool:
    """True where a straight line fits both levels better than they fit themselves."""
    x = np.arange(len(logs))
    line = np.polyval(np.polyfit(x, logs, 1), x)
    levels = np.where(x < cut, logs[:cut].mean(), logs[cut:].mean())
    return bool(((logs - line) ** 2).sum() < ((logs - levels) ** 2).sum())


def _shift(
    kind: Literal["step", "creep"], logs: Array, cuts: Sequence[int], first: int, last: int
) -> Shift | None:
    """The shift from the level before `first` to the one from `last` on; None where it is not sure.

    A creep runs from the middle of the one to the middle of the other.
    """
    start, stop = cuts[cuts.index(first) - 1], cuts[cuts.index(last) + 1]
    left, right = logs[start:first], logs[last:stop]
    change = np.median(right) - np.median(left)
    freedom = len(left) + len(right) - 2
    squares = ((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum()
    error = np.sqrt(squares / freedom * (1 / len(left) + 1 / len(right)))
    if abs(change) <= stdtrit(freedom, (1 + SURE) / 2) * error:
        return None
    half = stdtrit(freedom, (1 + CONFIDENCE) / 2) * error
    before, after = (first - 1, first) if kind == "step" else ((start + first) // 2, (last + stop) // 2)
    return Shift(kind, before, after, *(float(np.exp(change + way * half)) for way in (0, -1, 1)))

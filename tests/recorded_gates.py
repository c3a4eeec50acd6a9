"""Journals of gate runs that never happened: two sides in lock step with known ratios. For tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.events import End, Header, Outcome, Visit
from bench.records import Block, Case
from bench.storage.journal import Journal
from tests import recorded_runs

BLOCK_S = 0.010


@dataclass(frozen=True)
class Compared:
    """A made case on two sides, or a file that could not be collected: the true ratio head/base, how launches
    and blocks scatter, what goes wrong.

    `slower_from` is the launch from which `ratio` holds; `disturbed` the share of blocks on head that
    others took from; `skip` and `fails` hold the reason, by side.
    """

    name: str
    ratio: float = 1.0
    launch_sd: float = 0.006
    block_sd: float = 0.01
    seconds: float = 1e-4
    device: str = "cpu"
    device_ratio: float = 1.0
    slower_from: int = 0
    disturbed: float = 0.02
    skip: Mapping[str, str] | None = None
    fails: Mapping[str, str] | None = None
    params: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        whole = self.name.startswith("control::") or self.name.endswith(".py")
        return self.name if whole else f"suites/test_made.py::{self.name}"


CONTROLS = (Compared("control::interpreter", launch_sd=0.003), Compared("control::memory", launch_sd=0.01))


def twenty(**changed: Compared) -> list[Compared]:
    """Two controls and twenty cases, of which those named in `changed` are as given."""
    names = [f"test_{letter}" for letter in "abcdefghijklmnopqrst"]
    return [*CONTROLS, *(changed.get(name, Compared(name)) for name in names)]


def visits(
    cases: Iterable[Compared], launches: Iterable[int], seed: int = 1, passes: int = 3
) -> Iterable[Visit]:
    """The visits of those launches; the same seed and launch give the same times, whatever else is made."""
    for launch in launches:
        for position, case in enumerate(cases):
            random = np.random.default_rng([seed, launch, position])
            shift = random.normal(0, case.launch_sd) + np.log(case.ratio) * (launch >= case.slower_from)
            for number in range(passes):
                for side in ("base", "head"):
                    yield _visit(case, side, launch, number, shift * (side == "head"), random)


def _visit(case: Compared, side: str, launch: int, number: int, shift: float, random: Any) -> Visit:
    skipped, failed = ((each or {}).get(side) for each in (case.skip, case.fails))
    blocks = [] if skipped or failed else list(_blocks(case, side, shift, random))
    outcome: Outcome = "skipped" if skipped else "failed" if failed else "passed"
    message = skipped or failed or ""
    return Visit(case.id, launch, number, side, outcome=outcome, message=message, blocks=tuple(blocks))


def _blocks(case: Compared, side: str, shift: float, random: Any) -> Iterable[Block]:
    calls = max(1, round(BLOCK_S / case.seconds))
    for _ in range(5):
        wall_s = calls * case.seconds * float(np.exp(shift + random.normal(0, case.block_sd)))
        disturbed = side == "head" and random.random() < case.disturbed
        delay_s = wall_s / 3 if disturbed else 0.0
        yield Block("wall", 0.0, calls, wall_s * (1.5 if disturbed else 1), delay_s=delay_s, processors=2)
        if case.device != "cpu":
            device_s = wall_s * (case.device_ratio if side == "head" else 1) / 1.1
            yield Block("device", 0.0, calls, wall_s, device_s=device_s)


def _case(case: Compared) -> Case:
    path, _, name = case.id.rpartition("::")
    operation = name.partition("[")[0].removeprefix("test_")
    return Case(case.id, Path(path).stem, operation, case.device, dict(case.params or {}))


def header(name: str, settings: Mapping[str, Any] | None = None, **gate: Any) -> Header:
    """The header of a gate run with its entry `gate`."""
    base = {"revision": "origin/main", "commit": {"id": "1" * 40}}
    head = {"revision": "working tree", "commit": {"id": "2" * 40}}
    entry = {"base": base, "head": head, "settings": dict(settings or {}), **gate}
    return replace(recorded_runs.header(name), gate=entry)


def write(
    folder: Path,
    cases: Iterable[Compared],
    launches: Iterable[int] = range(25),
    settings: Mapping[str, Any] | None = None,
    seed: int = 1,
    further: Mapping[str, Any] | None = None,
    **gate: Any,
) -> Path:
    """A gate run's journal in `folder`; `further` entries of its header, and those of its entry `gate`."""
    cases = list(cases)
    with Journal.create(folder, replace(header(folder.name, settings, **gate), **(further or {}))) as journal:
        for case in cases:
            journal.append(_case(case))
        for visit in visits(cases, launches, seed):
            journal.append(visit)
        journal.append(End({"timed": 60.0, "other": 20.0}))
    return folder


def write_calibration(
    folder: Path,
    cases: Iterable[Compared],
    slowdowns: Sequence[float],
    condition: str = "idle",
    seed: int = 1,
) -> Path:
    """A calibration's recorded launches: in launch n all cases but controls are slower by slowdowns[n]."""
    cases = list(cases)
    entry = {"condition": condition, "slowdowns": list(slowdowns)}
    with Journal.create(folder, replace(header(folder.name), calibration=entry)) as journal:
        for case in cases:
            journal.append(_case(case))
        for launch, slowdown in enumerate(slowdowns):
            slowed = [
                replace(each, ratio=each.ratio * (1 if each in CONTROLS else 1 + slowdown)) for each in cases
            ]
            for visit in visits(slowed, [launch], seed):
                journal.append(visit)
    return folder

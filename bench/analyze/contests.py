"""Which contenders meet: every pair along the axis that a suite's `crossover` marker names.

Two cases meet where suite, operation, size axis and all parameters but the contender's are equal. With
more than two contenders each meets the first: the CPU, no worker, one thread, or the first collected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.crossover import Array, Curve, Duel, Found, duel, find
from bench.analyze.estimate import launch_medians, row_of_block
from bench.records import Crossing
from bench.tables import Run


@dataclass(frozen=True)
class Contest:
    """Two contenders' crossing with the ratio incumbent/challenger at each size, and what they are.

    `reuses` says, for a contest with transfers, how many calls on the same data pay for moving it: the
    transfer over what a call saves; infinite where a call saves nothing.
    """

    crossing: Crossing
    suite: str
    between: str
    sizes: tuple[float, ...]
    ratio: tuple[float, ...]
    ratio_low: tuple[float, ...]
    ratio_high: tuple[float, ...]
    reuses: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Group:
    """Cases that differ in size and contender alone: `rows[contender][size]` is a row of the run's cases."""

    suite: str
    operation: str
    axis: str
    between: str
    fixed: Mapping[str, Any]
    rows: Mapping[str, Mapping[float, int]]


@dataclass(frozen=True)
class _Pair:
    """Two contenders of a group at the sizes that both have; `rows` is the incumbent's, then the other's."""

    group: _Group
    incumbent: str
    challenger: str
    sizes: Array
    rows: NDArray[np.int_]

    @classmethod
    def of(cls, group: _Group, incumbent: str, challenger: str) -> _Pair:
        sizes = sorted(set(group.rows[incumbent]) & set(group.rows[challenger]))
        rows = [[group.rows[name][size] for size in sizes] for name in (incumbent, challenger)]
        return cls(group, incumbent, challenger, np.array(sizes), np.array(rows, dtype=int))


def contests(run: Run, blocks: pd.DataFrame, side: str = "") -> list[Contest]:
    """Every contest of a run: back to back (`throughput`), for one call (`latency`), and with transfers."""
    blocks = blocks.assign(row=row_of_block(run, blocks))
    counted = blocks[blocks["counted"]]
    wall = _levels(counted[counted["kind"] == "wall"], len(run.cases))
    measured = _levels(counted[counted["kind"] == "latency"], len(run.cases))
    # A CPU call is over when it returns: its latency is its time back to back.
    alike = np.isnan(measured[0]) & (run.cases["device"] == "cpu").to_numpy()
    latency = np.where(alike, wall, measured)
    cases = run.cases[["case", "extra", "message"]].to_dict("records")
    found: list[Contest] = []
    for group in _groups(run.cases[run.cases["side"] == side]):
        first, *others = _in_order(group.rows)
        for pair in (_Pair.of(group, first, other) for other in others):
            found += _met(pair, "throughput", wall, cases, run.ceilings or {})
            if np.isfinite(measured[0, pair.rows]).any():
                found += _met(pair, "latency", latency, cases, run.ceilings or {})
    return found


def _levels(blocks: pd.DataFrame, rows: int) -> Array:
    """Mean, squared standard error and count of the launches' ln(seconds), each for every row."""
    logs = np.log(launch_medians(blocks, "wall_s")).groupby(level=0)
    frame = pd.DataFrame({"mean": logs.mean(), "error2": logs.var() / logs.count(), "count": logs.count()})
    return np.asarray(frame.reindex(range(rows)).to_numpy(dtype=float).T)


def _groups(cases: pd.DataFrame) -> Iterator[_Group]:
    groups: dict[str, _Group] = {}
    marked = cases[(cases["axis"] != "") & (cases["between"] != "")]
    for row in marked.itertuples():
        params = {**row.params, "device": row.device}
        size = params.pop(row.axis, None)
        contender = params.pop(row.between, None)
        if contender is None or isinstance(size, bool | str | None) or not size > 0:
            continue
        key = json.dumps(
            [row.suite, row.operation, row.axis, row.between, params], sort_keys=True, default=str
        )
        group = groups.setdefault(key, _Group(row.suite, row.operation, row.axis, row.between, params, {}))
        group.rows.setdefault(str(contender), {})[float(size)] = row.Index  # type: ignore[attr-defined]
    return iter(groups.values())


def _in_order(rows: Mapping[str, Any]) -> list[str]:
    names = list(rows)
    if "cpu" in names:
        return ["cpu", *(name for name in names if name != "cpu")]
    numeric = all(name.replace(".", "", 1).isdigit() for name in names)
    return sorted(names, key=float) if numeric else names


def _met(
    pair: _Pair,
    definition: str,
    levels: Array,
    cases: Sequence[Mapping[str, Any]],
    ceilings: Mapping[str, Mapping[str, Any]],
) -> Iterator[Contest]:
    """The pair's contest with data in place, then with each transfer that the run can tell."""
    sides = levels[:, pair.rows]
    known = np.flatnonzero(np.isfinite(sides[0]).all(axis=0))
    certain = np.flatnonzero((sides[2] > 1).all(axis=0))
    if len(certain) > 1:  # a size that only one launch measured has no band: it must not hide the others
        known = certain
    incumbent, challenger = (Curve(*sides[:, side, known]) for side in (0, 1))
    links = ceilings.get(pair.challenger, {}) if pair.group.between == "device" else {}
    extra = [cases[row]["extra"] for row in pair.rows[1, known].tolist()]
    evidence = tuple(str(cases[row]["case"]) for row in pair.rows[:, known].ravel().tolist())
    messages = (cases[row]["message"] for row in pair.rows.ravel().tolist())
    for form, seconds in _transfers(links, extra).items():
        met = duel(pair.sizes[known], incumbent, challenger.plus(seconds) if form else challenger)
        found = find(met)
        if found.state == "not_measured":
            found = replace(found, reason=next(filter(None, messages), found.reason))
        saved = np.exp(incumbent.mean) - np.exp(challenger.mean)
        reuses = np.where(saved > 0, seconds / np.where(saved > 0, saved, 1), np.inf)[
            np.argsort(pair.sizes[known])
        ]
        told = _told(pair, definition + form, met, found, evidence)
        yield replace(told, reuses=tuple(reuses.tolist())) if form else told


def _transfers(links: Mapping[str, Any], extra: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Seconds to add at each size, by form: none, the inputs' transfer, then the outputs' as well."""
    seconds = np.zeros(len(extra))
    forms = {"": seconds}
    for form, way, declared in (
        (" inputs", "to_device", "input_bytes"),
        (" round_trip", "to_host", "output_bytes"),
    ):
        if way not in links or not all(declared in each for each in extra):
            break
        moved = np.array([each[declared] for each in extra], dtype=float)
        link = links[way]
        seconds = seconds + np.where(moved > 0, link["latency_s"] + moved / link["bytes_per_s"], 0)
        forms[form] = seconds
    return forms


def _told(pair: _Pair, definition: str, met: Duel, found: Found, evidence: tuple[str, ...]) -> Contest:
    """The contest as a record, its challenger the one who wins at the top where places are traded."""
    incumbent, challenger = pair.incumbent, pair.challenger
    if found.turned:
        incumbent, challenger, met = challenger, incumbent, met.turned()
    crossing = Crossing(
        operation=pair.group.operation, axis=pair.group.axis, incumbent=incumbent, challenger=challenger,
        definition=definition, state=found.state, size=found.size, low=found.low, high=found.high,
        sizes=found.sizes, smallest=float(met.sizes[0]) if len(met.sizes) else None,
        largest=float(met.sizes[-1]) if len(met.sizes) else None, launches=met.launches, reason=found.reason,
        fixed=dict(pair.group.fixed), evidence=evidence,
    )  # fmt: skip
    ratios = (tuple(np.exp(met.y + way * met.half)) for way in (0, -1, 1))
    return Contest(crossing, pair.group.suite, pair.group.between, tuple(met.sizes), *ratios)


def disordered(found: list[Contest]) -> list[str]:
    """Contests whose thresholds do not grow with the transfers added: a sign that a figure is wrong."""
    sizes: dict[tuple[Any, ...], dict[str, float]] = {}
    for contest in found:
        crossing = contest.crossing
        basis, _, form = crossing.definition.partition(" ")
        key = (
            contest.suite,
            crossing.operation,
            basis,
            crossing.challenger,
            json.dumps(dict(crossing.fixed), default=str),
        )
        if crossing.size is not None and contest.between == "device":
            sizes.setdefault(key, {})[form] = crossing.size
    order = ("", "inputs", "round_trip")
    return [
        f"{key[1]} ({key[2]}): adding transfers lowers the size from which {key[3]} wins"
        for key, by_form in sizes.items()
        if (known := [by_form[form] for form in order if form in by_form]) != sorted(known)
    ]

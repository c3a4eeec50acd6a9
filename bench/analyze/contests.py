"""Which contenders meet: every pair along the axis that a suite's `crossover` marker names.

Two cases meet where suite, operation, size axis and all parameters but the contender's are equal. With
more than two contenders each meets the first: the CPU, no worker, one thread, or the first collected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.crossover import Curve, Duel, duel, find
from bench.analyze.estimate import launch_medians, row_of_block
from bench.records import Crossing
from bench.tables import Run


@dataclass(frozen=True)
class Contest:
    """Two contenders' crossing with the ratio incumbent/challenger at each size, and what they are."""

    crossing: Crossing
    suite: str
    between: str
    sizes: tuple[float, ...]
    ratio: tuple[float, ...]
    ratio_low: tuple[float, ...]
    ratio_high: tuple[float, ...]


@dataclass(frozen=True)
class _Group:
    """Cases that differ in size and contender alone: `rows[contender][size]` is a row of the run's cases."""

    suite: str
    operation: str
    axis: str
    between: str
    fixed: Mapping[str, Any]
    rows: Mapping[str, Mapping[float, int]]


def contests(run: Run, blocks: pd.DataFrame, side: str = "") -> list[Contest]:
    """Every contest of a run: back to back (`throughput`), for one call (`latency`), and with transfers."""
    blocks = blocks.assign(row=row_of_block(run, blocks))
    counted = blocks[blocks["counted"]]
    wall = _levels(counted[counted["kind"] == "wall"], len(run.cases))
    latency = _levels(counted[counted["kind"] == "latency"], len(run.cases))
    # A CPU call is over when it returns: its latency is its time back to back.
    missing = np.isnan(latency[0]) & (run.cases["device"] == "cpu").to_numpy()
    latency = np.where(missing, wall, latency)
    found: list[Contest] = []
    for group in _groups(run.cases[run.cases["side"] == side]):
        names = _in_order(group.rows)
        for challenger in names[1:]:
            found += _contest(run, group, names[0], challenger, {"throughput": wall, "latency": latency})
    return found


def _levels(blocks: pd.DataFrame, rows: int) -> np.ndarray:
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


def _contest(
    run: Run, group: _Group, incumbent: str, challenger: str, levels: Mapping[str, np.ndarray]
) -> Iterator[Contest]:
    """The pair's contests under every definition that there is data for."""
    both = sorted(set(group.rows[incumbent]) & set(group.rows[challenger]))
    rows = [[group.rows[name][size] for size in both] for name in (incumbent, challenger)]
    for definition, level in levels.items():
        sides = [level[:, of_side] for of_side in rows]
        known = np.flatnonzero(np.isfinite(sides[0][0]) & np.isfinite(sides[1][0]))
        if definition == "latency" and not len(known):
            continue
        left, right = (Curve(*side[:, known]) for side in sides)
        sizes = np.array(both)[known]
        extra = [run.cases["extra"].iat[rows[1][k]] for k in known]
        for suffix, seconds in _transfers(run, group, challenger, extra).items():
            met = duel(sizes, left, right.plus(seconds) if suffix else right)
            evidence = tuple(run.cases["case"].iat[side[k]] for side in rows for k in known)
            yield _told(group, incumbent, challenger, definition + suffix, met, evidence, run, rows)


def _transfers(
    run: Run, group: _Group, challenger: str, extra: list[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Seconds to add at each size, by definition: none, the inputs' transfer, inputs' and outputs'."""
    forms = {"": np.zeros(len(extra))}
    links = (run.ceilings or {}).get(challenger) or {} if group.between == "device" else {}
    seconds = forms[""]
    for suffix, link, key in (
        (" inputs", "to_device", "input_bytes"),
        (" round_trip", "to_host", "output_bytes"),
    ):
        if link not in links or not all(key in each for each in extra):
            break
        moved = np.array([each[key] for each in extra], dtype=float)
        seconds = seconds + np.where(
            moved > 0, links[link]["latency_s"] + moved / links[link]["bytes_per_s"], 0
        )
        forms[suffix] = seconds
    return forms


def _told(
    group: _Group, incumbent: str, challenger: str, definition: str, met: Duel, evidence: tuple[str, ...],
    run: Run, rows: list[list[int]],
) -> Contest:  # fmt: skip
    found = find(met)
    if found.state == "not_measured":
        found = replace(found, reason=_why_missing(run, rows) or found.reason)
    if found.turned:
        incumbent, challenger, met = challenger, incumbent, met.turned()
    crossing = Crossing(
        operation=group.operation, axis=group.axis, incumbent=incumbent, challenger=challenger,
        definition=definition, state=found.state, size=found.size, low=found.low, high=found.high,
        sizes=found.sizes, smallest=met.sizes[0] if len(met.sizes) else None,
        largest=met.sizes[-1] if len(met.sizes) else None, launches=met.launches, reason=found.reason,
        fixed=dict(group.fixed), evidence=evidence,
    )  # fmt: skip
    ratios = (np.exp(met.y), np.exp(met.y - met.half), np.exp(met.y + met.half))
    return Contest(crossing, group.suite, group.between, tuple(met.sizes), *map(tuple, ratios))


def _why_missing(run: Run, rows: list[list[int]]) -> str:
    """The first reason that a case of the pair has for having no times."""
    messages = (run.cases["message"].iat[row] for side in rows for row in side)
    return next(filter(None, messages), "")


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

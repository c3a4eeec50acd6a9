"""Which contenders meet: every pair along the axis that a suite's `crossover` marker names.

Two cases meet where suite, operation, size axis and all parameters but the contender's are equal. With
more than two contenders each meets the first: the CPU, no worker, one thread, or the first collected.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.contests.crossover import Array, Place, duel, find
from bench.analyze.contests.transfers import reuses, transfers
from bench.analyze.estimates.estimate import launch_medians
from bench.analyze.estimates.visits import row_of_block
from bench.records import Crossing
from bench.storage.tables import Run

Cases = Sequence[Mapping[str, Any]]

SUMMED = "transfers added as the link's own times"
"""What is noted of a contest whose transfers were not timed with its calls."""


@dataclass(frozen=True)
class Contest:
    """Two contenders' crossing with the ratio incumbent/challenger at each size, and what they are.

    `launches` are those of the contender that had fewer, at each size; `places` every crossing with its
    interval. `reuses` says, for a contest with transfers, how many calls on the same data pay for moving it:
    the transfer over what a call saves; infinite where a call saves nothing.
    """

    crossing: Crossing
    suite: str
    between: str
    sizes: tuple[float, ...]
    ratio: tuple[float, ...]
    ratio_low: tuple[float, ...]
    ratio_high: tuple[float, ...]
    launches: tuple[int, ...]
    places: tuple[Place, ...] = ()
    reuses: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Group:
    """Cases that differ in size and contender alone, and in what is moved in each call.

    `rows[form][contender][size]` is a row of the run's cases; the form is "" where data stays in place.
    """

    suite: str
    operation: str
    axis: str
    between: str
    fixed: Mapping[str, Any]
    rows: dict[str, dict[str, dict[float, int]]]


@dataclass(frozen=True)
class _Pair:
    """Two contenders of a group at the sizes that both have; `rows` is the incumbent's, then the other's,
    then the other's with its data in place.
    """

    group: _Group
    incumbent: str
    challenger: str
    form: str
    sizes: Array
    rows: NDArray[np.int_]

    @classmethod
    def of(cls, group: _Group, incumbent: str, challenger: str, form: str) -> Self:
        resident, moved = group.rows[""], group.rows[form]
        series = (resident[incumbent], moved[challenger], resident[challenger])
        sizes = sorted(set.intersection(*map(set, series)))
        rows = [[each[size] for size in sizes] for each in series]
        return cls(group, incumbent, challenger, form, np.array(sizes), np.array(rows, dtype=int))


def contests(run: Run, blocks: pd.DataFrame, side: str = "") -> list[Contest]:
    """Every contest of a run: back to back (`throughput`), for one call (`latency`), and with transfers."""
    blocks = blocks.assign(row=row_of_block(run, blocks))
    wall = _logs(blocks[blocks["kind"] == "wall"], run)
    measured = _logs(blocks[blocks["kind"] == "latency"], run)
    # A CPU call is over when it returns: its latency is its time back to back.
    alike = np.isnan(measured).all(axis=1) & (run.cases["device"] == "cpu").to_numpy()
    latency = np.where(alike[:, None], wall, measured)
    cases = run.cases[["case", "extra", "message"]].to_dict("records")
    result: list[Contest] = []
    for group in _groups(run.cases[run.cases["side"] == side]):
        first, *others = _in_order(group.rows[""])
        forms = sorted(group.rows.items())  # "" comes first: the data in place
        challenges = [(other, form) for other in others for form, rows in forms if other in rows]
        for challenger, form in challenges:
            pair = _Pair.of(group, first, challenger, form)
            result += _of_pair(pair, "throughput", wall, cases, run.ceilings or {})
            if np.isfinite(measured[pair.rows]).any():
                result += _of_pair(pair, "latency", latency, cases, run.ceilings or {})
    return result


def _logs(blocks: pd.DataFrame, run: Run) -> Array:
    """The ln(seconds) of every row in every launch of the run, NaN where it was not measured.

    A launch in which the processor ran at another pace throughout counts as well: what that did to both
    contenders cancels, and where it does not, the interval is wider.
    """
    at_pace, off_pace = (_medians(blocks[blocks[name]], run) for name in ("counted", "off_pace"))
    return np.where(np.isnan(at_pace), off_pace, at_pace)


def _medians(blocks: pd.DataFrame, run: Run) -> Array:
    logs = np.log(launch_medians(blocks, "wall_s")).unstack("launch")
    launches = range(int(run.blocks["launch"].max()) + 1 if len(run.blocks) else 0)
    return np.asarray(logs.reindex(index=range(len(run.cases)), columns=launches), dtype=float)


def _groups(cases: pd.DataFrame) -> Iterator[_Group]:
    """The groups that have a contender with its data in place."""
    groups: dict[str, _Group] = {}
    marked = cases[(cases["axis"] != "") & (cases["between"] != "")]
    for row in marked.itertuples():
        for operation, form, between, params in _parts(row):
            size, contender = params.pop(row.axis, None), params.pop(between, None)
            if contender is None or isinstance(size, bool | str | None) or not size > 0:
                continue
            key = json.dumps([row.suite, operation, row.axis, between, params], sort_keys=True, default=str)
            group = groups.setdefault(key, _Group(row.suite, operation, row.axis, between, params, {}))
            group.rows.setdefault(form, {}).setdefault(str(contender), {})[float(size)] = row.Index
    return (group for group in groups.values() if "" in group.rows)


def _parts(row: Any) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """What a case takes part in: operation, form, what competes, and the parameters."""
    params = {**row.params, "device": row.device}
    yield row.operation, "", row.between, dict(params)
    if resident := row.extra.get("resident"):
        form = str(params.pop("trip", "moved"))
        yield str(resident), form, "device", params


def _in_order(rows: Mapping[str, Any]) -> list[str]:
    names = list(rows)
    if "cpu" in names:
        return ["cpu", *(name for name in names if name != "cpu")]
    numeric = all(name.replace(".", "", 1).isdigit() for name in names)
    return sorted(names, key=float) if numeric else names


def _of_pair(
    pair: _Pair, basis: str, logs: Array, cases: Cases, ceilings: Mapping[str, Mapping[str, Any]]
) -> Iterator[Contest]:
    """The pair's contest, and those with each transfer that is not timed but known from the run's links."""
    series = logs[pair.rows]
    measured = np.flatnonzero(np.isfinite(series).any(axis=2).all(axis=0))
    incumbent, challenger = series[:2, measured]
    contest = _contest(pair, basis, measured, (incumbent, challenger), cases)
    if pair.form:
        yield replace(contest, reuses=reuses(*np.exp(np.nanmean(series[:, measured], axis=2))))
        return
    yield contest
    links = ceilings.get(pair.challenger, {}) if pair.group.between == "device" else {}
    extra = [cases[row]["extra"] for row in pair.rows[1, measured].tolist()]
    for form, seconds in transfers(links, extra).items():
        if form not in pair.group.rows:
            moved = np.log(np.exp(challenger) + seconds[:, None])
            summed = _contest(replace(pair, form=form), basis, measured, (incumbent, moved), cases)
            incumbent_s, resident_s = np.exp(np.nanmean(series[:2, measured], axis=2))
            reason = "; ".join(filter(None, [summed.crossing.reason, SUMMED]))
            crossing = replace(summed.crossing, reason=reason)
            pays = reuses(incumbent_s, resident_s + seconds, resident_s)
            yield replace(summed, crossing=crossing, reuses=pays)


def _contest(
    pair: _Pair, basis: str, measured: NDArray[np.int_], logs: tuple[Array, Array], cases: Cases
) -> Contest:
    """The contest as a record, its challenger the one who wins at the top where places are traded."""
    ratios = duel(pair.sizes[measured], *logs)
    outcome = find(ratios)
    if outcome.state == "not_measured":
        messages = (cases[row]["message"] for row in pair.rows.ravel().tolist())
        outcome = replace(outcome, reason=next(filter(None, messages), outcome.reason))
    incumbent, challenger = pair.incumbent, pair.challenger
    if outcome.turned:
        incumbent, challenger, ratios = challenger, incumbent, ratios.turned()
    last = outcome.places[-1] if outcome.places else None
    size, low, high = (last.size, last.low, last.high) if last else (None, None, None)
    banded = ratios.banded().launches
    crossing = Crossing(
        operation=pair.group.operation, axis=pair.group.axis, incumbent=incumbent, challenger=challenger,
        definition=f"{basis} {pair.form}".strip(), state=outcome.state, size=size, low=low, high=high,
        sizes=tuple(place.size for place in outcome.places),
        smallest=float(ratios.sizes[0]) if len(ratios.sizes) else None,
        largest=float(ratios.sizes[-1]) if len(ratios.sizes) else None,
        launches=int(banded.min()) if len(banded) else 0, reason=outcome.reason,
        fixed=dict(pair.group.fixed),
        evidence=tuple(str(cases[row]["case"]) for row in pair.rows[:2, measured].ravel().tolist()),
    )  # fmt: skip
    bounds = (ratios.y, ratios.y - ratios.half, ratios.y + ratios.half)
    at_sizes = (ratios.sizes, *map(np.exp, bounds), ratios.launches)
    sizes, ratio, ratio_low, ratio_high, launches = (tuple(each.tolist()) for each in at_sizes)
    return Contest(
        crossing, pair.group.suite, pair.group.between, sizes, ratio, ratio_low, ratio_high, launches,
        outcome.places,
    )  # fmt: skip

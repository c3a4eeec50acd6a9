"""Which contender wins, and from which size: every contest of a run, and what comes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.contests.best import may_be_best, ranges_of_many
from bench.analyze.contests.busy import busy_shares, joined, waits_for_host
from bench.analyze.contests.crossover import Outcome, Place, find
from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.groups import Pair, groups, pairs
from bench.analyze.contests.levels import Array, Means, Meeting, means, meeting, points
from bench.analyze.contests.ranges import Range, ranges_of_two
from bench.analyze.contests.transfers import reuses, transfers
from bench.analyze.estimates.confidence import Confidence, lowest
from bench.analyze.estimates.estimate import ENDED
from bench.records import Crossing
from bench.storage.tables import Run

SUMMED = "transfers added as the link's own times"
"""What is noted of a contest whose transfers were not timed with its calls."""


@dataclass(frozen=True)
class Contest:
    """Two contenders' crossing with the ratio incumbent/challenger at each size, and what they are.

    The ratio is that of the curve through all sizes, with its 95 % band. `launches` are those of the
    contender that had fewer, at each size; `places` every crossing with its interval. `reuses` says, for a
    contest with transfers, how many calls on the same data pay for moving it: the transfer over what a call
    saves; infinite where a call saves nothing. `curve` is None where nothing was measured.
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
    curve: Curve | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Choice:
    """All contenders of a group set against each other: what is known, by ranges of sizes; none where nothing
    was measured, for the `reason`.

    `contests` are those of the first contender that meets any with each other one. `may_be_best` has at each
    size those that are not known to be slower than another there.
    """

    suite: str
    operation: str
    axis: str
    between: str
    definition: str
    fixed: Mapping[str, Any]
    contenders: tuple[str, ...]
    ranges: tuple[Range, ...]
    contests: tuple[Contest, ...]
    reason: str = ""
    may_be_best: Mapping[float, tuple[str, ...]] = field(default_factory=dict)

    @property
    def confidence(self) -> Confidence:
        """That of the contest as a whole, wherever it is said: the lowest of its ranges."""
        return lowest(each.confidence for each in self.ranges)


@dataclass(frozen=True)
class _Match:
    """A pair as it was timed in one way, or would be with a transfer added; `note` says which."""

    pair: Pair
    basis: str
    meeting: Meeting
    measured: NDArray[np.int_]
    reuses: tuple[float, ...] = ()
    note: str = ""

    @property
    def definition(self) -> str:
        return f"{self.basis} {self.pair.form}".strip()


@dataclass(frozen=True)
class _Met:
    """A match with what came of it."""

    match: _Match
    curve: Curve | None
    outcome: Outcome


def contests(run: Run, blocks: pd.DataFrame, side: str = "") -> list[Contest]:
    """Every contest of a run of the first contender of a group with another."""
    return [contest for choice in choices(run, blocks, side) for contest in choice.contests]


def choices(run: Run, blocks: pd.DataFrame, side: str = "") -> list[Choice]:
    """Every choice of a run: back to back (`throughput`), for one call (`latency`), and with transfers."""
    matches = list(_matches(run, blocks, side))
    known = points([match.meeting for match in matches])
    fitted = iter(curves([each for each in known if len(each.sizes)]))
    by_choice: dict[tuple[int, str], list[_Met]] = {}
    for match, each in zip(matches, known, strict=True):
        curve = next(fitted) if len(each.sizes) else None
        outcome = (
            find(curve, match.pair.named) if curve else Outcome("not_measured", reason=_why_not(match, run))
        )
        by_choice.setdefault((id(match.pair.group), match.definition), []).append(_Met(match, curve, outcome))
    return [_choice(met, run.cases["case"]) for met in by_choice.values()]


def _why_not(match: _Match, run: Run) -> str:
    """What was said of a case that has no times, if anything was; else that the run did not get so far."""
    cases = run.cases.iloc[match.pair.rows.ravel()]
    never_reached = bool((cases["outcome"] == "").any())
    otherwise = ENDED if never_reached else "no size was measured with both"
    return next((str(message) for message in cases["message"] if message), otherwise)


def _choice(met: Sequence[_Met], names: pd.Series) -> Choice:
    pair, definition = met[0].match.pair, met[0].match.definition
    contenders = tuple(pair.group.contenders(pair.form))
    against_first = [each for each in met if each.match.pair.incumbent == pair.incumbent]
    timed = {_names(each): each.curve for each in met if each.curve}
    candidates = may_be_best(contenders, timed)
    if len(contenders) == 2 and timed:
        ranges = ranges_of_two(*timed.popitem(), met[0].outcome)
    else:
        ranges = ranges_of_many(contenders, timed, pair.group.between)
    return Choice(
        pair.group.suite, pair.group.operation, pair.group.axis, pair.group.between, definition,
        pair.group.fixed, contenders, ranges, tuple(_contest(each, names) for each in against_first),
        "" if ranges else met[0].outcome.reason, candidates,
    )  # fmt: skip


def _names(met: _Met) -> tuple[str, str]:
    return met.match.pair.incumbent, met.match.pair.challenger


def _matches(run: Run, blocks: pd.DataFrame, side: str) -> Iterator[_Match]:
    """Every pair in every way it was timed, the transfers' times added where they are known."""
    wall, latency = (means(run, blocks, kind) for kind in ("wall", "latency"))
    measured = np.asarray(np.isfinite(latency.log).any(axis=1))
    busy = busy_shares(run, blocks)
    # A CPU call is over when it returns: its latency is its time back to back.
    alike = ~measured & (run.cases["device"] == "cpu").to_numpy()
    latency = latency.or_of(wall, alike)
    for group in groups(run.cases[run.cases["side"] == side]):
        for pair in pairs(group):
            yield from _of_pair(pair, "throughput", wall, run, busy)
            if measured[pair.rows].any():
                yield from _of_pair(pair, "latency", latency, run, busy)


def _of_pair(pair: Pair, basis: str, timed: Means, run: Run, busy: Array) -> Iterator[_Match]:
    """The pair's match, and those with each transfer that is not timed but known from the run's links."""
    one, other, resident = (timed.of_rows(rows) for rows in pair.rows)
    both = np.flatnonzero(np.isfinite(one.log).any(axis=1) & np.isfinite(other.log).any(axis=1))
    one, other, resident = (each.of_rows(both) for each in (one, other, resident))
    met = meeting(pair.sizes[both], one, other)
    if pair.form:
        pays = reuses(one.seconds(), other.seconds(), resident.seconds())
        yield _Match(pair, basis, met, both, pays)
        return
    devices = pair.group.between == "device"
    host = waits_for_host(pair.challenger, busy[pair.rows[1, both]]) if devices else ""
    yield _Match(pair, basis, met, both, note=host)
    links = (run.ceilings or {}).get(pair.challenger, {}) if pair.group.between == "device" else {}
    if pair.incumbent != pair.group.contenders("")[0]:
        return
    extra = [run.cases["extra"].iat[row] for row in pair.rows[1, both]]
    for form, seconds in transfers(links, extra).items():
        if form not in pair.group.rows:
            pays = reuses(one.seconds(), other.seconds() + seconds, other.seconds())
            summed = meeting(pair.sizes[both], one, other.plus(seconds))
            yield _Match(replace(pair, form=form), basis, summed, both, pays, joined([SUMMED, host]))


def _contest(met: _Met, names: pd.Series) -> Contest:
    """The contest as a record, its challenger the one who wins at the top where places are traded."""
    pair, outcome, curve = met.match.pair, met.outcome, met.curve
    incumbent, challenger = _names(met)
    if outcome.turned and curve:
        incumbent, challenger, curve = challenger, incumbent, curve.turned()
    last = outcome.places[-1] if outcome.places else None
    size, low, high = (last.size, last.low, last.high) if last else (None, None, None)
    sizes = met.match.meeting.sizes.tolist()
    launches = met.match.meeting.launches.tolist()
    crossing = Crossing(
        operation=pair.group.operation, axis=pair.group.axis, incumbent=incumbent, challenger=challenger,
        definition=met.match.definition, state=outcome.state, size=size, low=low, high=high,
        sizes=tuple(place.size for place in outcome.places), smallest=min(sizes, default=None),
        largest=max(sizes, default=None), launches=min(launches, default=0),
        reason="; ".join(filter(None, [outcome.reason, met.match.note])), fixed=dict(pair.group.fixed),
        evidence=tuple(str(names.iat[row]) for row in pair.rows[:2, met.match.measured].ravel()),
    )  # fmt: skip
    band = np.exp(np.array(curve.band)[:, curve.at_points]) if curve else np.empty((3, 0))
    ratio_low, ratio, ratio_high = (tuple(each.tolist()) for each in band)
    return Contest(
        crossing, pair.group.suite, pair.group.between, tuple(sizes), ratio, ratio_low, ratio_high,
        tuple(launches), outcome.places, met.match.reuses, curve,
    )  # fmt: skip

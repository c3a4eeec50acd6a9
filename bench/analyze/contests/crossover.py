"""Where two contenders trade places along a size axis, with an interval, or what else is known of them.

Read from the curve y(s) = ln(time of the incumbent / time of the challenger) with its 95 % band: positive
where the challenger is faster. A place is decided where the band lies on one side of zero, and *level* where
the whole band lies within TIE of it: no difference that matters. Between two decided places on different
sides lies a crossing; its interval is that of the draws' crossings there. Definitions follow GPU-BLOB (a
*sustained* threshold, one-point dips ignored), which gives neither interval nor states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Array
from bench.analyze.estimates.intervals import CONFIDENCE
from bench.records import CrossingState

TIE = 0.05
"""Ratio within which two contenders are equally good to anyone who must choose between them."""

MIN_LEVEL = 2
"""Sizes at the upper end, half of those measured at least, at which contenders must be level to be equal."""

EXACT = 1e-3
"""Error of points that are taken for exact: nobody tells contenders apart that differ by less."""

BETWEEN = "open between the sizes measured"
"""What is noted where one is ahead at all sizes measured, and the band holds more between them."""

AHEAD, BEHIND, LEVEL, OPEN = 1, -1, 0, 2
"""What is known at a place: the challenger is faster, slower, neither by more than TIE, or not known."""

Codes = NDArray[np.int_]


@dataclass(frozen=True)
class Place:
    """Where two contenders trade places: a size, and the ends of its 95 % interval."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class Stretch:
    """A range of sizes with one answer: who is ahead there, `AHEAD`, `BEHIND`, `LEVEL` or `OPEN`."""

    code: int
    smallest: float
    largest: float


@dataclass(frozen=True)
class Outcome:
    """What a curve says: `crosses_at` and `multiple` have `turned` where the incumbent wins at the top.

    The last of the `places` is the sustained crossing. `stretches` are those of the curve as given.
    """

    state: CrossingState
    places: tuple[Place, ...] = ()
    reason: str = ""
    turned: bool = False
    stretches: tuple[Stretch, ...] = ()


def find(curve: Curve, names: tuple[str, str] = ("incumbent", "challenger")) -> Outcome:
    """What the curve says; a reason calls the contenders by their names."""
    low, _, high = curve.band
    codes = _codes(low, high)
    runs, dips = _without_dips(_decided(curve, codes))
    if len(runs) > 1:
        return _traded(curve, runs, dips)
    return _one_sided(curve, names, dips)


def _codes(low: Array, high: Array) -> Codes:
    level = (low >= -np.log1p(TIE)) & (high <= np.log1p(TIE))
    decided = np.where(low > 0, AHEAD, np.where(high < 0, BEHIND, OPEN))
    return np.where(level, LEVEL, decided)


def suggested(curve: Curve) -> tuple[Place, ...]:
    """Where the curve's middle changes sides, by more than a tie, from size to size: with intervals that only
    say what the *shape* leaves open between the sizes, as if the points had no error.
    """
    middle = np.median(curve.draws[:, curve.at_points], axis=0)
    codes = np.full(len(curve.x), OPEN)
    codes[curve.at_points] = np.where(np.abs(middle) > np.log1p(TIE), np.sign(middle), LEVEL)
    runs, _ = _without_dips(_decided(curve, codes))
    if len(runs) < 2:
        return ()  # before a curve is fitted, since most contests have one winner
    exact, *_ = curves([replace(curve.points, y=middle, error=np.full(len(middle), EXACT))])
    return tuple(_locate(exact, left.last, right.first, right.code) for left, right in pairwise(runs))


@dataclass(frozen=True)
class _Run:
    """Places next to each other, undecided ones left aside, at which the same contender is ahead: the first
    and the last along the curve, and the measured sizes among them."""

    code: int
    first: int
    last: int
    sizes: tuple[float, ...]


def _decided(curve: Curve, codes: Codes) -> list[_Run]:
    """The runs of one contender's lead that hold a measured size: nobody was seen ahead between sizes."""
    decided = np.flatnonzero(np.abs(codes) == AHEAD)
    size_at = dict(zip(curve.at_points.tolist(), curve.points.sizes.tolist(), strict=True))
    runs: list[_Run] = []
    for code, group in groupby(decided.tolist(), key=lambda position: int(codes[position])):
        positions = list(group)
        sizes = tuple(size_at[position] for position in positions if position in size_at)
        if runs and runs[-1].code == code:
            runs[-1] = _Run(code, runs[-1].first, positions[-1], runs[-1].sizes + sizes)
        elif sizes:
            runs.append(_Run(code, positions[0], positions[-1], sizes))
    return runs


def _without_dips(runs: Sequence[_Run]) -> tuple[list[_Run], list[float]]:
    """The runs without those of one size between longer ones; and these sizes."""
    dips = [
        run
        for before, run, after in zip(runs, runs[1:], runs[2:], strict=False)
        if len(run.sizes) == 1 < min(len(before.sizes), len(after.sizes))
    ]
    kept: list[_Run] = []
    for run in runs:
        if run in dips:
            continue
        if kept and kept[-1].code == run.code:
            kept[-1] = _Run(run.code, kept[-1].first, run.last, kept[-1].sizes + run.sizes)
        else:
            kept.append(run)
    return kept, [dip.sizes[0] for dip in dips]


def _traded(curve: Curve, runs: Sequence[_Run], dips: Sequence[float]) -> Outcome:
    """The outcome where the lead changes."""
    places = tuple(_locate(curve, left.last, right.first, right.code) for left, right in pairwise(runs))
    ends = [curve.points.sizes[0], *(place.size for place in places), curve.points.sizes[-1]]
    stretches = [
        Stretch(run.code, float(a), float(b)) for run, (a, b) in zip(runs, pairwise(ends), strict=True)
    ]
    state: CrossingState = "crosses_at" if len(places) == 1 else "multiple"
    reason = f"except at {spans(curve.points.sizes, np.isin(curve.points.sizes, dips))}" if dips else ""
    return Outcome(state, places, reason, runs[-1].code == BEHIND, tuple(stretches))


def _locate(curve: Curve, left: int, right: int, code: int) -> Place:
    """The crossing between two places along the curve at which different contenders are ahead."""
    x, rising = curve.x[left : right + 1], code * curve.draws[:, left : right + 1]
    first = _first_rise(x, rising, curve.steps)
    last = -_first_rise(-x[::-1], -rising[:, ::-1], -curve.steps)
    crossings = (first + last) / 2
    tail = (1 - CONFIDENCE) / 2
    low, middle, high = np.exp(np.quantile(crossings, [tail, 0.5, 1 - tail]))
    return Place(float(middle), float(low), float(high))


def _first_rise(x: Array, y: Array, steps: Array) -> Array:
    """Of each row the first x at which y reaches zero, by straight lines or a step; else an end."""
    above = y >= 0
    i = np.where(above.any(axis=1), above.argmax(axis=1), y.shape[1] - 1)
    row, before = np.arange(len(y)), np.maximum(i - 1, 0)
    a, b = y[row, before], y[row, i]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(np.where(b > a, -a / (b - a), 1.0), 0, 1)
    by_step = (x[before] <= steps) & (steps <= x[i])
    return np.asarray(np.where(by_step, steps, x[before] + (x[i] - x[before]) * share))


def _one_sided(curve: Curve, names: tuple[str, str], dips: Sequence[float]) -> Outcome:
    """The outcome where the lead never changes: equal, ahead throughout, or not known well enough."""
    low, _, high = curve.band
    codes, sizes = _codes(low, high), curve.points.sizes
    at_sizes = codes[curve.at_points]
    stretches = _stretches(at_sizes, sizes)
    level_from = int(np.flatnonzero(codes != LEVEL).max(initial=-1)) + 1
    level = int((curve.at_points >= level_from).sum())
    if level >= max(MIN_LEVEL, len(sizes) / 2) or level == len(sizes):
        return Outcome("equal", reason=_told(curve, names) if level < len(sizes) else "", stretches=stretches)
    leaders = {AHEAD, BEHIND} & set(at_sizes.tolist())
    leader = leaders.pop() if len(leaders) == 1 else 0
    least = low if leader == AHEAD else -high
    never_behind = least > -np.log1p(TIE)
    if leader and not dips and never_behind[curve.at_points].all():
        others = at_sizes != leader
        told = [f"level or not told apart at {spans(sizes, others)}"] if others.any() else []
        reason = "; ".join(told if never_behind.all() else [*told, BETWEEN])
        throughout = (Stretch(leader, float(sizes[0]), float(sizes[-1])),)
        return Outcome("always_faster" if leader == AHEAD else "never", (), reason, stretches=throughout)
    return Outcome("inconclusive", reason=_told(curve, names), stretches=stretches)


def _stretches(at_sizes: Codes, sizes: Array) -> tuple[Stretch, ...]:
    """Sizes next to each other of which the same is known."""
    result, start = [], 0
    for code, group in groupby(at_sizes.tolist()):
        end = start + len(list(group))
        result.append(Stretch(int(code), float(sizes[start]), float(sizes[end - 1])))
        start = end
    return tuple(result)


def _told(curve: Curve, names: tuple[str, str]) -> str:
    """What is known though not all is settled: who is ahead at how many sizes, and by how much."""
    band = np.array(curve.band)[:, curve.at_points]
    codes, sizes = _codes(band[0], band[2]), curve.points.sizes
    known = []
    for code, who in ((AHEAD, names[1]), (BEHIND, names[0])):
        if (at := codes == code).any():
            where = f"{who} ahead at {spans(sizes, at)} ({at.sum()} of {len(codes)} sizes)"
            known.append(f"{where}, {_ratios(code * band[1, at])}")
    if (at := codes == LEVEL).any():
        known.append(f"level at {spans(sizes, at)}")
    if (at := codes == OPEN).any():
        known.append(
            f"not told apart at {spans(sizes, at)}, where {names[1]} is {_ratios(band[:, at])} as fast"
        )
    return "; ".join(known)


def _ratios(logs: Array) -> str:
    """The ratios from the smallest to the largest, as "1.1–2.2 ×"."""
    ratios = np.exp([logs.min(), logs.max()])
    ends = dict.fromkeys(f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}" for ratio in ratios)
    return f"{'–'.join(ends)} ×"


def spans(sizes: Array, chosen: NDArray[np.bool_]) -> str:
    """The sizes chosen, those next to each other as "84 to 144"."""
    texts, start = [], 0
    for among, group in groupby(chosen.tolist()):
        end = start + len(list(group))
        if among:
            ends = dict.fromkeys(f"{size:.8g}" for size in (sizes[start], sizes[end - 1]))
            texts.append(" to ".join(ends))
        start = end
    return ", ".join(texts)

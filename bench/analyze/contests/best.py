"""Many contenders as one contest: per size the best, and those that cannot be told from it.

J. C. Hsu, "Multiple comparisons: theory and methods" (1996), chapter 4: comparisons with the best. At each
size a contender may be the best unless another is faster by more than a margin that holds for all
comparisons at once. Sizes next to each other belong together as long as one contender may be the best at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from bench.analyze.contests.crossover import TIE, Place, find
from bench.analyze.contests.curve import Curve
from bench.analyze.contests.levels import NORMAL, Array
from bench.analyze.contests.ranges import Range, Ratio, gain_of, within
from bench.analyze.estimates.confidence import Confidence, of_band, of_crossing, of_interval
from bench.analyze.estimates.intervals import CONFIDENCE
from bench.analyze.names import contender
from bench.records import CrossingState

NODES = 40
"""Points of Gauss and Hermite's rule: the margin's fourth digit no longer changes."""

Curves = Mapping[tuple[str, str], Curve]
"""The curve of every two contenders that met, named in the contenders' order."""


@cache
def margin(others: int) -> float:
    """Standard errors by which one must be slower than another to be told from the best of so many others.

    The upper 5 % point of the largest of that many normal values with correlation 1/2 (C. W. Dunnett, "A
    multiple comparison procedure for comparing several treatments with a control", JASA 50, 1955).
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)

    def chance(bound: float) -> float:
        return float(weights @ ndtr(2**0.5 * bound - nodes) ** others / weights.sum())

    return float(brentq(lambda bound: chance(bound) - CONFIDENCE, 0.0, 10.0))


@dataclass(frozen=True)
class _Size:
    """What is known at a size: ln(time of the row / time of the column) with its standard error, of every two
    contenders; NaN where one was not timed."""

    size: float
    log: Array
    error: Array
    launches: int
    visits: int

    @property
    def present(self) -> set[int]:
        return set(np.flatnonzero(np.isfinite(self.log).any(axis=1)).tolist())

    @property
    def beaten(self) -> set[int]:
        """Those that are known to be slower than another."""
        beyond = self.log - margin(len(self.present) - 1) * self.error > 0
        return {i for i in self.present if beyond[i].any()}

    @property
    def best(self) -> set[int]:
        return self.present - self.beaten

    @property
    def widest(self) -> float:
        """How far two may lie apart, by their whole intervals."""
        return float(np.nanmax(np.abs(self.log) + NORMAL * self.error))


def ranges_of_many(names: Sequence[str], curves: Curves, between: str) -> tuple[Range, ...]:
    """The ranges of three contenders or more; `between` says what they are, as `contender` does."""
    sizes = list(_sizes(names, curves))
    ranges = [_of_range(names, curves, among, best, between) for among, best in _ranges(sizes)]
    won = [each for each in ranges if each.winner]
    changes = sum(a.winner != b.winner for a, b in pairwise(won))
    state: CrossingState = "crosses_at" if changes == 1 else "multiple"
    places = [_place(names, curves, sizes, a, b) for a, b in pairwise(ranges)]
    for i, each in enumerate(ranges):
        place = places[max(i - 1, 0)] if places else None
        if each.winner and changes and place:
            confidence = of_crossing(place.low, place.high)
            ranges[i] = replace(each, state=state, place=place, confidence=confidence)
    return tuple(ranges)


def may_be_best(names: Sequence[str], curves: Curves) -> dict[float, tuple[str, ...]]:
    """At each size, ascending, those that are not known to be slower than another."""
    return {each.size: tuple(names[i] for i in sorted(each.best)) for each in _sizes(names, curves)}


def _place(
    names: Sequence[str], curves: Curves, sizes: Sequence[_Size], below: Range, above: Range
) -> Place | None:
    """Where one range's winner hands over to the next's: after the last size at which the next is known to be
    slower than another. Anywhere from there to the next's own range if no curve tells.
    """
    if not (below.winner and above.winner):
        return None
    pair = below.winner, above.winner
    curve = curves.get(pair) or curves.get(pair[::-1])
    places = find(curve).places if curve else ()
    inside = [each for each in sizes if below.smallest <= each.size <= below.largest]
    behind = [each.size for each in inside if names.index(above.winner) not in each.best]
    low, high = max(behind, default=below.smallest), above.smallest
    near = [place for place in places if place.low <= high and place.high >= low]
    return near[-1] if near else Place((low * high) ** 0.5, low, high)


def _sizes(names: Sequence[str], curves: Curves) -> Iterator[_Size]:
    for size in sorted({size for curve in curves.values() for size in curve.points.sizes.tolist()}):
        log, error = np.full((2, len(names), len(names)), np.nan)
        launches, visits = [], []
        for (one, other), curve in curves.items():
            at = np.flatnonzero(curve.points.sizes == size)
            if len(at):
                i, j, draws = names.index(one), names.index(other), curve.draws[:, curve.at_points[at[0]]]
                log[i, j], error[i, j] = np.median(draws), draws.std()
                log[j, i], error[j, i] = -log[i, j], error[i, j]
                launches.append(int(curve.points.launches[at[0]]))
                visits.append(int(curve.points.visits[at[0]]))
        yield _Size(size, log, error, min(launches), min(visits))


def _ranges(sizes: Sequence[_Size]) -> Iterator[tuple[list[_Size], set[int]]]:
    """Sizes next to each other at which one contender may be the best throughout, and all who may."""
    kept: list[_Size] = []
    candidates: set[int] = set()
    for size in sizes:
        if kept and not candidates & size.best:
            yield kept, candidates
            kept = []
        candidates = candidates & size.best if kept else size.best
        kept.append(size)
    if kept:
        yield kept, candidates


def _clears(sizes: Sequence[_Size], first: int, beaten: set[int]) -> Confidence:
    """How well it is known that one is faster at all sizes than each of those that are beaten at some."""
    pairs = [(size.log[other, first], size.error[other, first]) for size in sizes for other in beaten]
    log, error = np.array([pair for pair in pairs if np.isfinite(pair[0])]).reshape(-1, 2).T
    return of_band(np.exp(log - NORMAL * error), np.exp(log + NORMAL * error))


def _of_range(
    names: Sequence[str], curves: Curves, sizes: Sequence[_Size], best: set[int], between: str
) -> Range:
    """The range's record; its state and its crossing are the whole contest's: `ranges_of_many`."""
    logs = np.concatenate([size.log for size in sizes], axis=1)
    behind = np.nansum(logs, axis=1) / np.maximum(np.isfinite(logs).sum(axis=1), 1)
    first = min(best, key=lambda i: behind[i])
    present, beaten = (
        set().union(*sets) for sets in zip(*((s.present, s.beaten) for s in sizes), strict=True)
    )
    others = sorted(present - beaten - {first})
    counts = min(size.launches for size in sizes), min(size.visits for size in sizes)
    ends = sizes[0].size, sizes[-1].size
    level, alike = all(size.widest <= np.log1p(TIE) for size in sizes), not beaten
    if level or alike:
        ties = tuple(names[i] for i in sorted(present))
        gain = _between(names, curves, 0, len(names) - 1, ends)
        if level:
            widest = float(np.exp(max(size.widest for size in sizes)))
            confidence = of_band([1 / widest], [widest])
            return Range("equal", *ends, "", ties, None, gain, confidence, *counts)
        called = [contender(between, name) for name in names]
        led = f"{called[first]} led, but {', '.join(called[i] for i in others)} cannot be told from it"
        return Range("inconclusive", *ends, "", ties, None, gain, "unsettled", *counts, led)
    gain = _between(names, curves, min(beaten, key=lambda i: behind[i]), first, ends)
    ties = tuple(names[i] for i in others)
    confidence = of_interval(*gain[1:]) if gain else "unsettled"
    if confidence == "solid" and _clears(sizes, first, beaten) != "solid":
        confidence = "rough"  # known on the whole, not at every size
    return Range("always_faster", *ends, names[first], ties, None, gain, confidence, *counts)


def _between(
    names: Sequence[str], curves: Curves, slower: int, faster: int, ends: tuple[float, float]
) -> Ratio | None:
    """How many times as fast one contender is as another, over a range."""
    for i, j, sign in ((slower, faster, 1), (faster, slower, -1)):
        if curve := curves.get((names[i], names[j])):
            return gain_of(sign * curve.draws[:, within(curve, *ends)])
    return None

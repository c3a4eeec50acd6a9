"""What is known of a contest, by ranges of sizes: who wins, from where, by how much, how surely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.analyze.contests.crossover import AHEAD, BEHIND, LEVEL, TIE, Outcome, Place, Stretch
from bench.analyze.contests.curve import Curve
from bench.analyze.contests.levels import Array
from bench.analyze.estimates.confidence import Confidence, of_band, of_crossing
from bench.analyze.estimates.intervals import CONFIDENCE
from bench.records import CrossingState

Ratio = tuple[float, float, float]
"""A ratio of times with its 95 % interval: middle, low, high."""


@dataclass(frozen=True)
class Range:
    """A range of sizes of which one thing is known.

    `winner` is "" where there is none: `ties` has those between which it cannot be said, all of them where
    they are equal. `place` is the crossing at which the range begins; for the first of several, at which it
    ends. `gain` is how many times as fast the winner is as the next who can be told from it, over the range;
    without a winner how many times as fast the last contender is as the first. `launches` and `visits` are
    the fewest of a contender at a size.
    """

    state: CrossingState
    smallest: float
    largest: float
    winner: str = ""
    ties: tuple[str, ...] = ()
    place: Place | None = None
    gain: Ratio | None = None
    confidence: Confidence = "unsettled"
    launches: int = 0
    visits: int = 0
    reason: str = ""


def ranges_of_two(names: tuple[str, str], curve: Curve, outcome: Outcome) -> tuple[Range, ...]:
    """The ranges that two contenders' outcome gives; `names` and curve are not turned."""
    return tuple(
        _of_stretch(names, curve, outcome, stretch, place)
        for stretch, place in zip(outcome.stretches, _places(outcome), strict=True)
    )


def _places(outcome: Outcome) -> list[Place | None]:
    if not outcome.places:
        return [None] * len(outcome.stretches)
    return [outcome.places[0], *outcome.places]


def _of_stretch(
    names: tuple[str, str], curve: Curve, outcome: Outcome, stretch: Stretch, place: Place | None
) -> Range:
    sign = stretch.code if stretch.code in (AHEAD, BEHIND) else 1
    inside = within(curve, stretch.smallest, stretch.largest)
    lows, _, highs = np.exp(curve.band)[:, inside]
    state: CrossingState = "inconclusive"
    if place:
        state, confidence = outcome.state, of_crossing(place.low, place.high)
    elif stretch.code == LEVEL:
        state, confidence = "equal", of_band(lows, highs)
    elif stretch.code in (AHEAD, BEHIND):
        state = "always_faster" if stretch.code == AHEAD else "never"
        confidence = of_band(lows, highs)
    else:
        confidence = "unsettled"
    if confidence == "unsettled" and not place and _known_at_sizes(curve, stretch):
        confidence = "rough"
    winner = {AHEAD: names[1], BEHIND: names[0]}.get(stretch.code, "")
    gain = gain_of(sign * curve.draws[:, inside])
    at = _sizes_within(curve, stretch)
    return Range(
        state, stretch.smallest, stretch.largest, winner, () if winner else names, place, gain, confidence,
        int(curve.points.launches[at].min()), int(curve.points.visits[at].min()), outcome.reason,
    )  # fmt: skip


def _known_at_sizes(curve: Curve, stretch: Stretch) -> bool:
    """Whether whoever follows the answer loses no more than a tie at any size measured, though the band holds
    more between them: the one ahead is level with the other at worst, or both are."""
    at = curve.at_points[_sizes_within(curve, stretch)]
    lows, _, highs = np.array(curve.band)[:, at]
    tie = np.log1p(TIE)
    never_behind, never_ahead = bool((lows >= -tie).all()), bool((highs <= tie).all())
    known = {AHEAD: never_behind, BEHIND: never_ahead, LEVEL: never_behind and never_ahead}
    return known.get(stretch.code, False)


def within(curve: Curve, smallest: float, largest: float) -> NDArray[np.bool_]:
    """Where along the curve the range lies: one place at least."""
    low, high = np.log(smallest) - 1e-9, np.log(largest) + 1e-9
    inside = (curve.x >= low) & (curve.x <= high)
    nearest = np.arange(len(curve.x)) == np.abs(curve.x - low).argmin()
    return np.asarray(inside if inside.any() else nearest)


def _sizes_within(curve: Curve, stretch: Stretch) -> NDArray[np.bool_]:
    sizes = curve.points.sizes
    inside = (sizes >= stretch.smallest * (1 - 1e-9)) & (sizes <= stretch.largest * (1 + 1e-9))
    return np.asarray(inside if inside.any() else np.full(len(sizes), True))


def gain_of(draws: Array) -> Ratio:
    """The geometric mean of a ratio along the places of the draws, with its interval."""
    tail = (1 - CONFIDENCE) / 2
    low, middle, high = np.exp(np.quantile(draws.mean(axis=1), [tail, 0.5, 1 - tail]))
    return float(middle), float(low), float(high)

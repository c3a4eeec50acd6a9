"""Where two contenders trade places along a size axis, with an interval, or why that cannot be said.

The quantity followed is y(s) = ln(time of the incumbent / time of the challenger): positive where the
challenger is faster. At each measured size y has a 95 % band, by Student's t on logarithms of launch medians:
over the launches' own differences where both were timed in the same processes (what a process or its moment
did to both cancels), by Welch's t where each had processes of its own. Below SETTLED launches the band is as
wide as both contenders' own intervals together: a claim then needs bands that are clear of each other.

Between sizes y runs along a monotone cubic (PCHIP) in ln s: straight lines would miss the crossing by up to
12 % (docs/measurements.md). How far it may run elsewhere is bounded by what is known: a curve that bends one
way lies between the straight line through two points and the extended lines through the points beside them;
one that rises more steeply than beside may do so in one jump, anywhere between. The interval of a crossing is
the set of sizes at which zero lies within these bounds and the band. Definitions follow GPU-BLOB (a
*sustained* threshold, one-point dips ignored), which gives neither interval nor states.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import stdtrit

from bench.analyze.estimates.intervals import CONFIDENCE, half_width
from bench.records import CrossingState

Array = NDArray[np.float64]

TIE = 0.05
"""Ratio within which two contenders are equally good to anyone who must choose between them."""

SETTLED = 5
"""Launches from which Student's t on so few is trusted with the difference of two contenders."""

ROUNDING = 1e-12
"""Below it a difference in height is rounding: ties, and points on one line, must not depend on the scale."""

STEPS = 64
"""Points at which the curve is followed between two sizes."""


@dataclass(frozen=True)
class Duel:
    """Two contenders at each size, ascending: y = ln(incumbent / challenger), half its 95 % band (NaN: one
    launch), and the launches of the one that had fewer.
    """

    sizes: Array
    y: Array
    half: Array
    launches: NDArray[np.int_]

    def turned(self) -> Self:
        return replace(self, y=-self.y)

    def only(self, kept: NDArray[np.int_] | NDArray[np.bool_]) -> Self:
        """The duel at some of its sizes."""
        return type(self)(self.sizes[kept], self.y[kept], self.half[kept], self.launches[kept])

    def banded(self) -> Self:
        """The duel where it has a band, if that is at two sizes or more: a size that one launch measured
        must not hide the others.
        """
        has_band = np.isfinite(self.half)
        return self.only(has_band) if has_band.sum() > 1 else self


@dataclass(frozen=True)
class Place:
    """Where two contenders trade places: a size, and the ends of its 95 % interval."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """What a duel says: `crosses_at` and `multiple` have `turned` where the incumbent wins at the top.

    The last of the `places` is the sustained crossing.
    """

    state: CrossingState
    places: tuple[Place, ...] = ()
    reason: str = ""
    turned: bool = False


@dataclass(frozen=True)
class _Level:
    """Launches of one series at each size: how many, their mean and their standard deviation."""

    count: NDArray[np.int_]
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, logs: Array) -> Self:
        measured = np.isfinite(logs)
        count = measured.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(measured, logs, 0).sum(axis=1) / count
            squares = np.where(measured, logs - mean[:, None], 0) ** 2
            return cls(count, mean, np.sqrt(squares.sum(axis=1) / (count - 1)))

    @property
    def half(self) -> Array:
        return np.asarray(half_width(self.deviation, self.count))


def duel(sizes: Array, incumbent: Array, challenger: Array) -> Duel:
    """Two contenders set against each other.

    Each is its ln(seconds) of shape (sizes, launches), NaN where a launch did not measure a size; a column
    is the same launch in both.
    """
    order = np.argsort(sizes)
    one, other = _Level.of(incumbent[order]), _Level.of(challenger[order])
    both = _Level.of(incumbent[order] - challenger[order])
    launches = np.minimum(one.count, other.count)
    paired = (both.count == launches) & (launches > 0)
    y = np.where(paired, both.mean, one.mean - other.mean)
    half = np.where(paired, both.half, _welch(one, other))
    return Duel(sizes[order], y, np.where(launches < SETTLED, one.half + other.half, half), launches)


def _welch(one: _Level, other: _Level) -> Array:
    """Half the interval of the difference of two means whose launches have nothing in common."""
    with np.errstate(invalid="ignore", divide="ignore"):
        errors2 = [level.deviation**2 / level.count for level in (one, other)]
        error2 = errors2[0] + errors2[1]
        parts = errors2[0] ** 2 / (one.count - 1) + errors2[1] ** 2 / (other.count - 1)
        freedom = np.where(parts > 0, error2**2 / parts, np.minimum(one.count, other.count) - 1)
    return np.asarray(stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(error2))


def find(duel: Duel) -> Outcome:
    """The state of a duel and, where there is one, its crossing. Swapping the contenders mirrors it."""
    whole, duel = duel, duel.banded()
    if len(duel.sizes) < 2:
        return Outcome("not_measured", reason=f"{len(duel.sizes)} of the 2 sizes that it takes")
    if np.isnan(duel.half).any():
        return Outcome("inconclusive", reason="one launch: no interval")
    duel, dips = _without_dips(duel)
    changes = _changes(duel)
    if changes:
        places = tuple(_locate(duel, left, right) for left, right in changes)
        turned = bool(duel.y[changes[-1][1]] < 0)
        outcome = Outcome("crosses_at" if len(places) == 1 else "multiple", places, turned=turned)
    else:
        outcome = _unless_doubted(_one_sided(duel), whole)
    except_at = f"except at {_listed(sorted(dips))}" if dips else ""
    return replace(outcome, reason="; ".join(filter(None, [outcome.reason, except_at])))


def suggested(duel: Duel) -> tuple[Place, ...]:
    """Where the points alone change sides, by more than a tie: with intervals that only say what the *shape*
    leaves open, as if the points had no error.
    """
    by_points, _ = _without_dips(replace(duel, half=np.full(len(duel.sizes), np.log1p(TIE))))
    exact = replace(by_points, half=np.zeros(len(by_points.sizes)))
    return tuple(_locate(exact, left, right) for left, right in _changes(by_points))


def _changes(duel: Duel) -> list[tuple[int, int]]:
    """Positions of decided sizes, each pair next to each other and on different sides."""
    signs = _signs(duel)
    decided = np.flatnonzero(signs)
    return [(int(left), int(right)) for left, right in pairwise(decided) if signs[left] != signs[right]]


def _signs(duel: Duel) -> NDArray[np.int_]:
    """Who is faster at each size: 1 the challenger, -1 the incumbent, 0 where the band holds both."""
    return np.where(np.abs(duel.y) > duel.half, np.sign(duel.y), 0).astype(int)


def _without_dips(duel: Duel) -> tuple[Duel, list[float]]:
    """The duel without sizes that alone fall to the other side, away from any other change; and those."""
    dipped: list[float] = []
    while True:
        signs = _signs(duel)
        flips = {
            i for i in range(1, len(signs) - 1) if signs[i] and signs[i - 1] == signs[i + 1] == -signs[i]
        }
        dips = [i for i in flips if not {i - 1, i + 1} & flips]
        if not dips:
            return duel, dipped
        dipped += duel.sizes[dips].tolist()
        duel = duel.only(np.delete(np.arange(len(signs)), dips))


def _one_sided(duel: Duel) -> Outcome:
    """A duel in which no two sizes disagree: won throughout, tied, or not known well enough."""
    signs = _signs(duel)
    tied = np.abs(duel.y) <= np.log1p(TIE)
    unclear = (signs == 0) & ~tied
    if not signs.any():
        if tied.all():
            return Outcome("inconclusive", reason=f"within {100 * TIE:g} % of each other at every size")
        return Outcome("inconclusive", reason="the launches do not tell them apart")
    if unclear.any():
        return Outcome("inconclusive", reason=f"not told apart at {_listed(duel.sizes[unclear])}")
    ties = duel.sizes[signs == 0]
    reason = f"tied at {_listed(ties)}" if len(ties) else ""
    return Outcome("always_faster" if signs.sum() > 0 else "never", reason=reason)


def _unless_doubted(outcome: Outcome, whole: Duel) -> Outcome:
    """The same, unless sizes that one launch measured speak against a contender that is ahead throughout."""
    winner = {"always_faster": 1, "never": -1}.get(outcome.state, 0)
    against = np.isnan(whole.half) & (winner * whole.y < -np.log1p(TIE))
    if not winner or not against.any():
        return outcome
    return Outcome("inconclusive", reason=f"one launch speaks against it at {_listed(whole.sizes[against])}")


def _listed(sizes: Sequence[float] | Array) -> str:
    return ", ".join(f"{size:g}" for size in sizes)


def _locate(duel: Duel, left: int, right: int) -> Place:
    """The crossing between two sizes at which the duel is decided, for opposite sides."""
    if duel.y[right] < 0:
        duel = duel.turned()
    x = np.log(duel.sizes)
    grid = np.linspace(x[left], x[right], STEPS * (right - left) + 1)
    curve = PchipInterpolator(x, duel.y)(grid)
    curve = np.where(np.abs(curve) < ROUNDING, 0, curve)
    half = np.interp(grid, x, duel.half)
    low, high = _between(x, duel.y, grid)
    lowest = _first_rise(grid, np.maximum(curve, high) + half)
    highest = _last_rise(grid, np.minimum(curve, low) - half)
    middle = (_first_rise(grid, curve) + _last_rise(grid, curve)) / 2  # they differ where it lies on zero
    return Place(float(np.exp(middle)), float(np.exp(lowest)), float(np.exp(highest)))


def _between(x: Array, y: Array, grid: Array) -> tuple[Array, Array]:
    """Where a curve through the points may run, lowest and highest.

    In each stretch from point to point: between the straight line and the nearer of the extended lines of the
    stretches beside it. Where it is steeper than both, or flatter, between those two. Without a stretch
    beside it, anywhere from one height to the other.
    """
    slopes = np.diff(y) / np.diff(x)
    i = np.clip(np.searchsorted(x, grid, side="right") - 1, 0, len(slopes) - 1)
    straight = np.interp(grid, x, y)
    before, after = np.append(np.nan, slopes[:-1])[i], np.append(slopes[1:], np.nan)[i]
    if len(slopes) == 1:
        before = after = np.zeros_like(grid)
    from_left, from_right = y[i] + (grid - x[i]) * before, y[i + 1] - (x[i + 1] - grid) * after
    lower, upper = np.fmin(from_left, from_right), np.fmax(from_left, from_right)  # at an end, the only one
    above, below = lower >= straight - ROUNDING, upper <= straight + ROUNDING
    low = np.where(above, straight, np.where(below, upper, lower))
    high = np.where(below, straight, np.where(above, lower, upper))
    return low, high


def _first_rise(x: Array, y: Array) -> float:
    """The first x at which y, negative at first, reaches zero: by straight lines between the points."""
    i = int(np.argmax(y >= 0))
    return float(x[i - 1] + (x[i] - x[i - 1]) * -y[i - 1] / (y[i] - y[i - 1])) if i else float(x[0])


def _last_rise(x: Array, y: Array) -> float:
    """The last x at which y, positive at last, is still zero or below."""
    return -_first_rise(-x[::-1], -y[::-1])

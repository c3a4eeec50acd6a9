"""Where two contenders trade places along a size axis, with an interval, or why that cannot be said.

The quantity followed is y(s) = ln(time of the incumbent / time of the challenger): positive where the
challenger is faster. At each measured size y has a 95 % band (Welch's t on the logarithms of launch
medians). Between sizes y runs along a monotone cubic (PCHIP) in ln s: for t = a·s against b + c·s on sizes
a factor 4 apart, straight lines miss the crossing by up to 12 %, cubics by 1–3 %. The band is widened by
a third of the distance between the two curves, for what neither knows. The interval of a crossing is the
set of sizes at which the band holds zero. Definitions follow GPU-BLOB (a *sustained* threshold, one-point
dips ignored), which gives neither interval nor states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import stdtrit

from bench.analyze.interval import CONFIDENCE
from bench.records import CrossingState

Array = NDArray[np.float64]

TIE = 0.05
"""Ratio within which two contenders are equally good to anyone who must choose between them."""

CURVE_DOUBT = 1 / 3
"""Share of the distance between the cubic and straight lines that is added to the band. With it the
interval held the truth in 183 to 199 of 200 seeded trials over sizes 1.4 to 8 times apart; without, in 89
at the coarsest."""

ROUNDING = 1e-12
"""Below it a curve's height is rounding: a stretch of exact ties must be one however sizes are scaled."""

STEPS = 64
"""Points at which the curve is followed between two sizes."""


@dataclass(frozen=True)
class Curve:
    """A contender along the axis: mean, squared standard error and count of its launches' ln(seconds)."""

    mean: Array
    error2: Array
    count: Array

    def plus(self, seconds: Array) -> Curve:
        """The curve with a fixed time, such as a transfer, added at each size."""
        share = np.exp(self.mean) / (np.exp(self.mean) + seconds)
        return Curve(np.log(np.exp(self.mean) + seconds), self.error2 * share**2, self.count)


@dataclass(frozen=True)
class Duel:
    """Two contenders at each size: y = ln(incumbent / challenger), half its 95 % band (NaN: one launch)."""

    sizes: Array
    y: Array
    half: Array
    launches: int

    def turned(self) -> Duel:
        return Duel(self.sizes, -self.y, self.half, self.launches)


@dataclass(frozen=True)
class Found:
    """What a duel says: `crosses_at` and `multiple` have `turned` where the incumbent wins at the top."""

    state: CrossingState
    size: float | None = None
    low: float | None = None
    high: float | None = None
    sizes: tuple[float, ...] = ()
    reason: str = ""
    turned: bool = False


def duel(sizes: Array, incumbent: Curve, challenger: Curve) -> Duel:
    """The two curves set against each other, sizes ascending."""
    order = np.argsort(sizes)
    error2 = incumbent.error2 + challenger.error2
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = (incumbent.error2**2 / (incumbent.count - 1)) + (
            challenger.error2**2 / (challenger.count - 1)
        )
        freedom = np.where(parts > 0, error2**2 / parts, np.minimum(incumbent.count, challenger.count) - 1)
        freedom = np.where(np.minimum(incumbent.count, challenger.count) > 1, freedom, np.nan)
    half = stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(error2)
    launches = int(min(incumbent.count.min(), challenger.count.min())) if len(sizes) else 0
    return Duel(sizes[order], (incumbent.mean - challenger.mean)[order], half[order], launches)


def find(duel: Duel) -> Found:
    """The state of a duel and, where there is one, its crossing. Swapping the contenders mirrors it."""
    if len(duel.sizes) < 2:
        return Found("not_measured", reason=f"{len(duel.sizes)} of the 2 sizes that it takes")
    if duel.launches < 2:
        return Found("inconclusive", reason="one launch: no interval")
    signs = np.where(np.abs(duel.y) > duel.half, np.sign(duel.y), 0).astype(int)
    dips = _one_point_dips(signs)
    if dips:
        kept = np.delete(np.arange(len(signs)), dips)
        rest = find(Duel(duel.sizes[kept], duel.y[kept], duel.half[kept], duel.launches))
        except_at = "except at " + ", ".join(f"{duel.sizes[dip]:g}" for dip in dips)
        return Found(**{**vars(rest), "reason": "; ".join(filter(None, [rest.reason, except_at]))})
    decided = np.flatnonzero(signs)
    changes = [(int(left), int(right)) for left, right in pairwise(decided) if signs[left] != signs[right]]
    if not changes:
        return _one_sided(duel, signs)
    turned = bool(signs[decided[-1]] < 0)
    upward = duel.turned() if turned else duel
    found = [_locate(upward, left, right) for left, right in changes]
    size, low, high = found[-1]
    state: CrossingState = "crosses_at" if len(found) == 1 else "multiple"
    return Found(state, size, low, high, tuple(each[0] for each in found), turned=turned)


def _one_point_dips(signs: NDArray[np.int_]) -> list[int]:
    """Positions at which one size alone falls to the other side, well away from any other change."""
    flips = [i for i in range(1, len(signs) - 1) if signs[i] and signs[i - 1] == signs[i + 1] == -signs[i]]
    return [i for i in flips if not {i - 1, i + 1} & set(flips)]


def _one_sided(duel: Duel, signs: NDArray[np.int_]) -> Found:
    """A duel in which no two sizes disagree: won throughout, tied, or not known well enough."""
    tied = np.abs(duel.y) <= np.log1p(TIE)
    unclear = (signs == 0) & ~tied
    if not signs.any():
        if tied.all():
            return Found("inconclusive", reason=f"within {100 * TIE:g} % of each other at every size")
        return Found("inconclusive", reason="the launches do not tell them apart")
    if unclear.any():
        return Found("inconclusive", reason=f"not told apart at {_listed(duel.sizes[unclear])}")
    ties = duel.sizes[signs == 0]
    reason = f"tied at {_listed(ties)}" if len(ties) else ""
    return Found("always_faster" if signs.sum() > 0 else "never", reason=reason)


def _listed(sizes: Sequence[float] | Array) -> str:
    return ", ".join(f"{size:g}" for size in sizes)


def _locate(duel: Duel, left: int, right: int) -> tuple[float, float, float]:
    """Crossing, low and high between two sizes at which the duel is decided, for opposite sides."""
    x = np.log(duel.sizes)
    grid = np.linspace(x[left], x[right], STEPS * (right - left) + 1)
    curve = PchipInterpolator(x, duel.y)(grid)
    straight = np.interp(grid, x, duel.y)
    half = np.interp(grid, x, duel.half) + CURVE_DOUBT * np.abs(curve - straight)
    if curve[-1] < 0:
        curve = -curve
    curve = np.where(np.abs(curve) < ROUNDING, 0, curve)
    lowest, highest = _first_rise(grid, curve + half), _last_rise(grid, curve - half)
    middle = (_first_rise(grid, curve) + _last_rise(grid, curve)) / 2  # they differ where it lies on zero
    return float(np.exp(middle)), float(np.exp(lowest)), float(np.exp(highest))


def _first_rise(x: Array, y: Array) -> float:
    """The first x at which y, negative at first, reaches zero: by straight lines between the points."""
    i = int(np.argmax(y >= 0))
    return float(x[i - 1] + (x[i] - x[i - 1]) * -y[i - 1] / (y[i] - y[i - 1]))


def _last_rise(x: Array, y: Array) -> float:
    """The last x at which y, positive at last, is still zero or below."""
    return -_first_rise(-x[::-1], -y[::-1])

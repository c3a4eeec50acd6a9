"""How well a result is known, in one word: one scale for cases, gains, crossings and a gate's changes.

solid      it can be relied on to a tenth
rough      it tells the order: within a factor of two
unsettled  neither: no interval of it is printed, and what is known is said in words
"""

import math
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

Confidence = Literal["solid", "rough", "unsettled"]

SOLID = 1.10
"""Half an interval, as a ratio, up to which a time or a gain is solid."""

ROUGH = 2.0
"""The same for rough: beyond it a figure does not even tell the order."""

SOLID_OCTAVES, ROUGH_OCTAVES = 0.5, 2.0
"""Distance of a crossing's two ends: between neighbours of a grid of powers of four lie two octaves."""

MATTERS = 1.05
"""Ratio of two contenders from which their difference matters."""


def lowest(known: Iterable[Confidence]) -> Confidence:
    """Of several results that stand together; unsettled without any."""
    order = get_args(Confidence)
    return max(known, key=order.index, default="unsettled")


def of_interval(low: float, high: float) -> Confidence:
    """Of a time, a ratio or a gain with this interval; unsettled without one."""
    if not (0 < low <= high < math.inf):
        return "unsettled"
    half = math.sqrt(high / low)
    return "solid" if half <= SOLID else "rough" if half <= ROUGH else "unsettled"


def of_crossing(low: float, high: float) -> Confidence:
    """Of a size at which contenders trade places, that lies between `low` and `high`."""
    if not (0 < low <= high < math.inf):
        return "unsettled"
    octaves = math.log2(high / low)
    return "solid" if octaves <= SOLID_OCTAVES else "rough" if octaves <= ROUGH_OCTAVES else "unsettled"


def of_band(low: ArrayLike, high: ArrayLike) -> Confidence:
    """Of one answer for all sizes (always, never, equal), where the ratio of two contenders has this band.

    Solid where the band clears what matters throughout, or stays inside it. Rough where it clears 1, or
    stays inside what is solid of a single ratio.
    """
    lows, highs = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    if not len(lows) or not (np.isfinite(lows) & np.isfinite(highs)).all():
        return "unsettled"
    lowest, highest = float(lows.min()), float(highs.max())
    if _settles(lowest, highest, clear=MATTERS, inside=MATTERS):
        return "solid"
    return "rough" if _settles(lowest, highest, clear=1.0, inside=SOLID) else "unsettled"


def _settles(lowest: float, highest: float, clear: float, inside: float) -> bool:
    """True where a band lies beyond `clear` on one side, or within `inside` on both."""
    apart = lowest > clear or highest < 1 / clear
    return apart or (highest < inside and lowest > 1 / inside)

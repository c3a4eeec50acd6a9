"""Points of made contests, whose truth and noise are known. For tests."""

import os
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Array, Points

TRIALS = int(os.environ.get("BENCH_TRIALS", "20"))
"""Seeded contests of each kind; `nox -s crossovers` tries 200."""

SIZES: Array = 64.0 * 2 ** np.arange(0.0, 13.0)


def least_held(intervals: int) -> int:
    """So many intervals hold the truth at least: of true 95 % ones, fewer in one of a hundred trials."""
    return int(binom.ppf(0.01, intervals, 0.95))


def points(sizes: Sequence[float] | Array, y: Sequence[float] | Array, error: float = 0.01) -> Points:
    """Points with a given y and one error everywhere, from five launches."""
    number = len(y)
    five = np.full(number, 5)
    return Points(np.array(sizes, float), np.array(y, float), np.full(number, error), five, five)


def curve(y: Sequence[float] | Array, error: float = 0.01) -> Curve:
    """The curve of a contest at 1, 2, 4 …"""
    (fitted,) = curves([points(np.asarray(2.0 ** np.arange(len(y)), float), y, error)])
    return fitted


def overtaken(truth: float, share: float, sizes: Array = SIZES) -> Array:
    """y of a contender with a fixed cost that grows at a share of the other's rate: they meet at `truth`."""
    return np.asarray(np.log(sizes) - np.log(truth * (1 - share) + share * sizes))


def bent(truth: float, kink: float, sizes: Array = SIZES) -> Array:
    """y that rises with one power of the size, with a third of it beyond a kink, through zero at `truth`."""
    height = [np.where(s < kink, 1, 0.3) * np.log(s / kink) for s in (sizes, np.array(truth))]
    return np.asarray(height[0] - height[1])


def jumping(truth: float, sizes: Array = SIZES) -> Array:
    """y of a contender whose kernel is exchanged at `truth`: level on both sides of a step."""
    return np.where(sizes < truth, -0.4, 0.3)

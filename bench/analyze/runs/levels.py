"""Where a series over many runs stands level: found by penalized least squares, in units of its own noise.

ruptures' KernelCPD with a linear kernel: exact, the same as PELT on means.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_STAY = 3
"""Runs that a level takes: where tails are heavy, two outliers in a row happen too often."""

MIN_RUNS = 2 * MIN_STAY
"""Runs below which a series cannot have changed."""

PENALTY = 4.0
"""Price of a change, in squares of the noise times ln(runs): docs/measurements.md has the false alarms."""

SPIKE = 5.0
"""Multiples of the noise by which a run must stand off both its neighbours to be taken for an accident."""

MIN_NOISE = 0.002
"""Noise that no series is believed to be below: repeated runs of a quiet machine agree within 0.2 %."""


def noise(logs: Array, low: Array, high: Array) -> float:
    """Standard deviation of a run's logarithm about its level: from neighbours, or from intervals if more.

    Differences of neighbours know nothing of levels and little of creep; their median absolute value
    ignores the few that straddle a change.
    """
    between = np.median(np.abs(np.diff(logs))) / (0.6745 * np.sqrt(2))
    with np.errstate(invalid="ignore"):
        within = np.log(high / low) / 2 / 1.96
    from_intervals = float(np.median(within[np.isfinite(within)])) if np.isfinite(within).any() else 0.0
    return max(float(between), from_intervals, MIN_NOISE)


def changes(logs: Array, sd: float) -> list[int]:
    """Where levels begin, from 0 to the length of the series: two more than there are changes."""
    if len(logs) < MIN_RUNS:
        return [0, len(logs)]
    from ruptures import KernelCPD  # its import takes a second, and most reports have no history

    fitted = KernelCPD(kernel="linear", min_size=MIN_STAY).fit((_calmed(logs, sd) / sd)[:, None])
    return [0, *map(int, fitted.predict(pen=PENALTY * np.log(len(logs))))]


def _calmed(logs: Array, sd: float) -> Array:
    """The series without spikes: a run that stands off both neighbours, alone, becomes their mean."""
    before, here, after = logs[:-2], logs[1:-1], logs[2:]
    alone = (np.sign(here - before) == np.sign(here - after)) & (
        np.minimum(np.abs(here - before), np.abs(here - after)) > SPIKE * sd
    )
    return np.concatenate([logs[:1], np.where(alone, (before + after) / 2, here), logs[-1:]])


def levels(logs: Array, cuts: Sequence[int]) -> Array:
    """The level at each place of a series: the median between the cuts around it."""
    return np.concatenate([np.full(b - a, np.median(logs[a:b])) for a, b in pairwise(cuts)])

"""Visits as they would have been at the run's own pace, and what of that is not known.

A neighbour on the same physical core, or a clock that moves, slows what is timed by up to a half, and shows
in nothing but the processor's pace beside each block. How far a case follows it nobody knows beforehand: not
at all where it waits for memory, in full where it computes, more where it is the interpreter that does. So
the run's own visits tell, in an analysis of covariance: within each case ln(seconds per call) over ln(pace).
What a case's few visits say of its slope is drawn towards the slope of its kind, the more the less they tell
(D. V. Lindley and A. F. M. Smith, "Bayes estimates for the linear model", Journal of the Royal Statistical
Society B 34, 1972); what is still not known of it is in the case's error.

See docs/measurements.md, "The processor's pace".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int_]

SLOPE, SLOPE_ERROR = 1 / 2, 12**-0.5
"""How far ln(seconds per call) follows ln(pace), before a run has told: mean and deviation of what lies
between not at all and in full, everywhere as likely."""

APART = 0.3
"""Standard deviation of cases' slopes about that of their kind."""

VARIES = 0.45
"""Standard deviation of a case's slope from visit to visit: one neighbour takes the caches, another the
processor. See docs/measurements.md, "The processor's pace"."""

PACED_BELOW_S = 0.5
"""Blocks from here on have no pace: read at both ends, it says little of the middle."""

MIN_VISITS, MIN_CASES = 2, 5
"""Visits from which a case tells of its kind's slope, and such cases from which it is told."""

USUAL = 0.1
"""Standard deviation of visits at one pace, where too few tell."""


@dataclass(frozen=True)
class Steadied:
    """`log` is each visit's ln(seconds per call) at the run's pace. Of each case's centre `unsure` is the
    standard error for not knowing its slope, `varies` that for what of the slope another run may find
    otherwise: within a run this is part of how visits scatter."""

    log: Array
    unsure: Array
    varies: Array


@dataclass(frozen=True)
class Sums:
    """Of each case, over visits beside which a pace was read: how many, their mean pace, and the sums of
    squares and products of pace and time about their means."""

    count: Array
    pace: Array
    xx: Array
    xy: Array
    yy: Array

    def rest(self, slope: Array | float) -> Array:
        """The variance of each case's visits about a line of that slope; 0 of a single visit."""
        left = self.yy - 2 * slope * self.xy + slope**2 * self.xx
        return np.maximum(left, 0.0) / np.maximum(self.count - 1, 1)


def steadied(log: Array, pace: Array, row: Numbers, kind: Numbers) -> Steadied:
    """Each visit at the run's pace, which is the median of all.

    An element of `log`, `pace` and `row` is a visit: its ln(seconds per call), ln(pace), NaN where that tells
    nothing, and the number of its case; an element of `kind` is a case.
    """
    told = np.isfinite(pace)
    if not told.any():
        return Steadied(log, np.zeros(len(kind)), np.zeros(len(kind)))
    of_run = float(np.median(pace[told]))
    sums = _sums(log[told], pace[told], row[told], len(kind))
    slope, error = np.full(len(kind), SLOPE), np.full(len(kind), SLOPE_ERROR)
    for each in np.unique(kind):
        of_kind = kind == each
        slope[of_kind], error[of_kind] = (found[of_kind] for found in _slopes(sums, of_kind))
    away = np.where(told, pace - of_run, 0.0)
    met = np.where(sums.count > 0, sums.pace - of_run, 0.0)
    of_visits = np.sqrt(np.bincount(row, away**2, len(kind))) / np.maximum(sums.count, 1)
    return Steadied(log - slope[row] * away, error * np.abs(met), VARIES * of_visits)


def _sums(log: Array, pace: Array, row: Numbers, rows: int) -> Sums:
    def total(values: Array) -> Array:
        return np.bincount(row, values, rows).astype(float)

    count = total(np.ones(len(row)))
    mean = total(pace) / np.maximum(count, 1)
    x, y = pace - mean[row], log - (total(log) / np.maximum(count, 1))[row]
    return Sums(count, mean, total(x * x), total(x * y), total(y * y))


def _slopes(sums: Sums, of_kind: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The slope of every case as one of that kind, and its standard error.

    A case counts for the kind's slope by how little its visits scatter, but none for more than the middle
    one: twice, since how they scatter about the line is known once there is one.
    """
    tell = of_kind & (sums.count >= MIN_VISITS)
    usual, slope, error2 = USUAL**2, SLOPE, SLOPE_ERROR**2
    if tell.sum() >= MIN_CASES:
        for _ in range(2):
            usual = max(float(np.median(sums.rest(slope)[tell])), 1e-12)
            weight = tell / np.maximum(sums.rest(slope), usual)
            told, of_prior = float((weight * sums.xx).sum()), SLOPE_ERROR**-2
            slope = (float((weight * sums.xy).sum()) + SLOPE * of_prior) / (told + of_prior)
            error2 = 1 / (told + of_prior)
    # What is not known of the kind's slope is not known of its cases' either.
    prior = 1 / (APART**2 + error2)
    scatter = np.maximum(np.where(sums.count > 1, sums.rest(slope), usual), usual)
    certain = sums.xx / scatter + prior
    return (sums.xy / scatter + slope * prior) / certain, certain**-0.5

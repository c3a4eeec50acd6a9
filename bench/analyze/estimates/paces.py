"""Times at one pace: what the processor's pace beside a visit did to its time, and how far that is known.

A processor whose neighbour comes and goes has two paces, one nearly half the other, for seconds or minutes
each (docs/measurements.md). A case whose few visits met one of them agrees with itself and lies far off what
the next run reads. How much a case follows the pace is not known, only between what: not at all where it
waits for memory, in full where it computes. So each has a slope of its own between 0 and 1; what a run's
visits at unlike paces tell of it narrows that, first for all cases of a kind, then for each.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int_]

MEAN, VARIANCE = 1 / 2, 1 / 12
"""Of a slope of which nothing is known but that it lies between 0 and 1, everywhere as likely."""

EDGE = 0.05
"""How near to 0 or 1 a kind's slope is taken to come: no kind has cases of one slope alone."""

ROUNDS = 3
"""Turns between a kind's slope and the scatter about it: the second digit no longer changes."""


@dataclass(frozen=True)
class AtOnePace:
    """Of each visit ln(seconds per call) at the reference pace; of each case the standard error that this
    leaves in the mean of its visits."""

    log: Array
    error: Array


def at_one_pace(
    log: Array, pace_s: Array, reference_s: float, case: Numbers, kind: Numbers, follows: NDArray[np.bool_]
) -> AtOnePace:
    """Visits as they would have been at the reference pace.

    An element of `log`, `pace_s` and `case` is a visit, one of `kind` and `follows` a case: cases of one kind
    follow the pace alike, if at all. A visit whose pace was not read stays as it is.
    """
    known = np.isfinite(pace_s) & follows[case]
    away = np.zeros(len(log))
    away[known] = np.log(pace_s[known] / reference_s)
    slope, doubt = _slopes(away, log, case, kind)
    error = doubt * np.abs(_means(away, case, np.bincount(case, minlength=len(kind))))
    return AtOnePace(log - slope[case] * away, error)


def _slopes(away: Array, log: Array, case: Numbers, kind: Numbers) -> tuple[Array, Array]:
    """Each case's slope, and the standard error of that."""
    count = np.bincount(case, minlength=len(kind))
    x, y = (each - _means(each, case, count)[case] for each in (away, log))
    xx, xy, yy = (np.bincount(case, each, len(kind)) for each in (x * x, x * y, y * y))
    slope, doubt = np.zeros(len(kind)), np.zeros(len(kind))
    for each in np.unique(kind):
        of = kind == each
        freedom = max(int(np.maximum(count[of] - 1, 0).sum()), 1)
        usual, scatter2 = _of_kind(xx[of].sum(), xy[of].sum(), yy[of].sum(), freedom)
        # As wide as 'everywhere as likely' where the kind's slope is 1/2, narrower near the ends.
        apart2 = usual * (1 - usual) / 3
        told = 1 / apart2 + xx[of] / scatter2
        slope[of] = np.clip((usual / apart2 + xy[of] / scatter2) / told, 0, 1)
        doubt[of] = np.sqrt(1 / told)
    return slope, doubt


def _of_kind(xx: float, xy: float, yy: float, freedom: int) -> tuple[float, float]:
    """A kind's usual slope, and the variance of visits about it; the sums are about each case's mean."""
    usual, least2 = MEAN, np.finfo(float).tiny
    for _ in range(ROUNDS):
        scatter2 = max((yy - 2 * usual * xy + usual**2 * xx) / freedom, least2)
        usual = (MEAN / VARIANCE + xy / scatter2) / (1 / VARIANCE + xx / scatter2)
    return min(max(usual, EDGE), 1 - EDGE), scatter2


def _means(value: Array, case: Numbers, count: Numbers) -> Array:
    means: Array = np.bincount(case, value, len(count)) / np.maximum(count, 1)
    return means

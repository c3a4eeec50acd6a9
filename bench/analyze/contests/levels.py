"""What is known of two contenders at each size: the logarithm of their ratio, and its error.

Two levels: visits of a launch, and launches. Launches that timed both contenders are paired: what a process
or its moment did to both cancels in their difference. Where each had processes of its own, each is a series
by itself. How far launches scatter beyond what their visits explain is estimated from all series of the run
(R. C. Paule and J. Mandel, "Consensus values and weighting factors", Journal of Research of the National
Bureau of Standards 87, 1982), and each series' own scatter is moderated (`bench.analyze.estimates.scatter`):
so one launch has an error as well, that of the run's others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, stdtrit

from bench.analyze.estimates.intervals import CONFIDENCE
from bench.analyze.estimates.scatter import (
    BEND,
    MIN_TO_BEND,
    OF_LAUNCHES,
    OF_VISITS,
    USUAL_VISITS,
    WORTH,
    Prior,
    moderated,
)
from bench.analyze.estimates.visits import visits_of
from bench.records import Kind
from bench.storage.tables import Run

Array = NDArray[np.float64]
Integers = NDArray[np.int_]

FLOOR = 1e-6
"""Relative error that no mean of a launch goes below: a clock's digits, where a simulation has no noise."""

WILD = 5.0
"""Squares of a series' scatter, in units of what is expected, that count in what all series share: more are
cut off, so that a few wild ones do not widen all."""

NORMAL = 1.959964
"""Standard errors that a normal value's 95 % interval reaches to either side."""


@dataclass(frozen=True)
class Means:
    """ln(seconds per call) of every row in every launch: the mean of its visits, the variance of that mean by
    the visits' scatter, and how many they are. All have the shape (rows, launches); NaN and 0 where a launch
    did not time a row. `unsure` is a row's error for not knowing how far it follows the processor's pace.
    """

    log: Array
    variance: Array
    visits: Integers
    unsure: Array

    @classmethod
    def of(cls, visits: pd.DataFrame, kinds: Integers, launches: int) -> Self:
        """From the visits, as `visits_of` has them; `kinds` has each row's kind of case.

        Visits far from the middle of their launch, by the scatter of their row, count as if they lay at
        Huber's bend.
        """
        shape = len(kinds), launches
        row, launch = (visits[name].to_numpy(int) for name in ("row", "launch"))
        unit, log = row * launches + launch, visits["log"].to_numpy(float)
        count = np.bincount(unit, minlength=len(kinds) * launches)
        deviation = _between_visits(log, unit, count.reshape(shape), kinds, float(visits["spread"].median()))
        middle = visits["log"].groupby(unit).transform("median").to_numpy(float)
        bend = np.where(count[unit] >= MIN_TO_BEND, BEND * deviation[row], np.inf)
        bent = middle + np.clip(log - middle, -bend, bend)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (np.bincount(unit, bent, len(count)) / count).reshape(shape)
            variance = deviation[:, None] ** 2 / count.reshape(shape)
        unsure = np.zeros(len(kinds))
        unsure[row] = visits["unsure"]
        return cls(mean, np.where(np.isfinite(mean), variance, np.nan), count.reshape(shape), unsure)

    def or_of(self, other: Self, chosen: NDArray[np.bool_]) -> Self:
        """The same, with the rows chosen taken from another."""
        of = chosen[:, None]
        return type(self)(
            np.where(of, other.log, self.log),
            np.where(of, other.variance, self.variance),
            np.where(of, other.visits, self.visits),
            np.where(chosen, other.unsure, self.unsure),
        )

    def seconds(self) -> Array:
        """Seconds per call of each row, over its launches; NaN where no launch timed it."""
        timed = np.isfinite(self.log)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.exp(np.where(timed, self.log, 0).sum(axis=1) / timed.sum(axis=1)))

    def of_rows(self, rows: Integers) -> Self:
        return type(self)(self.log[rows], self.variance[rows], self.visits[rows], self.unsure[rows])

    def plus(self, seconds: Array) -> Self:
        """The same, with so many seconds added to each call of a row."""
        log = np.log(np.exp(self.log) + seconds[:, None])
        return replace(self, log=log, variance=self.variance * np.exp(2 * (self.log - log)))


def means(run: Run, blocks: pd.DataFrame, kind: Kind) -> Means:
    """The means of a run's marked blocks of one kind."""
    launches = int(run.blocks["launch"].max()) + 1 if len(run.blocks) else 0
    return Means.of(visits_of(run, blocks, kind), pd.factorize(run.cases["device"])[0], launches)


def _between_visits(log: Array, unit: Integers, count: Integers, kinds: Integers, spread: float) -> Array:
    """The standard deviation between visits of a launch, of each row: `count` of visits is (rows, launches).

    Where no launch has two visits but rows have two launches, the launches tell of both together: FLOOR.
    """
    mean = np.bincount(unit, log, count.size) / np.maximum(count.ravel(), 1)
    squares = np.bincount(unit, (log - mean[unit]) ** 2, count.size).reshape(count.shape).sum(axis=1)
    freedom = np.maximum(count - 1, 0).sum(axis=1).astype(float)
    tells = freedom > 0
    if not tells.any() and ((count > 0).sum(axis=1) > 1).any():
        return np.full(len(count), FLOOR)
    usual = OF_VISITS * spread if spread > 0 else USUAL_VISITS
    if tells.any():
        usual = float(np.sqrt(np.median(squares[tells] / chdtri(freedom[tells], 0.5))))
    own = np.sqrt(squares / np.maximum(freedom, 1))
    return np.maximum(moderated(own, freedom, kinds, Prior(max(usual, FLOOR), WORTH))[0], FLOOR)


@dataclass(frozen=True)
class Meeting:
    """Two contenders' launches at each size: one series of paired differences (`second` is NaN there), or one
    series of each contender. `launches` and `visits` are those of the contender that had fewer; `unsure` is
    the error for not knowing how far either follows the pace.
    """

    sizes: Array
    first: Means
    second: Means
    unsure: Array
    launches: Integers
    visits: Integers


@dataclass(frozen=True)
class Points:
    """y = ln(incumbent / challenger) at each size, ascending, with the standard error of a normal value that
    has the same 95 % interval; launches and visits are those of the contender that had fewer.
    """

    sizes: Array
    y: Array
    error: Array
    launches: Integers
    visits: Integers

    def turned(self) -> Self:
        return replace(self, y=-self.y)


def meeting(sizes: Array, incumbent: Means, challenger: Means) -> Meeting:
    """Two contenders set against each other; a column is the same launch in both."""
    order = np.argsort(sizes)
    one, other = incumbent.of_rows(order), challenger.of_rows(order)
    timed = [np.isfinite(each.log) for each in (one, other)]
    launches = np.minimum(*(each.sum(axis=1) for each in timed))
    paired = ((timed[0] & timed[1]).sum(axis=1) == launches)[:, None]
    visits = np.where(paired, np.minimum(one.visits, other.visits), one.visits)
    first = Means(
        np.where(paired, one.log - other.log, one.log),
        np.where(paired, one.variance + other.variance, one.variance),
        visits,
        one.unsure,
    )
    second = Means(
        np.where(paired, np.nan, other.log),
        np.where(paired, np.nan, other.variance),
        np.where(paired, 0, other.visits),
        other.unsure,
    )
    fewer = np.minimum(one.visits.sum(axis=1), other.visits.sum(axis=1))
    return Meeting(sizes[order], first, second, np.hypot(one.unsure, other.unsure), launches, fewer)


def points(meetings: Sequence[Meeting]) -> list[Points]:
    """The ratio's logarithm and its error at every size of every meeting, from what all have in common."""
    if not meetings:
        return []
    series = [each for met in meetings for each in (met.first, met.second)]
    apart = [np.isfinite(met.second.log).any(axis=1).astype(int) for met in meetings]
    kinds = np.concatenate([each for kind in apart for each in (kind, kind)])
    log = np.concatenate([each.log for each in series])
    variance = np.concatenate([each.variance for each in series])
    mean, error, freedom = _settled(log, variance, np.concatenate([each.visits for each in series]), kinds)
    result, start = [], 0
    for met in meetings:
        one, other = (slice(start + i * len(met.sizes), start + (i + 1) * len(met.sizes)) for i in (0, 1))
        start = other.stop
        alone = np.isnan(mean[other])
        y = mean[one] - np.where(alone, 0, mean[other])
        first2, second2 = error[one] ** 2, np.where(alone, 0, error[other] ** 2)
        both2 = first2 + second2
        together = both2**2 / (first2**2 / freedom[one] + second2**2 / freedom[other])  # Welch's
        half = stdtrit(together, (1 + CONFIDENCE) / 2) * np.sqrt(both2)
        whole = np.hypot(half / NORMAL, met.unsure)
        result.append(Points(met.sizes, y, whole, met.launches, met.visits))
    return result


def _settled(log: Array, variance: Array, visits: Integers, kinds: Integers) -> tuple[Array, Array, Array]:
    """Mean, error and degrees of freedom of every series of launches: NaN, NaN and 1 for an empty one."""
    launches2 = np.zeros(len(log))
    for kind in np.unique(kinds):
        launches2[kinds == kind] = _between(log[kinds == kind], variance[kinds == kind])
    # Where no series of a kind has two launches, what is foreseen from the visits' scatter.
    foreseen = OF_LAUNCHES**2 * variance * visits
    total = variance + np.where(np.isnan(launches2)[:, None], foreseen, launches2[:, None]) + FLOOR**2
    mean, squares, count = _weighted(log, total)
    freedom = np.maximum(count - 1, 0.0)
    own = np.sqrt(squares / np.maximum(freedom, 1))
    deviation, freedom = moderated(own, freedom, kinds, Prior(1.0, WORTH))
    with np.errstate(divide="ignore"):
        error = deviation / np.sqrt(np.nansum(1 / total, axis=1))
    return mean, np.where(count > 0, error, np.nan), freedom


def _weighted(log: Array, variance: Array) -> tuple[Array, Array, Array]:
    """Each series' weighted mean, the weighted squares about it, and how many launches it has."""
    with np.errstate(invalid="ignore"):
        weight = np.where(np.isfinite(log), 1 / variance, 0)
        mean = (weight * np.nan_to_num(log)).sum(axis=1) / weight.sum(axis=1)
        squares = (weight * np.nan_to_num(log - mean[:, None]) ** 2).sum(axis=1)
    return mean, squares, np.isfinite(log).sum(axis=1)


def _between(log: Array, variance: Array) -> float:
    """The variance between launches beyond that of their visits, that all series share.

    NaN where no series has two launches.
    """
    several = np.isfinite(log).sum(axis=1) > 1
    if not several.any():
        return np.nan
    log, variance = log[several], variance[several]

    def excess(between: float) -> float:
        _, squares, count = _weighted(log, variance + between + FLOOR**2)
        return float((np.minimum(squares, WILD * (count - 1)) - (count - 1)).sum())

    if excess(0.0) <= 0:
        return 0.0
    most = float(np.nanmax(np.nanvar(log, axis=1, ddof=1))) + FLOOR**2
    return float(brentq(excess, 0.0, WILD * most, xtol=FLOOR**2))

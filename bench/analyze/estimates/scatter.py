"""How much visits and launches scatter, where each case by itself has too few to tell: moderated variances.

Of two launches a standard deviation is known within a factor of thirty, and Student's t on it gives intervals of
decades. But a run has many cases, and what disturbs one disturbs its likes: their variances are taken as
draws from one distribution, and each case's own is drawn towards the middle of it, the more the less it
rests on. G. K. Smyth, "Linear models and empirical Bayes methods", Statistical Applications in Genetics
and Molecular Biology 3 (2004). A few wild cases must not widen all others: the distribution is fitted
without its tails, and a case beyond it keeps its own variance. B. Phipson et al., "Robust hyperparameter
estimation protects against hypervariable genes", Annals of Applied Statistics 10 (2016).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import fdtr, fdtrc, ndtri

Array = NDArray[np.float64]

MIN_CASES = 10
"""Cases with a deviation of their own from which a distribution can be fitted to them: a group of fewer is
judged by the whole."""

TAIL = 0.10
"""Share of the cases at each end that count as if they lay at its edge when the distribution is fitted."""

_EDGE = -float(ndtri(TAIL))
CLIPPED_VARIANCE = (
    1 - 2 * TAIL - 2 * _EDGE * math.exp(-(_EDGE**2) / 2) / math.sqrt(2 * math.pi) + 2 * TAIL * _EDGE**2
)
"""Of a normal value that is cut off there."""

WILD = 0.05
"""Chance of so large a deviation under the distribution, below which the case is taken for an exception,
and the distribution counts less for it the smaller that chance."""

MIN_FREEDOM, MAX_FREEDOM = 1.0, 50.0
"""Degrees of freedom that a prior may have: cases are never that alike, nor so unlike that others say nothing."""

WIDEST = 20.0
"""Bounds of a prior's scale, in logarithms of variances about the middle one."""


@dataclass(frozen=True)
class Prior:
    """What is known of a deviation before it is measured: its scale, and how many degrees of freedom that is
    worth. s² / deviation² follows the F distribution with those of s² and `freedom`."""

    deviation: float
    freedom: float


def moderated(
    deviation: Array, freedom: Array, group: NDArray[np.int_], otherwise: Prior | None = None
) -> tuple[Array, Array]:
    """Every case's standard deviation with what its likes tell of it, and the degrees of freedom behind it.

    `deviation` are the cases' own, `freedom` their degrees of freedom, 0 for a case that has none: it gets
    the prior's. `group` is the kind of each case, as a number; a group with fewer than `MIN_CASES` that tell
    is judged by the whole, and that, where it has as few, by `otherwise`. NaN where that is None.
    """
    prior_deviation, prior_freedom = np.full(len(deviation), np.nan), np.full(len(deviation), np.nan)
    whole = fitted(deviation, freedom) or otherwise
    for each in np.unique(group):
        member = group == each
        prior = fitted(deviation[member], freedom[member]) or whole
        if prior:
            prior_deviation[member], prior_freedom[member] = prior.deviation, prior.freedom
    own = np.where(freedom > 0, deviation, 0.0)
    with np.errstate(invalid="ignore"):
        chance = fdtrc(np.maximum(freedom, 1), prior_freedom, (own / prior_deviation) ** 2)
    prior_freedom = prior_freedom * np.where(freedom > 0, np.minimum(1.0, chance / WILD), 1.0)
    together = prior_freedom + freedom
    squares = prior_freedom * prior_deviation**2 + freedom * own**2
    return np.sqrt(squares / together), together


def fitted(deviation: Array, freedom: Array) -> Prior | None:
    """The distribution that these deviations come from; None where fewer than `MIN_CASES` tell.

    Each is made a normal value by the chance of a smaller one, and cut off at the edges; scale and freedom
    are those at which these values have the mean and the variance of normal values so cut off.
    """
    tells = (freedom > 0) & (deviation > 0)
    if tells.sum() < MIN_CASES:
        return None
    logs, freedom = 2 * np.log(deviation[tells]), freedom[tells]
    middle = float(np.median(logs))

    def scores(scale: float, prior_freedom: float) -> Array:
        chance = fdtr(freedom, prior_freedom, np.exp(logs - scale))
        clipped: Array = ndtri(np.clip(chance, TAIL, 1 - TAIL))
        return clipped

    def scale_at(log_freedom: float) -> float:
        edges = middle - WIDEST, middle + WIDEST
        return float(brentq(lambda scale: scores(scale, np.exp(log_freedom)).mean(), *edges, xtol=1e-3))

    def excess(log_freedom: float) -> float:
        return float((scores(scale_at(log_freedom), np.exp(log_freedom)) ** 2).mean()) - CLIPPED_VARIANCE

    low, high = np.log(MIN_FREEDOM), np.log(MAX_FREEDOM)
    if excess(low) >= 0:
        log_freedom = low  # more unlike than any prior
    elif excess(high) <= 0:
        log_freedom = high
    else:
        log_freedom = float(brentq(excess, low, high, xtol=1e-2))
    return Prior(float(np.exp(scale_at(log_freedom) / 2)), float(np.exp(log_freedom)))


BEND = 2.0
"""Standard deviations from the middle beyond which a value counts as if it lay there (Huber's function): a
burst does not pull the centre, and values without bursts lose 1 % of what they tell."""

VISITS = Prior(0.16, 3.0)
"""What visits of a launch scatter by, in logarithms, where no visit of the run tells."""

LAUNCHES = Prior(1.0, 3.0)
"""How much more launches scatter than is foreseen, where the run has too few that tell."""

OF_LAUNCHES = 1.0
"""Standard deviation between launches, over and above that of their visits, as a multiple of the latter."""


@dataclass(frozen=True)
class Centres:
    """For each case the mean of ln(seconds per call), its standard error, the degrees of freedom behind that,
    and how many launches and visits it rests on. NaN and 0 for a case without visits."""

    log: Array
    error: Array
    freedom: Array
    launches: NDArray[np.int_]
    visits: NDArray[np.int_]


def centres(log: Array, case: NDArray[np.int_], launch: NDArray[np.int_], kind: NDArray[np.int_]) -> Centres:
    """The centre of every case from its visits, on two levels: visits of a launch, and launches.

    An element of `log`, `case` and `launch` is one visit: ln(seconds per call), the number of its case, the
    number of its launch. An element of `kind` is one case: cases of one kind scatter alike from visit to
    visit. The launches' part is foreseen from the visits' (`OF_LAUNCHES`), and corrected by what the run's
    launches show; so one launch has an interval as well.
    """
    count = len(kind)
    unit, first = np.unique(case * (launch.max(initial=0) + 1) + launch, return_inverse=True)
    of_unit = (unit // (launch.max(initial=0) + 1)).astype(int)
    within = _level(log, np.ones(len(log)), first, len(unit))
    freedom = np.bincount(of_unit, within.count - 1, count)
    squares = np.bincount(of_unit, within.squares, count)
    own = np.sqrt(squares / np.maximum(freedom, 1))
    visits, visits_freedom = moderated(own, freedom, kind, VISITS)
    weight = 1 / (visits[of_unit] ** 2 * (OF_LAUNCHES**2 + 1 / within.count))
    between = _level(within.centre, weight, of_unit, count)
    freedom = np.maximum(between.count - 1, 0)
    own = np.sqrt(between.squares / np.maximum(freedom, 1))
    launches, freedom = moderated(own, freedom, np.zeros(count, dtype=int), LAUNCHES)
    with np.errstate(divide="ignore"):
        error = launches / np.sqrt(between.weight)
    return Centres(
        between.centre, error, freedom, between.count.astype(int), np.bincount(case, minlength=count)
    )


@dataclass(frozen=True)
class _Level:
    """Of each group of values: the centre, the sum of weighted squares about it, the weights' sum, the size."""

    centre: Array
    squares: Array
    weight: Array
    count: Array


def _level(value: Array, weight: Array, group: NDArray[np.int_], groups: int) -> _Level:
    """Huber's mean of each group of values, from the median in one step."""
    count = np.bincount(group, minlength=groups).astype(float)
    middle = _medians(value, group, groups)
    away = (value - middle[group]) * np.sqrt(weight)
    own = _medians(np.abs(away), group, groups) / 0.6745
    several = count > 1
    usual = np.median(own[several]) if several.any() else 0.0
    edge = BEND * np.maximum(own, usual)[group]
    bent = np.clip(away, -edge, edge)
    total = np.bincount(group, weight, groups)
    kept = np.bincount(group, weight * (np.abs(away) <= edge), groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = middle + np.bincount(group, bent * np.sqrt(weight), groups) / kept
        about = bent - ((centre - middle)[group]) * np.sqrt(weight)
        squares = np.bincount(group, about**2, groups)
        share = kept / total
    return _Level(centre, squares / share**2, total, count)


def _medians(value: Array, group: NDArray[np.int_], groups: int) -> Array:
    """The median of each group of values; NaN of an empty one."""
    order = np.lexsort((value, group))
    ordered, count = value[order], np.bincount(group, minlength=groups)
    start = np.cumsum(count) - count
    result = np.full(groups, np.nan)
    some = count > 0
    low, high = (start + (count - 1) // 2)[some], (start + count // 2)[some]
    result[some] = (ordered[low] + ordered[high]) / 2
    return result

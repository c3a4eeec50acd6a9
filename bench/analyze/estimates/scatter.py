"""How much visits and launches scatter, and how well a case is known from few of them: moderated variances.

Of two launches a standard deviation is known within a factor of thirty, and Student's t on it gives
intervals of decades. But a run has many cases, and what disturbs one disturbs its likes: their variances
are taken as draws from one distribution, and each case's own is drawn towards the middle of it, the more
the less it rests on. G. K. Smyth, "Linear models and empirical Bayes methods", Statistical Applications in
Genetics and Molecular Biology 3 (2004). A few wild cases must not widen all others: what lies beyond the
distribution's edge counts as if it lay there, and a case beyond it keeps a variance of its own. B. Phipson
et al., "Robust hyperparameter estimation protects against hypervariable genes", Annals of Applied
Statistics 10 (2016).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import fdtr, fdtrc, ndtr, ndtri, stdtrit

from bench.analyze.estimates.intervals import CONFIDENCE

Array = NDArray[np.float64]
Numbers = NDArray[np.int_]

MIN_CASES = 20
"""Cases with a deviation of their own from which a distribution can be fitted to them."""

ENOUGH_CASES = 1000
"""Of more cases about so many are asked, evenly chosen: that knows the scale to a few per cent."""

EDGES = float(ndtri(0.5)), float(ndtri(0.98))
"""Where the distribution is cut off when it is fitted, as normal values. The lower half tells one thing, that
it is half: launches that a machine of two paces made at one of them agree by chance."""

WILD = 0.05
"""Chance of so large a deviation by the distribution, below which a case is taken for an exception: the
distribution then counts less for it, the less the smaller that chance."""

MIN_FREEDOM, MAX_FREEDOM = 1.0, 50.0
"""Degrees of freedom that a prior may have: cases are neither all alike, nor do others say nothing of one."""

OF_VISITS = 3.5
"""Standard deviation between visits of a launch, as a multiple of that between blocks of a visit. This and
the next two are what `python -m trust coverage --runs RUN ...` printed of three default runs on a virtual
machine of two cores: 3.1 to 4.6, 0.12 to 0.17, and 0.6 to 1.4."""

USUAL_VISITS = 0.16
"""Standard deviation between visits of a launch in logarithms, where nothing of the run tells."""

OF_LAUNCHES = 1.0
"""Standard deviation that launches add to their visits', as a multiple of that."""

MIN_OF_LAUNCHES = 0.01
"""The same in logarithms at least: where code and data come to lie in memory alone makes that much, on the
quietest machine too; `bench.analyze.gate.series` ignores as much."""

WORTH = 2.0
"""Degrees of freedom that such a constant is worth: within a factor of two it holds for two runs in three."""

BEND = 2.0
"""Standard deviations from the middle beyond which a value counts as if it lay there (Huber's function): a
burst does not move the centre, and values without bursts lose little of what they tell."""

MIN_TO_BEND = 5
"""Values below which none can be told for a burst."""


@dataclass(frozen=True)
class Prior:
    """What is known of a deviation before it is measured: its scale, and how many degrees of freedom that is
    worth. Squares of measured ones over the scale's are F-distributed with their own freedom and this."""

    deviation: float
    freedom: float


@dataclass(frozen=True)
class Centres:
    """For each case the mean of ln(seconds per call), its standard error, the degrees of freedom behind that,
    and how many launches and visits it rests on; NaN and 0 for a case without visits."""

    log: Array
    error: Array
    freedom: Array
    launches: Numbers
    visits: Numbers

    def half(self, confidence: float = CONFIDENCE) -> Array:
        """Half of each interval, in logarithms."""
        half: Array = stdtrit(self.freedom, (1 + confidence) / 2) * self.error
        return half


def centres(
    log: Array,
    case: Numbers,
    launch: Numbers,
    kind: Numbers,
    blocks: float = math.nan,
    template: Numbers | None = None,
) -> Centres:
    """The centre of every case from its visits, on two levels: visits of a launch, and launches.

    An element of `log`, `case` and `launch` is a visit: ln(seconds per call), the number of its case and of
    its launch; `template` is that of the process its launch was forked from, where launches are forks. An
    element of `kind` is a case: those of one kind scatter alike from visit to visit. `blocks` is the usual
    standard deviation between blocks of a visit, NaN where a visit has but one.

    What launches scatter by is foreseen from their visits, and corrected by what the launches of the run's
    cases show: so a case with one launch has an interval, and a run of such cases.
    """
    count = len(kind)
    unit, unit_of = np.unique(np.stack([case, launch]), axis=1, return_inverse=True)
    within = _level(log, np.ones(len(log)), unit_of, unit.shape[1])
    visits = _within(within, unit[0], kind, blocks)
    foreseen = np.maximum(OF_LAUNCHES * visits, MIN_OF_LAUNCHES)[unit[0]] ** 2
    weight = 1 / (foreseen + visits[unit[0]] ** 2 / within.count)
    between = _level(within.centre, weight, unit[0], count)
    own, freedom = _deviation(between.squares, between.count - 1)
    scale, freedom = moderated(own, freedom, np.zeros(count, dtype=int), Prior(1.0, WORTH))
    with np.errstate(divide="ignore"):
        error = np.where(between.count > 0, scale / np.sqrt(between.weight), np.nan)
    if template is not None:
        first = np.unique(unit_of, return_index=True)[1]
        error *= _of_templates(within.centre, unit[0], template[first], between)
    launches = between.count.astype(int)
    return Centres(between.centre, error, freedom, launches, np.bincount(case, minlength=count))


def moderated(
    deviation: Array, freedom: Array, group: Numbers, otherwise: Prior | None = None
) -> tuple[Array, Array]:
    """Every case's standard deviation with what its likes tell of it, and the degrees of freedom behind it.

    `deviation` are the cases' own, `freedom` their degrees of freedom, 0 for a case that has none: it gets
    the prior's. `group` is the kind of each case, as a number; a group with fewer than `MIN_CASES` that tell
    is judged by the whole, and that, where it has as few, by `otherwise`: NaN where that is None.
    """
    scale, worth = np.full(len(deviation), np.nan), np.full(len(deviation), np.nan)
    whole = fitted(deviation, freedom) or otherwise
    for each in np.unique(group):
        member = group == each
        if prior := fitted(deviation[member], freedom[member]) or whole:
            scale[member], worth[member] = prior.deviation, prior.freedom
    own = np.where(freedom > 0, deviation, 0.0)
    chance = fdtrc(np.maximum(freedom, 1), worth, (own / scale) ** 2)
    worth *= np.where(freedom > 0, np.minimum(1.0, chance / WILD), 1.0)
    together = worth + freedom
    return np.sqrt((worth * scale**2 + freedom * own**2) / together), together


def fitted(deviation: Array, freedom: Array) -> Prior | None:
    """The distribution that these deviations are drawn from; None where fewer than `MIN_CASES` tell.

    The chance of a smaller one makes each a normal value, which is cut off at the edges; scale and freedom
    are those at which these have the mean and the variance of normal values so cut off.
    """
    tells = np.flatnonzero((freedom > 0) & (deviation > 0))
    if len(tells) < MIN_CASES:
        return None
    tells = tells[:: max(len(tells) // ENOUGH_CASES, 1)]
    logs, freedom = 2 * np.log(deviation[tells]), freedom[tells]
    edges, (low, high) = (logs.min() - 20, logs.max() + 20), np.log([MIN_FREEDOM, MAX_FREEDOM])

    def off(scale: float, worth: float) -> Array:
        chance = np.clip(fdtr(freedom, worth, np.exp(logs - scale)), *ndtr(EDGES))
        values: Array = ndtri(chance) - CUT_MEAN
        return values

    def scale_at(worth: float) -> float:
        return float(brentq(lambda scale: off(scale, worth).mean(), *edges, xtol=1e-3))

    def excess(log_worth: float) -> float:
        worth = math.exp(log_worth)
        return float((off(scale_at(worth), worth) ** 2).mean()) - CUT_VARIANCE

    if excess(low) >= 0 or excess(high) <= 0:
        worth = MIN_FREEDOM if excess(low) >= 0 else MAX_FREEDOM
    else:
        worth = math.exp(brentq(excess, low, high, xtol=1e-2))
    return Prior(math.exp(scale_at(worth) / 2), worth)


def _cut_moments(low: float, high: float) -> tuple[float, float]:
    """Mean and variance of a normal value that is cut off at these edges, in closed form."""
    below, above = float(ndtr(low)), float(ndtr(-high))
    dense = [math.exp(-(edge**2) / 2) / math.sqrt(2 * math.pi) for edge in (low, high)]
    mean = low * below + high * above + dense[0] - dense[1]
    inside = 1 - below - above + low * dense[0] - high * dense[1]
    return mean, low**2 * below + high**2 * above + inside - mean**2


CUT_MEAN, CUT_VARIANCE = _cut_moments(*EDGES)


@dataclass(frozen=True)
class _Level:
    """Of each group of values: centre, sum of weighted squares about it, sum of weights, count."""

    centre: Array
    squares: Array
    weight: Array
    count: Array


def _level(value: Array, weight: Array, group: Numbers, groups: int) -> _Level:
    """Huber's weighted mean of each group of values, in one step from the median where there are enough."""
    count = np.bincount(group, minlength=groups).astype(float)
    root = np.sqrt(weight)
    away = (value - _medians(value, group, groups)[group]) * root
    usual = _medians(np.abs(away), group, groups) / float(ndtri(0.75))
    edge = np.where((count >= MIN_TO_BEND) & (usual > 0), BEND * usual, np.inf)[group]
    inside = np.abs(away) <= edge
    bent = np.where(inside, away, np.sign(away) * np.minimum(edge, np.abs(away)))
    total, kept = _sums(group, weight, groups), _sums(group, weight * inside, groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = _sums(group, bent * root, groups) / kept
        squares = _sums(group, (bent - shift[group] * root) ** 2, groups) / (kept / total) ** 2
    return _Level(_medians(value, group, groups) + shift, squares, total, count)


def _sums(group: Numbers, values: Array, groups: int) -> Array:
    sums: Array = np.bincount(group, values, groups).astype(float)
    return sums


def _medians(value: Array, group: Numbers, groups: int) -> Array:
    """The median of each group of values; NaN of an empty one."""
    ordered, count = value[np.lexsort((value, group))], np.bincount(group, minlength=groups)
    start, result, some = np.cumsum(count) - count, np.full(groups, np.nan), count > 0
    low, high = (start + (count - 1) // 2)[some], (start + count // 2)[some]
    result[some] = (ordered[low] + ordered[high]) / 2
    return result


def _deviation(squares: Array, freedom: Array) -> tuple[Array, Array]:
    freedom = np.maximum(freedom, 0)
    return np.sqrt(np.where(freedom > 0, squares, 0) / np.maximum(freedom, 1)), freedom


def _within(within: _Level, case: Numbers, kind: Numbers, blocks: float) -> Array:
    """The standard deviation between visits of a launch, by case."""
    count = len(kind)
    squares, freedom = (_sums(case, each, count) for each in (within.squares, within.count - 1))
    usual = OF_VISITS * blocks if blocks > 0 else USUAL_VISITS
    return moderated(*_deviation(squares, freedom), kind, Prior(usual, WORTH))[0]


def _of_templates(log: Array, case: Numbers, template: Numbers, between: _Level) -> Array:
    """By what factor each case's error grows, since launches that were forked from one template are alike.

    One analysis of variance over all cases, each in units of its own scatter, gives the variance between
    templates as a share of that between their launches.
    """
    count = len(between.count)
    of, number = np.unique(np.stack([case, template]), axis=1, return_inverse=True)
    templates, size = np.bincount(of[0], minlength=count), np.bincount(number)
    middle = (_sums(case, log, count) / np.maximum(between.count, 1))[case]
    means = (np.bincount(number, log) / size)[number]
    apart, whole = (_sums(case, (each - middle) ** 2, count) for each in (means, log))
    tells = (templates > 1) & (between.count > templates) & (whole > 0)
    each = np.divide(between.count, templates, out=np.ones(count), where=templates > 0)
    if not tells.any():
        return np.ones(count)
    parts = [
        (part[tells] / whole[tells] * (between.count[tells] - 1)).sum() for part in (apart, whole - apart)
    ]
    freedom = [(templates - 1)[tells].sum(), (between.count - templates)[tells].sum()]
    ratio = parts[0] / freedom[0] / max(parts[1] / freedom[1], 1e-12)
    share = max(ratio - 1, 0) / each[tells].mean()
    grown: Array = np.sqrt(1 + share * each)
    return grown

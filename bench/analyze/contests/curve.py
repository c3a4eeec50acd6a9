"""The ratio of two contenders along the size axis as one curve, fitted to all sizes at once.

y(x), x = ln(size), is a Gaussian process about a straight line: neighbours tell of each other, and a point
weighs by its error. How smooth a curve is, nobody knows beforehand: `SHAPES` lists what it may be like, from
a wide bend to a new height at every size, and each shape counts by its marginal likelihood. What is likely
beforehand is learned from all contests of a run (empirical Bayes, by expectation and maximization). A fixed
cost beside one that grows bends the curve, a kernel that is exchanged from some size on makes it jump: the
curve may also have one bend, step or kink, anywhere. The posterior is a mixture of all of these, and is known
by draws from it. C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006),
chapters 2, 4 and 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from bench.analyze.contests.levels import Array, Points
from bench.analyze.estimates.intervals import CONFIDENCE

Sort = Literal["none", "bend", "step", "kink"]

SMOOTH = [(height, length) for length in (1.4, 2.8, 5.6) for height in (0.02, 0.1, 0.5, 2.5)]
"""Heights (in ln ratio) and lengths (in ln size) of smooth curves: costs that fade take some octaves."""

ROUGH = [(height, length) for length in (0.35, 1.4, 5.6) for height in (0.03, 0.1, 0.3, 1.0)]
"""The same of rough curves, down to half an octave: caches, blocks of kernels, factors of two."""

SHAPES = [*((True, *shape) for shape in SMOOTH), *((False, *shape) for shape in ROUGH)]

EVEN = 5.0
"""Contests that an even distribution over shapes, and BEFOREHAND, are worth beside those of the run."""

ROUNDS = 30
"""Rounds of expectation and maximization; ten change no weight by more than a hundredth."""

LEVEL, SLOPE = 10.0, 1.0
"""Standard deviations of the straight line: a factor of 20 000, and times that grow with one power of the
size more than the other's."""

POWERS = (1, 2, 3)
"""Of the size, that a growing cost may grow with: its number of elements, or of operations on a matrix."""

SORTS: tuple[tuple[Sort, int], ...] = (
    ("none", 1), *(("bend", power) for power in POWERS), ("step", 1), ("kink", 1),
)  # fmt: skip
"""What a curve may have once, beside its shape. A bend is that of a fixed cost beside one that grows with the
size, ln(fixed + rate · size^power), the usual case; a step a kernel that is exchanged; a kink a new slope."""

BEFOREHAND = (0.45, *[0.45 / len(POWERS)] * len(POWERS), 0.05, 0.05)
"""How likely each sort is beforehand."""

STEP, SLOPE_CHANGE = 0.5, 0.5
"""Standard deviations of a step, in ln ratio: exchanged kernels differ by up to a factor of two; and of what
a bend or a kink adds to the slope: half a power of the size."""

BEND_EVERY, BEND_BEYOND = 0.25, 2.0
"""Distance of the places at which a bend may be, in ln size, and how far beyond the sizes measured."""

PIECES = 8
"""Points at which the curve is followed from one size to the next, the larger one among them. A kink may be
in the middle between any two."""

DRAWS = 1000
"""Draws from the posterior; each comes with its mirror image about the mean: nothing favours a side."""

SEED = 20
"""Of the draws: the same blocks give the same answer to the digit."""

PARTS = 50
"""Pairs of break and shape that draws are taken from, by their share: each costs a factorization."""

JITTER = 1e-9
"""Added to variances, in units of the largest, so that rounding leaves a matrix positive."""


@dataclass(frozen=True)
class Curve:
    """A contest's points and draws of its curve: `x` = ln(size) at the points and between them, `draws` of
    shape (draws, x); `steps` where on that axis each draw has its step, NaN for none."""

    points: Points
    x: Array
    draws: Array
    steps: Array

    def turned(self) -> Self:
        """The same with incumbent and challenger exchanged."""
        return replace(self, points=self.points.turned(), draws=-self.draws)

    @property
    def at_points(self) -> NDArray[np.int_]:
        """Positions in `x` of the points' sizes."""
        return np.arange(len(self.points.sizes)) * PIECES

    @cached_property
    def band(self) -> tuple[Array, Array, Array]:
        """Lower end, middle and upper end of the 95 % band along `x`."""
        tail = (1 - CONFIDENCE) / 2
        ordered = np.sort(self.draws, axis=0)  # vectorized, as selecting three quantiles is not
        low, middle, high = np.quantile(ordered, [tail, 0.5, 1 - tail], axis=0)
        return low, middle, high


@dataclass(frozen=True)
class _Break:
    """Bends, steps or kinks, each from `low` to `high` on the x axis; `end` is the next point above."""

    sort: Sort
    low: Array
    high: Array
    end: Array
    power: int = 1

    @property
    def middle(self) -> Array:
        return np.asarray((self.low + self.high) / 2)

    def one(self, number: int) -> Self:
        """One of them."""
        low, high, end = (each[number] for each in (self.low, self.high, self.end))
        return replace(self, low=low, high=high, end=end)

    def along(self, x: Array, at: Array) -> Array:
        """What each adds to the curve along x at its place, in its standard deviations: (x, places).

        Wherever a kink is, the points see it in the middle: until the next one the line is another.
        """
        beyond = x[:, None] - at
        if self.sort == "step":
            return np.asarray(STEP * (beyond > 0))
        if self.sort == "bend":
            return np.asarray(SLOPE_CHANGE * np.logaddexp(0, self.power * beyond))
        turned = np.maximum(beyond, 0) * (self.end - self.middle) / (self.end - at)
        return np.asarray(SLOPE_CHANGE * np.where(x[:, None] < self.end, turned, x[:, None] - self.middle))

    def at_points(self, x: Array) -> Array:
        """The same at the points: (points, places)."""
        return self.along(x, np.atleast_1d(self.middle))


def _breaks(ends: Array, x: Array) -> list[_Break]:
    """Every break that a curve may have, in the order of `SORTS`: bends anywhere, others between points."""
    first, last = ends[0] - BEND_BEYOND, ends[-1] + BEND_BEYOND
    bends = np.linspace(first, last, int((last - first) / BEND_EVERY) + 1 if len(ends) > 1 else 0)
    return [
        *(_Break("bend", bends, bends, bends, power) for power in POWERS),
        _Break("step", ends[:-1], ends[1:], ends[1:]),
        _Break("kink", x[:-1], x[1:], np.repeat(ends[1:], PIECES)),
    ]


@dataclass(frozen=True)
class _Fit:
    """A contest's breaks by their sort; of what sort each one is, none the first of them (a position in
    `SORTS`), and the log of every likelihood, of shape (breaks, shapes).
    """

    points: Points
    x: Array
    breaks: tuple[_Break, ...]
    sorts: NDArray[np.int_]
    likelihood: Array

    @classmethod
    def of(cls, points: Points) -> Self:
        ends = np.log(points.sizes)
        between = [np.linspace(a, b, PIECES + 1)[1:] for a, b in pairwise(ends)]
        x = np.concatenate([ends[:1], *between])
        breaks = _breaks(ends, x)
        added = [each.at_points(ends) for each in breaks]
        likelihood = _likelihood(points, np.hstack([np.zeros((len(ends), 1)), *added]))
        sorts = np.repeat(np.arange(len(SORTS)), [1, *(len(each.low) for each in breaks)])
        return cls(points, x, tuple(breaks), sorts, likelihood)

    def broken(self, number: int) -> _Break | None:
        """The break of that number; none is the first."""
        if not (sort := int(self.sorts[number])):
            return None
        return self.breaks[sort - 1].one(number - int(np.searchsorted(self.sorts, sort)))

    @cached_property
    def of_sorts(self) -> Array:
        """The mean likelihood of each sort's breaks with each shape, but for a factor: (sorts, shapes)."""
        likelihood = np.exp(self.likelihood - self.likelihood.max())
        counts = np.bincount(self.sorts, minlength=len(SORTS))[:, None]
        sums = [likelihood[self.sorts == sort].sum(axis=0) for sort in range(len(SORTS))]
        return np.asarray(np.array(sums) / np.maximum(counts, 1))

    def shares(self, sorts: Array, shapes: Array) -> Array:
        """The share of every sort and shape, given those of both beforehand: `posterior`, summed by sort."""
        shares = self.of_sorts * np.outer(sorts, shapes)
        return np.asarray(shares / shares.sum())

    def posterior(self, sorts: Array, shapes: Array) -> Array:
        """The share of every break and shape, given those of sorts and of shapes beforehand."""
        beforehand = (sorts / np.maximum(np.bincount(self.sorts, minlength=len(SORTS)), 1))[self.sorts]
        logs = self.likelihood + np.log(beforehand)[:, None] + np.log(shapes)
        shares = np.exp(logs - logs.max())
        return np.asarray(shares / shares.sum())


def curves(contests: Sequence[Points]) -> list[Curve]:
    """The curve of every contest of a run, which may have none; each has one size or more."""
    if not contests:
        return []
    fits = [_Fit.of(points) for points in contests]
    sorts, shapes = np.array(BEFOREHAND), np.full(len(SHAPES), 1 / len(SHAPES))
    beforehand = EVEN * sorts, EVEN * shapes
    for _ in range(ROUNDS):
        shares = np.sum([fit.shares(sorts, shapes) for fit in fits], axis=0)
        sorts = (beforehand[0] + shares.sum(axis=1)) / (EVEN + len(fits))
        shapes = (beforehand[1] + shares.sum(axis=0)) / (EVEN + len(fits))
    return [Curve(fit.points, fit.x, *_draws(fit, fit.posterior(sorts, shapes))) for fit in fits]


def _covariance(shape: tuple[bool, float, float], x: Array, other: Array, centre: float) -> Array:
    """The covariance of the curve at x and other x: rational quadratic if smooth, else Matérn's (3/2)."""
    smooth, height, length = shape
    apart = np.abs(x[:, None] - other) / length
    bend = (1 + apart**2 / 4) ** -2.0 if smooth else (1 + 3**0.5 * apart) * np.exp(-(3**0.5) * apart)
    line = LEVEL**2 + SLOPE**2 * np.outer(x - centre, other - centre)
    return np.asarray(line + height**2 * bend)


def _likelihood(points: Points, added: Array) -> Array:
    """The log likelihood of the points, but for a constant, with each break (a column of `added`) and shape.

    A break adds a matrix of rank one to a covariance: determinant and inverse follow by the lemmas of that.
    """
    ends = np.log(points.sizes)
    covariance = np.array([_covariance(shape, ends, ends, ends.mean()) for shape in SHAPES])
    root = np.linalg.cholesky(covariance + np.diag(points.error**2))
    values = np.hstack([points.y[:, None], added])
    whitened = np.linalg.solve(root, np.broadcast_to(values, (len(root), *values.shape)))
    y, breaks = whitened[..., :1], whitened[..., 1:]
    spread = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    more = 1 + (breaks**2).sum(axis=1)
    squares = (y**2).sum(axis=1) - (y * breaks).sum(axis=1) ** 2 / more
    return np.asarray(-squares / 2 - np.log(more) / 2 - spread[:, None]).T


def _draws(fit: _Fit, posterior: Array) -> tuple[Array, Array]:
    """Draws of the curve along `fit.x`, from breaks and shapes by their share; and each one's step."""
    random = np.random.default_rng(SEED)
    parts = np.diff(np.round(np.cumsum(posterior) * PARTS), prepend=0).astype(int)
    counts = parts * (DRAWS // 2 // PARTS)
    centre = float(np.log(fit.points.sizes).mean())
    along_x = cache(lambda shape: _covariance(SHAPES[shape], fit.x, fit.x, centre))
    drawn, steps = [], []
    for position in np.flatnonzero(counts):
        number, shape = divmod(int(position), len(SHAPES))
        broken, count = fit.broken(number), counts[position]
        mean, root = _conditioned(fit, broken, along_x(shape))  # most shapes come with several breaks
        away = root @ random.standard_normal((len(mean), count))
        places, along = np.full(count, np.nan), np.zeros(1)
        if broken:
            places = random.uniform(broken.low, broken.high, count)
            along = broken.along(fit.x, places)
        for sign in (1, -1):
            values = mean[:, None] + sign * away
            drawn.append(values[:-1] + values[-1] * along)
            steps.append(places if broken and broken.sort == "step" else np.full(count, np.nan))
    return np.concatenate(drawn, axis=1).T, np.concatenate(steps)


def _conditioned(fit: _Fit, broken: _Break | None, along: Array) -> tuple[Array, Array]:
    """Given the points, and a shape's covariance along x: mean, and root of the covariance, of the curve
    without its break, and at the end of the break's height in standard deviations.
    """
    ends, at_points = np.log(fit.points.sizes), PIECES * np.arange(len(fit.points.sizes))
    added = broken.at_points(ends).T if broken else np.zeros((1, len(ends)))
    across = np.vstack([along.take(at_points, axis=1), added])
    known = across[at_points] + np.diag(fit.points.error**2) + added.T @ added
    beforehand = np.eye(len(along) + 1)
    beforehand[:-1, :-1] = along
    gain = np.linalg.solve(known, across.T).T
    left = beforehand - gain @ across.T
    jitter = JITTER * max(float(np.diagonal(known).mean()), 1.0)
    return gain @ fit.points.y, np.asarray(np.linalg.cholesky(left + jitter * np.eye(len(left))), dtype=float)

"""One case's series of launches judged: screen, confirmation on fresh launches, extension, undecided.

A case that surely stands still is let go within a stage. How much this finds, and how often it is wrong:
docs/measurements.md, "The gate's rule".
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bench.analyze.estimates.changes import bounds, change
from bench.analyze.estimates.intervals import Centre, centre
from bench.records import Change, Kind, VerdictState

STAGES = (range(5), range(5, 13), range(13, 25))
"""Launches of the screen, of the confirmation and of the extension, by number."""

EXTENSION = STAGES[-1]
FRESH = range(STAGES[1].start, EXTENSION.stop)
EARLY = (
    (range(3), range(4)),
    (range(5, 7), range(5, 9), range(5, 11)),
    (range(5, 15), range(5, 17), range(5, 19), range(5, 21), range(5, 23)),
)
"""By stage, the launches after which a case that surely stands still is let go: see docs/measurements.md."""

CHECKPOINTS = tuple(sorted(launches.stop for launches in (*STAGES, *chain.from_iterable(EARLY))))
"""After how many launches some case may be settled."""

NAMES = ("screen", "confirmation", "extension")

SUSPECT = 0.4
"""Share of the budget from which the screen's median is suspect: 2 % of unchanged cases are, at 5 %."""

DECISIVE = 0.5
"""Share of the budget that a confirmed median must reach. A rule that asks for the whole budget misses
half of the slowdowns of just that size."""

ALPHA = 0.01
"""What one look may err at most, however few the cases."""

LOOKS = 2
"""At fresh launches: after the confirmation and after the extension."""

MIN_CHANCE = 0.025
"""Share of unchanged cases that is taken to pass the screen at least: a launch now and then lies far off."""

MEDIAN_OF_FIVE = 0.536
"""Standard error of the median of five normal values, in standard deviations."""

IGNORED = 0.01
"""Slowdown that is none: where code and data come to lie in memory alone makes that much."""

CONFIDENCE = 0.95
"""Of each bound of a change."""

EARLY_CONFIDENCE = 0.99
"""Of the bound that must be under the budget for a case to be let go early: see docs/measurements.md."""

CONTROL_CONFIDENCE = 0.999
"""Of a control's bound that says that it moved: with two controls, two directions, and looks at the screen
and at what is fresh, about one gate in a hundred is called contaminated by chance, however noisy."""

TYPICAL_FREEDOM = 5.0
"""How much a table's typical scatter counts, in degrees of freedom: see docs/measurements.md."""

MIN_TYPICAL = 5
"""Series that must tell before their scatter is typical of anything."""

MIN_LAUNCHES_FOR_CHANGE = 5
"""Launches that must tell of a change before it is called one."""


EVIDENT = 5.0
"""How many times a launch's scatter a change may be and still be left undecided: beyond, whoever looks at the
launches sees it, whether the screen could tell or not."""


@dataclass(frozen=True)
class Judgement:
    """What a series says: a state, the stage it was reached in, the reason, and whether more could tell."""

    state: VerdictState
    stage: str
    reason: str
    centre: Centre | None
    p_value: float | None = None
    open: bool = False

    def change(self, case: str, kind: Kind = "wall") -> Change | None:
        """The change of a case that was judged; None where no launch could tell."""
        if self.centre is None:
            return None
        low, high = (math.exp(bound) for bound in self.centre.bounds(CONFIDENCE))
        ratio, launches = math.exp(self.centre.mean), self.centre.count
        return Change(case, ratio, low, high, launches, self.p_value, kind)


def typical_scatter(table: Iterable[NDArray[np.float64]]) -> float | None:
    """The scatter of a launch in a table's middle series, from the first three; None of too few of them.

    Of the variances of three normal values the median is ln 2 of the mean.
    """
    first = [logs[: EARLY[0][0].stop] for logs in table]
    variances = [float(np.var(logs, ddof=1)) for logs in first if np.isfinite(logs).all()]
    return math.sqrt(median(variances) / math.log(2)) if len(variances) >= MIN_TYPICAL else None


def judge(
    logs: NDArray[np.float64], made: int, budget: float, error: float, typical: float | None = None
) -> Judgement:
    """The judgement on ln(head/base) of launches 0 to 24, of which the first `made` were made.

    `budget` is a share; `error` how often an unchanged case may be called changed; `typical` the scatter of
    a launch in the same table, where it is known. NaN stands for a launch that cannot tell. A change must
    show twice: in the screen, and in the fresh launches by themselves.
    """
    screen = _sample(logs, STAGES[0])
    if judgement := _let_go(logs, 0, made, budget, typical):
        return judgement
    if made < STAGES[0].stop:
        return _waiting(screen)
    if screen and _suspected(screen, budget) is None:
        still = _steadied(screen, None, typical)
        if _within(still, budget):
            return Judgement("same", NAMES[0], _same(still, budget), still)
    return _confirmed(logs, made, budget, error, typical)


def _steadied(sample: Centre, screen: Centre | None, typical: float | None) -> Centre:
    """The centre with an error that rests on the scatter in the screen and that of the table as well."""
    if screen:
        sample = sample.steadied(screen.scatter, screen.freedom)
    return sample.steadied(typical, TYPICAL_FREEDOM) if typical else sample


def _sample(logs: NDArray[np.float64], launches: range) -> Centre | None:
    return centre(logs[launches.start : launches.stop])


def _let_go(
    logs: NDArray[np.float64], stage: int, made: int, budget: float, typical: float | None
) -> Judgement | None:
    """That a case is the same, at the first look within a stage that is sure of it."""
    screen = _sample(logs, STAGES[0]) if stage else None
    for launches in EARLY[stage]:
        sample = _sample(logs, launches) if made >= launches.stop else None
        if sample is None or sample.count < len(launches) or _is_suspect(sample, budget):
            continue
        sample = _steadied(sample, screen, typical)
        if _within(sample, budget, EARLY_CONFIDENCE):
            return Judgement("same", NAMES[stage], _same(sample, budget), sample)
    return None


def _confirmed(
    logs: NDArray[np.float64], made: int, budget: float, error: float, typical: float | None
) -> Judgement:
    """What the fresh launches say, stage by stage, until one settles it."""
    judgement = _waiting(_sample(logs, STAGES[0]))
    for stage in range(1, len(STAGES)):
        if early := _let_go(logs, stage, made, budget, typical):
            return early
        if made < STAGES[stage].stop:
            return judgement
        judgement = _at_end(logs, stage, budget, error)
        if judgement.open and (evident := _evident(logs[: STAGES[stage].stop], NAMES[stage], budget, error)):
            return evident
        if not judgement.open:
            return judgement
    return replace(judgement, open=False)


def _at_end(logs: NDArray[np.float64], stage: int, budget: float, error: float) -> Judgement:
    """What all the fresh launches say at the end of a stage.

    A change that the screen did not show is open, but for a gain that is surely beyond the budget or surely
    within it: that fails nothing, whatever the screen.
    """
    fresh, name = _sample(logs, range(FRESH.start, STAGES[stage].stop)), NAMES[stage]
    if fresh is None or fresh.count < MIN_LAUNCHES_FOR_CHANGE:
        how_many = "no launch" if fresh is None else f"only {fresh.count} launches"
        return Judgement("undecided", name, f"{how_many} had enough clean blocks", fresh, open=True)
    judgement = look(fresh, name, budget, error, _by_chance(fresh, budget))
    suspected = _suspected(_sample(logs, STAGES[0]), budget)
    if judgement.state not in ("slower", "faster") or judgement.state == suspected:
        return judgement
    if judgement.state == "faster" and _upper(fresh) <= -budget:
        return judgement
    reason = f"{judgement.reason}, but the first {len(STAGES[0])} did not show it"
    if _within(fresh, budget):
        return replace(judgement, state="same", reason=reason)
    return replace(judgement, state="undecided", reason=reason, open=True)


def _evident(logs: NDArray[np.float64], name: str, budget: float, error: float) -> Judgement | None:
    """A change that all launches show, those of the screen among them, however few of these could tell.

    None is trimmed: one that does not show it makes it less than evident.
    """
    told = logs[np.isfinite(logs)]
    if len(told) < MIN_LAUNCHES_FOR_CHANGE or abs(told.mean()) < EVIDENT * told.std(ddof=1):
        return None
    every = centre(told)
    judgement = look(every, name, budget, error) if every else None
    return judgement if judgement and judgement.state in ("slower", "faster") else None


def _by_chance(fresh: Centre, budget: float) -> float:
    """How often an unchanged case of this scatter passes the screen by chance."""
    scatter = fresh.error * fresh.count**0.5
    return float(ndtr(-SUSPECT * budget / (MEDIAN_OF_FIVE * scatter))) if scatter > 0 else 0.0


def moved(logs: NDArray[np.float64], made: int, budget: float) -> Judgement:
    """The judgement on a control: its screen, and its fresh launches by themselves, must both stand still."""
    judgement = _waiting(None)
    for name, launches, (first_look, *_) in zip(NAMES, (STAGES[0], FRESH), EARLY, strict=False):
        sample = _sample(logs, launches)
        if sample is None or made < first_look.stop:
            continue
        low, high = sample.bounds(CONTROL_CONFIDENCE)
        if _is_suspect(sample, budget) and (low > 0 or high < 0):
            state: VerdictState = "slower" if low > 0 else "faster"
            return Judgement(state, name, f"{_in_words(sample)} of identical code", sample)
        judgement = Judgement("same", name, _in_words(sample), sample)
    return judgement


def _suspected(screen: Centre | None, budget: float) -> VerdictState | None:
    """What the screen's median makes one suspect.

    A gain has to be sure besides: it never fails a gate, whose time goes to what may.
    """
    if screen is None or not _is_suspect(screen, budget):
        return None
    if screen.median > 0:
        return "slower"
    return "faster" if _upper(screen) < 0 else None


def _is_suspect(sample: Centre, budget: float) -> bool:
    return abs(math.expm1(sample.median)) >= SUSPECT * budget


def look(fresh: Centre, name: str, budget: float, error: float, by_chance: float = 1.0) -> Judgement:
    """What ln(head/base) says by itself; open where that is too little.

    A change is half the budget or more, is surely more than what is ignored, and is no chance: of unchanged
    cases a share `by_chance` comes this far, and of all of them no more than `error` may be called changed.
    """
    median, ignored = math.expm1(fresh.median), min(IGNORED, budget / 5)
    p_slower, p_faster = fresh.above(math.log1p(ignored)), fresh.below(math.log1p(-ignored))
    surely = min(ALPHA, error / (LOOKS * MIN_CHANCE))
    no_chance = min(fresh.above(0.0), fresh.below(0.0)) <= error / (LOOKS * max(by_chance, MIN_CHANCE))
    p_value = min(p_slower, p_faster)
    if median >= DECISIVE * budget and p_slower <= surely and no_chance:
        return Judgement("slower", name, _in_words(fresh), fresh, p_value)
    if median <= -DECISIVE * budget and p_faster <= surely and no_chance:
        return Judgement("faster", name, _in_words(fresh), fresh, p_value)
    if median < DECISIVE * budget and _within(fresh, budget):
        return Judgement("same", name, _same(fresh, budget), fresh, p_value)
    reason = f"{_in_words(fresh)} do{'es' * (fresh.count == 1)} not settle it"
    return Judgement("undecided", name, reason, fresh, p_value, open=True)


def _waiting(screen: Centre | None) -> Judgement:
    reason = f"{_in_words(screen)}, more needed" if screen else "no launch had enough clean blocks"
    return Judgement("undecided", NAMES[0], reason, screen, open=True)


def _upper(sample: Centre, confidence: float = CONFIDENCE) -> float:
    return math.expm1(sample.bounds(confidence)[1])


def _within(sample: Centre, budget: float, confidence: float = CONFIDENCE) -> bool:
    """True where the change is surely smaller than the budget, up and down."""
    low, high = (math.expm1(bound) for bound in sample.bounds(confidence))
    return -budget < low and high < budget


def _same(sample: Centre, budget: float) -> str:
    return f"at most {change(1 + _upper(sample))}: under the budget of {100 * budget:g} %"


def _in_words(sample: Centre) -> str:
    low, high = (math.exp(bound) for bound in sample.bounds(CONFIDENCE))
    launches = "launch" if sample.count == 1 else "launches"
    return f"{change(math.exp(sample.mean))} ({bounds(low, high)}) over {sample.count} {launches}"

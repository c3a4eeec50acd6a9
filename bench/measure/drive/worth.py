"""What another visit of a case is worth: by how much its interval narrows for each second that it takes.

Two levels scatter, the visits of a launch and launches. With v visits in l launches the variance of a case's
centre, on logarithms, is launch²/l + visit²/v. Each level has its cost: a launch has to warm the case up, a
later visit only sets it up again. T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time", ISMM
2013, give the fixed numbers that are best; here the visit that gains most is made next, with what is known by
then, which comes to the same and needs no plan ahead.

Nothing here reads a clock or talks to a worker.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, variance

from bench.measure.drive.entry import Entry, Visited

VISIT_SCATTER, LAUNCH_SCATTER = 0.15, 0.15
"""How far visits of a launch, and launches, lie apart before a run knows better: standard deviations of the
logarithm, in three default runs on a two-core virtual machine 0.13 to 0.17 and 0.08 to 0.17 (`python -m trust
coverage --runs RUN ...` reads them of any)."""

PRIOR_FREEDOM = 4.0
"""How much a case's own scatter has to say before it outweighs that of the others, in degrees of freedom."""

LEAST_LAUNCH = 0.3
"""The least that launches are taken to scatter, as a share of what visits do: two launches of each case may
agree by chance, and a run that believed it would make no third."""

MIN_CASES = 5
"""Cases with two visits in a launch from which the run's own scatter is taken in place of the constants."""

CONTEST_WEIGHT = 2.0
"""How much more a case counts whose contest answers a question."""

CONTEST_TARGET = 0.5
"""Share of the run's target that a contest's cases aim at: its ratio has the error of both contenders."""

MIN_LAUNCHES = 3
"""Launches that each case is expected to need: fewer tell too little of how far they scatter."""

MAX_VISITS = 12
"""Visits of a case in one launch: beyond, another launch tells more."""

MIN_PASSES, MAX_PASSES = 2, MAX_VISITS
"""Fewest and most passes through all cases that a launch is planned for."""

UNSEEN = 0.5
"""Visits and launches that a case without a counted one is taken to have: known to its own scatter's half."""

CONFIDENT = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Scatter:
    """Standard deviations of ln(seconds): between the visits of a launch, and between launches."""

    visit: float = VISIT_SCATTER
    launch: float = LAUNCH_SCATTER

    def half_width(self, visits: float, launches: float) -> float:
        """Half the 95 % interval of a case's centre, in logarithms."""
        return CONFIDENT * math.sqrt(self.launch**2 / launches + self.visit**2 / visits)


@dataclass(frozen=True)
class Typical:
    """The scatter of a run's cases, those that disturb themselves apart: their calls are long."""

    others: Scatter = Scatter()
    self_disturbing: Scatter = Scatter()

    def of(self, entry: Entry) -> Scatter:
        """A case's scatter: its own, steadied by that of its likes."""
        likes = self.self_disturbing if entry.timing.self_disturbing else self.others
        visited = entry.timing.visited
        squares = PRIOR_FREEDOM * likes.visit**2 + visited.squares
        return Scatter(math.sqrt(squares / (PRIOR_FREEDOM + visited.freedom)), likes.launch)


def typical(entries: Iterable[Entry]) -> Typical:
    """What a run's cases show of their scatter."""
    known = [(entry.timing.self_disturbing, entry.timing.visited) for entry in entries]
    others, self_disturbing = (
        _middle([visited for itself, visited in known if itself == kind]) for kind in (False, True)
    )
    return Typical(others, self_disturbing)


def _middle(cases: Sequence[Visited]) -> Scatter:
    """The median case's scatter, since single ones may lie far off; the constants' where too few tell."""
    squares = [_unbiased(each.squares / each.freedom, each.freedom) for each in cases if each.freedom]
    if len(squares) < MIN_CASES:
        return Scatter()
    visit = math.sqrt(median(squares))
    means = [each for each in cases if len(each.means) > 1]
    if len(means) < MIN_CASES:
        return Scatter(visit, LAUNCH_SCATTER)
    between = median(_unbiased(variance(each.means.values()), len(each.means) - 1) for each in means)
    of_visits = visit**2 * median(fmean(1 / count for count in each.counts.values()) for each in means)
    return Scatter(visit, max(math.sqrt(max(0.0, between - of_visits)), LEAST_LAUNCH * visit))


def _unbiased(square: float, freedom: int) -> float:
    """A sample's variance over the median of what such ones come to: Wilson and Hilferty's (1931)."""
    return square / (1 - 2 / (9 * freedom)) ** 3


def width(entry: Entry, run: Typical) -> float:
    """Half the interval that the case has now, in logarithms."""
    visited = entry.timing.visited
    return run.of(entry).half_width(visited.total or UNSEEN, len(visited.counts) or UNSEEN)


def target(entry: Entry, run_target: float) -> float:
    """Half the interval at which a case needs no more."""
    return run_target * (CONTEST_TARGET if entry.in_contest else 1.0)


def gain_per_s(entry: Entry, launch: int, run: Typical) -> float:
    """How much narrower a visit in this launch makes the case's interval, for each second that it takes.

    Of visits that others disturb nothing counts: what share did so far is expected to do so again.
    """
    visited = entry.timing.visited
    made = sum(entry.lifecycle.visits.values())
    counting = (visited.total + 2) / (made + 2.5)  # before it has been seen, four in five are
    opened = counting if launch not in visited.counts else 0.0
    scatter = run.of(entry)
    now = scatter.half_width(visited.total or UNSEEN, len(visited.counts) or UNSEEN)
    then = scatter.half_width((visited.total or UNSEEN) + counting, (len(visited.counts) or UNSEEN) + opened)
    weight = CONTEST_WEIGHT if entry.in_contest else 1.0
    return weight * (now - then) / max(entry.cost.visit_s(launch not in entry.lifecycle.visits), 1e-4)


def launches_worth(seconds: float, start_s: float, entries: Iterable[Entry], run: Typical) -> int:
    """Into how many launches the seconds left are best divided, for the open cases given.

    A launch takes `start_s` until its first case, and what warming its cases up takes more than visiting them
    again. The best number of passes is sqrt(cost of a launch / cost of a pass) x visit / launch (Kalibera and
    Jones, section 4), kept between MIN_PASSES and MAX_PASSES, since the scatter of launches is known badly.
    Cases that take longer than the median one are visited in fewer passes, as `gain_per_s` has it.
    """
    costs_s = [(entry.cost.visit_s(fresh=True), entry.cost.visit_s()) for entry in entries]
    usual_s = median(later_s for _, later_s in costs_s) if costs_s else 0.0
    often = [min(1.0, (usual_s / later_s) ** (2 / 3)) if later_s else 1.0 for _, later_s in costs_s]
    pass_s = sum(later_s * share for (_, later_s), share in zip(costs_s, often, strict=True))
    fresh_s = sum(
        (fresh_s - later_s) * share for (fresh_s, later_s), share in zip(costs_s, often, strict=True)
    )
    opening_s, pass_s = start_s + max(fresh_s, 0.0), max(pass_s, 1e-6)
    best = math.sqrt(opening_s / pass_s) * run.others.visit / max(run.others.launch, 1e-6)
    passes = min(max(best, MIN_PASSES), MAX_PASSES)
    return max(1, int(seconds / (opening_s + passes * pass_s)))


def seconds_to(
    entry: Entry, run: Typical, run_target: float, launches: int, least: int = MIN_LAUNCHES
) -> float:
    """What a case will have taken when it comes to its target, in at most so many launches of MAX_VISITS."""
    scatter, aim = run.of(entry), target(entry, run_target) / CONFIDENT
    opened = min(
        launches, max(least, math.ceil(2 * (scatter.launch / aim) ** 2))
    )  # half of the variance each
    visits = min(opened * MAX_VISITS, max(opened, math.ceil(2 * (scatter.visit / aim) ** 2)))
    if entry.timing.is_long or entry.lifecycle.once:
        visits = opened
    return opened * entry.cost.visit_s(fresh=True) + (visits - opened) * entry.cost.visit_s()

"""What another visit of a case is worth: by how much its interval narrows for each second that it takes.

Two levels scatter, the visits of a launch and launches. With v visits in l launches the variance of a case's
centre, on logarithms, is launch²/l + visit²/v. Each level has its cost: a launch has to warm the case up, a
later visit only sets it up again. T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time", ISMM
2013, give the fixed numbers that are best; here the visit that gains most is made next, with what is known by
then, which comes to the same and needs no plan ahead.

Nothing here reads a clock or talks to a worker.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist, fmean, median

from bench.measure.drive.entry import Entry, Visited

VISIT_SCATTER, LAUNCH_SCATTER = 0.15, 0.15
"""How far visits of a launch, and launches, lie apart before a run knows better: standard deviations of the
logarithm, in three default runs on a two-core virtual machine 0.13 to 0.17 and 0.08 to 0.17 (`python -m trust
coverage --runs RUN ...` reads them of any)."""

PRIOR_FREEDOM = 4.0
"""How much a case's own scatter has to say before it outweighs that of the others, in degrees of freedom."""

MIN_CASES = 5
"""Cases with two visits in a launch from which the run's own scatter is taken in place of the constants."""

CONTEST_WEIGHT = 2.0
"""How much more a case counts whose contest answers a question."""

CONTEST_TARGET = 0.5
"""Share of the run's target that a contest's cases aim at: its ratio has the error of both contenders."""

MAX_VISITS = 12
"""Visits of a case in one launch: beyond, another launch tells more."""

MIN_PASSES, MAX_PASSES = 2, 8
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


def typical(entries: Iterable[Entry]) -> Scatter:
    """What a run's cases show of their scatter: the median case's, since single ones may lie far off."""
    known = [entry.timing.visited for entry in entries]
    squares = [_visit_square(visited) for visited in known if visited.freedom]
    if len(squares) < MIN_CASES:
        return Scatter()
    visit = math.sqrt(median(squares))
    excess = [excess for visited in known if (excess := _launch_square(visited, visit**2)) is not None]
    if len(excess) < MIN_CASES:
        return Scatter(visit)
    return Scatter(visit, math.sqrt(max(0.0, median(excess))))


def own(visited: Visited, run: Scatter) -> Scatter:
    """A case's scatter: its own, steadied by that of the run's others."""
    freedom = visited.freedom
    squares = PRIOR_FREEDOM * run.visit**2 + (freedom * _visit_square(visited) if freedom else 0.0)
    return Scatter(math.sqrt(squares / (PRIOR_FREEDOM + freedom)), run.launch)


def _visit_square(visited: Visited) -> float:
    """The variance within launches."""
    return visited.squares / visited.freedom


def _launch_square(visited: Visited, visit_square: float) -> float | None:
    """The variance between launches beyond that of their visits; None of a case with a single launch."""
    if len(visited.means) < 2:
        return None
    centre = fmean(visited.means.values())
    square = sum((mean - centre) ** 2 for mean in visited.means.values()) / (len(visited.means) - 1)
    return square - visit_square * fmean(1 / count for count in visited.counts.values())


def width(entry: Entry, run: Scatter) -> float:
    """Half the interval that the case has now, in logarithms."""
    visited = entry.timing.visited
    return own(visited, run).half_width(visited.total or UNSEEN, len(visited.counts) or UNSEEN)


def target(entry: Entry, run_target: float) -> float:
    """Half the interval at which a case needs no more."""
    return run_target * (CONTEST_TARGET if entry.in_contest else 1.0)


def gain_per_s(entry: Entry, launch: int, run: Scatter) -> float:
    """How much narrower a visit in this launch makes the case's interval, for each second that it takes.

    Of visits that others disturb nothing counts: what share did so far is expected to do so again.
    """
    visited = entry.timing.visited
    made = sum(entry.lifecycle.visits.values())
    counting = (visited.total + 2) / (made + 2.5)  # before it has been seen, four in five are
    opened = counting if launch not in visited.counts else 0.0
    scatter = own(visited, run)
    now = scatter.half_width(visited.total or UNSEEN, len(visited.counts) or UNSEEN)
    then = scatter.half_width((visited.total or UNSEEN) + counting, (len(visited.counts) or UNSEEN) + opened)
    weight = CONTEST_WEIGHT if entry.in_contest else 1.0
    return weight * (now - then) / max(entry.cost.visit_s(launch not in entry.lifecycle.visits), 1e-4)


def launches_worth(seconds: float, start_s: float, entries: Iterable[Entry], run: Scatter) -> int:
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
    best = math.sqrt(opening_s / pass_s) * run.visit / max(run.launch, 1e-6)
    passes = min(max(best, MIN_PASSES), MAX_PASSES)
    return max(1, int(seconds / (opening_s + passes * pass_s)))


def seconds_to(entry: Entry, run: Scatter, run_target: float, launches: int) -> float:
    """What a case will have taken when it comes to its target, in at most so many launches of MAX_VISITS."""
    scatter, aim = own(entry.timing.visited, run), target(entry, run_target) / CONFIDENT
    opened = min(launches, max(3, math.ceil(2 * (scatter.launch / aim) ** 2)))  # half of the variance each
    visits = min(opened * MAX_VISITS, max(opened, math.ceil(2 * (scatter.visit / aim) ** 2)))
    if entry.timing.is_long:
        visits = opened
    return opened * entry.cost.visit_s(fresh=True) + (visits - opened) * entry.cost.visit_s()

"""Times at one pace: simulated cases that follow the pace unlike, of which some met one pace alone."""

from dataclasses import replace

import numpy as np
import pytest

from bench.analyze.estimates.paces import Array, AtOnePace, Numbers, at_one_pace
from bench.analyze.estimates.scatter import Centres, centres

CASES, LAUNCHES, VISITS = 200, 3, 4
FAST_S, SLOW_S = 2e-6, 4e-6


def simulated(seed: int, scatter: float = 0.05) -> tuple[Array, Array, Numbers, Numbers]:
    """Visits of cases whose ln(seconds per call) at the fast pace is truly 0: these, paces, cases, launches.

    A case follows the pace by anything from 0 to 1, and every third one met the slow one alone.
    """
    random = np.random.default_rng(seed)
    case = np.repeat(np.arange(CASES), LAUNCHES * VISITS)
    launch = np.tile(np.repeat(np.arange(LAUNCHES), VISITS), CASES)
    slow = (random.random(len(case)) < 0.5) | (case % 3 == 0)
    slope = random.random(CASES)[case]
    log = slope * slow * np.log(SLOW_S / FAST_S) + random.normal(0, scatter, len(case))
    return log, np.where(slow, SLOW_S, FAST_S), case, launch


def paced(log: Array, pace_s: Array, case: Numbers, reference_s: float = FAST_S) -> AtOnePace:
    return at_one_pace(log, pace_s, reference_s, case, np.zeros(CASES, int), np.ones(CASES, bool))


def held(found: Centres) -> list[bool]:
    return [*(np.abs(found.log) <= found.half())]


def test_intervals_hold_the_truth_where_cases_follow_the_pace_unlike() -> None:
    """Of cases that met both paces and of those that met one; of times as they are less than half do."""
    both: list[bool] = []
    one: list[bool] = []
    bare: list[bool] = []
    for seed in range(5):
        log, pace_s, case, launch = simulated(seed)
        visits, none = paced(log, pace_s, case), np.zeros(CASES, int)
        found = centres(visits.log, case, launch, none)
        holds = np.array(held(replace(found, error=np.hypot(found.error, visits.error))))
        met_one = np.arange(CASES) % 3 == 0
        both, one = [*both, *holds[~met_one]], [*one, *holds[met_one]]
        bare += [*held(centres(log, case, launch, none))]
    assert min(np.mean(both), np.mean(one)) >= 0.93
    assert np.mean(bare) < 0.5


def test_at_the_pace_that_a_case_met_nothing_is_left_open() -> None:
    log, _, case, _ = simulated(1)
    visits = paced(log, np.full(len(log), SLOW_S), case, reference_s=SLOW_S)
    assert visits.log == pytest.approx(log)
    assert not visits.error.any()


def test_what_follows_no_pace_or_has_none_stays_as_it_is() -> None:
    log, pace_s, case, _ = simulated(2)
    no_pace = paced(log, np.full(len(log), np.nan), case, reference_s=np.nan)
    none = np.zeros(CASES, int)
    no_processor = at_one_pace(log, pace_s, FAST_S, case, none, np.zeros(CASES, bool))
    for visits in (no_pace, no_processor):
        assert (visits.log == log).all()
        assert not visits.error.any()


def test_more_visits_at_both_paces_leave_less_open() -> None:
    log, pace_s, case, launch = simulated(3)
    few = launch == 0
    fewer, more = paced(log[few], pace_s[few], case[few]), paced(log, pace_s, case)
    both = np.arange(CASES) % 3 > 0
    assert np.median(more.error[both]) < np.median(fewer.error[both]) < np.median(more.error[~both])

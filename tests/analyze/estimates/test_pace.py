"""What a changing pace did to visits is taken out as far as a run can tell, and the rest is in the error."""

import math

import numpy as np
import pytest

from bench.analyze.contests.levels import NORMAL
from bench.analyze.estimates.pace import APART, SLOPE, SLOPE_ERROR, VARIES, Array, Numbers, steadied
from bench.analyze.estimates.scatter import centres
from bench.analyze.estimates.visits import ONE_THREAD, TEAM

FAST, SLOW = math.log(2.2e-6), math.log(4.0e-6)
"""The pace of a machine with two: a neighbour on the same core halves it."""


def visits(random: np.random.Generator, cases: int, each: int, slopes: Array) -> tuple[Array, Array, Numbers]:
    """So many visits of each case, whose true ln(seconds) at the run's pace is 0: their log, pace and row."""
    row = np.repeat(np.arange(cases), each)
    pace = np.where(random.random(len(row)) < 0.35, FAST, SLOW) + random.normal(0, 0.03, len(row))
    return slopes[row] * (pace - np.median(pace)) + random.normal(0, 0.05, len(row)), pace, row


@pytest.mark.parametrize(("each", "followed"), [(60, 0.0), (2, 0.8)])
def test_a_slope_is_the_cases_own_as_far_as_its_visits_tell(each: int, followed: float) -> None:
    """A case that follows nothing among forty that do: of few visits it is taken for one of them."""
    random, slopes = np.random.default_rng(1), np.ones(40)
    slopes[:5] = 0.0
    log, pace, row = visits(random, 40, each, slopes)
    log[row < 5] = random.normal(0, 0.3 if each == 2 else 0.05, (row < 5).sum())
    steady, away = steadied(log, pace, row, np.zeros(40, dtype=int)), pace - np.median(pace)
    taken = (log - steady.log)[(row < 5) & (np.abs(away) > 0.3)] / away[(row < 5) & (np.abs(away) > 0.3)]
    assert np.median(taken) == pytest.approx(followed, abs=0.2)


def test_kinds_follow_the_pace_each_in_its_own_way() -> None:
    random, kind = np.random.default_rng(2), np.repeat([ONE_THREAD, TEAM], 30)
    log, pace, row = visits(random, 60, 6, np.where(kind == TEAM, 0.3, 1.0))
    steady = steadied(log, pace, row, kind)
    for each in (ONE_THREAD, TEAM):
        of_kind = kind[row] == each
        assert np.corrcoef(steady.log[of_kind], pace[of_kind])[0, 1] == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize(("cases", "each"), [(60, 12), (60, 3), (3, 4)])
def test_intervals_hold_the_truth_and_are_narrower_for_it(cases: int, each: int) -> None:
    """Where each visit met one of a machine's two paces as it came; a run of three cases can tell little."""
    random = np.random.default_rng(each)
    held, wide = list[bool](), list[float]()
    for _ in range(max(4, 240 // cases)):
        log, pace, row = visits(random, cases, each, random.normal(0.7, APART, cases).clip(0, 1.3))
        kind, launch = np.zeros(cases, dtype=int), np.tile(np.arange(each), cases)
        steady = steadied(log, pace, row, kind)
        found, as_read = (centres(values, row, launch, kind) for values in (steady.log, log))
        half = np.hypot(found.half(), NORMAL * np.hypot(steady.unsure, steady.varies))
        held += (np.abs(found.log) <= half).tolist()
        wide += (half / as_read.half()).tolist()
    assert np.mean(held) >= 0.93
    assert np.median(wide) < 1


def test_without_readings_and_at_one_pace_nothing_is_done() -> None:
    log, row, kind = np.array([0.1, 0.2, 0.3]), np.array([0, 0, 1]), np.zeros(2, dtype=int)
    for pace in (np.full(3, np.nan), np.full(3, SLOW)):
        steady = steadied(log, pace, row, kind)
        assert steady.log.tolist() == log.tolist()
        assert steady.unsure.tolist() == steady.varies.tolist() == [0, 0]


def test_a_visit_without_a_reading_stays_beside_others_that_have_one() -> None:
    log, row, kind = np.zeros(3), np.array([0, 1, 1]), np.zeros(2, dtype=int)
    steady = steadied(log, np.array([np.nan, FAST, SLOW]), row, kind)
    assert steady.log[0] == 0
    assert steady.log[1] == -steady.log[2] > 0  # they met the pace of the run's middle from both sides


def test_what_is_not_known_is_what_a_slope_may_be_and_how_it_varies() -> None:
    """Of a single visit nobody knows how far it followed the pace that it met."""
    log, row, kind = np.zeros(4), np.array([0, 1, 1, 1]), np.zeros(2, dtype=int)
    steady = steadied(log, np.array([FAST, SLOW, SLOW, SLOW]), row, kind)
    met = SLOW - FAST
    assert steady.log[0] == pytest.approx(SLOPE * met)
    assert steady.unsure[0] == pytest.approx(np.hypot(SLOPE_ERROR, APART) * met)
    assert steady.varies[0] == pytest.approx(VARIES * met)
    assert steady.unsure[1] == pytest.approx(0, abs=1e-12)
    assert steady.varies[1] == 0

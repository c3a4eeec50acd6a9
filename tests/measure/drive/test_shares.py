"""How a run's time is shared among its kinds of worker and its rounds."""

import math

import pytest

from bench.measure.drive.policy import launch_until_s

COSTS_S = {"cpu": 10.0, "cuda": 30.0}


def test_a_round_is_shared_by_cost() -> None:
    assert launch_until_s("cpu", COSTS_S, 20.0, 100.0, 5.0, later=0) == pytest.approx(20 + 80 * 10 / 40)
    assert launch_until_s("cuda", COSTS_S, 40.0, 100.0, 5.0, later=0) == pytest.approx(100.0)


def test_rounds_to_come_keep_their_share_and_their_start() -> None:
    """Of 80 s the next round takes 5 s to start; of the rest the first cpu launch has 10 of 80 parts."""
    assert launch_until_s("cpu", COSTS_S, 20.0, 100.0, 5.0, later=1) == pytest.approx(20 + 75 * 10 / 80)


def test_no_more_rounds_than_leave_most_of_the_time_to_what_is_measured() -> None:
    """Starting takes 25 s: of 80 s half may go into it, which is one round more, not four."""
    one = launch_until_s("cpu", COSTS_S, 20.0, 100.0, 25.0, later=1)
    assert launch_until_s("cpu", COSTS_S, 20.0, 100.0, 25.0, later=4) == one


def test_time_that_is_over_or_without_end() -> None:
    assert launch_until_s("cpu", COSTS_S, 110.0, 100.0, 5.0, later=4) <= 100.0
    assert launch_until_s("cpu", COSTS_S, 20.0, math.inf, 5.0, later=4) == math.inf

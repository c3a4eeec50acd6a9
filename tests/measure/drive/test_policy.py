"""What is learned of a case from its blocks, when its warm-up ends, and how a run shares its time."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.events import Visit
from bench.measure.drive.entry import Timing
from bench.measure.drive.policy import launch_until_s, settled
from bench.records import Block
from tests.measure.builders import MILLISECOND


def test_whether_a_case_disturbs_itself_is_read_from_its_latest_warm_up_then_from_any_block() -> None:
    spinning = Block("warmup", 0.0, 1, 0.02, threads=3, processors=2)
    timing = Timing().with_speed(spinning)
    assert timing.self_disturbing
    timing = timing.with_speed(replace(spinning, threads=2))
    assert not timing.self_disturbing
    blocks = replace(spinning, kind="wall"), replace(spinning, kind="wall", threads=2)
    timing = timing.after([Visit("c", 0, blocks=blocks)]).with_speed(replace(spinning, threads=2))
    assert timing.self_disturbing


@pytest.mark.parametrize(
    ("series", "steady"),
    [
        ([1.0] * 5, False),
        ([1.0] * 6, True),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02], False),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02, 1.01, 1.0, 1.0, 1.0], True),
        ([1.06, 0.95, 1.07, 0.94, 1.0, 0.96], True),
        ([1.5, 1.0, 1.0, 1.0, 1.0, 1.0], True),
    ],
)
def test_a_warm_up_ends_when_the_series_gets_no_faster(series: list[float], steady: bool) -> None:
    assert settled(series) is steady


def test_noise_prolongs_a_warm_up_once_in_twenty_times() -> None:
    noise = np.random.default_rng(1).normal(1, 0.1, (2000, 6))
    assert np.mean([not settled(list(series)) for series in noise]) == pytest.approx(0.05, abs=0.015)


def test_leftover_threads_and_pinning_make_no_case_disturb_itself() -> None:
    timing = MILLISECOND.with_speed(Block("warmup", 0.0, 1, 6e-5, threads=3, processors=2))
    timing = timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=2, processors=1))
    assert not timing.self_disturbing
    assert timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=3, processors=2)).self_disturbing


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

"""What is learned of a case from its blocks, and when its warm-up ends."""

from dataclasses import replace

import numpy as np
import pytest

from bench.measure.drive.policy import Known, settled
from bench.records import Block, Case
from tests.measure.builders import known_case


def test_whether_a_case_disturbs_itself_is_told_by_its_latest_warm_up_then_by_any_block() -> None:
    known = Known(Case("c", "s", "o"))
    spinning = Block("warmup", 0.0, 1, 0.02, threads=3, processors=2)
    known.learn_speed(spinning)
    assert known.self_disturbing
    known.learn_speed(replace(spinning, threads=2))
    assert not known.self_disturbing
    known.learn([replace(spinning, kind="wall")])
    known.learn([replace(spinning, kind="wall", threads=2)])
    known.learn_speed(replace(spinning, threads=2))
    assert known.self_disturbing


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
    known = known_case()
    known.learn_speed(Block("warmup", 0.0, 1, 6e-5, threads=3, processors=2))
    known.learn_speed(Block("wall", 0.0, 200, 0.012, threads=2, processors=1))
    assert not known.self_disturbing
    known.learn_speed(Block("wall", 0.0, 200, 0.012, threads=3, processors=2))
    assert known.self_disturbing

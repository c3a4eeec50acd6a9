"""One rule of disturbance, read of single blocks by workers and of frames by the analysis."""

from dataclasses import replace
from typing import Any, get_args

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from bench.disturbance import HANDING_OVER, UNSTEADY_NOTES, disturbed, disturbs_itself, tells
from bench.records import Block, Kind

SECONDS = st.floats(0, 1, allow_subnormal=False)
READINGS = st.none() | SECONDS | st.floats(0, 1e-3, allow_subnormal=False)

NOTES = [*UNSTEADY_NOTES, "team", "no_flush", HANDING_OVER]

BLOCKS = st.lists(
    st.builds(
        Block,
        kind=st.sampled_from(get_args(Kind)),
        start_s=SECONDS,
        calls=st.integers(1, 100),
        wall_s=st.sampled_from([1e-4, 0.005, 0.01]) | SECONDS,
        device_s=READINGS,
        delay_s=READINGS,
        foreign_s=READINGS,
        throttled_s=READINGS,
        threads=st.integers(1, 5),
        children=st.integers(0, 2),
        processors=st.integers(1, 4),
        notes=st.lists(st.sampled_from(NOTES), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=20,
)


def frame_of(blocks: list[Block]) -> pd.DataFrame:
    frame = pd.DataFrame([vars(block) for block in blocks])
    readings = ["device_s", "delay_s", "foreign_s", "throttled_s"]
    frame[readings] = frame[readings].astype(float)
    frame["notes"] = frame["notes"].str.join(",")
    return frame


@given(BLOCKS, st.booleans())
def test_a_frame_reads_as_its_blocks_do(blocks: list[Block], itself: bool) -> None:
    frame = frame_of(blocks)
    assert list(disturbed(frame, itself)) == [disturbed(block, itself) for block in blocks]
    assert list(disturbed(frame, frame["children"] > 0)) == [disturbed(b, b.children > 0) for b in blocks]
    assert list(disturbs_itself(frame, 2)) == [disturbs_itself(block, 2) for block in blocks]
    assert list(tells(frame)) == [tells(block) for block in blocks]


@given(BLOCKS)
def test_answers_about_a_block_are_plain_truths(blocks: list[Block]) -> None:
    for block in blocks:
        answers = disturbed(block, disturbs_itself(block, block.processors)), tells(block)
        assert {type(answer) for answer in answers} == {bool}


def pool(delay_s: float, wall_s: float = 0.6, foreign_s: float | None = None) -> Block:
    """A block of two threads that take turns, on a machine of four processors."""
    readings: dict[str, Any] = {"delay_s": delay_s, "foreign_s": foreign_s, "threads": 2, "processors": 4}
    return Block("wall", 0.0, 100, wall_s, notes=(HANDING_OVER,), **readings)


def test_threads_that_hand_over_are_judged_by_what_others_took_and_not_by_their_own_waits() -> None:
    short, idle, busy = pool(0.003, 0.01), pool(0.07, foreign_s=0.01), pool(0.07, foreign_s=0.5)
    assert [disturbs_itself(block, 4) for block in (short, idle, busy)] == [True, True, True]
    assert not disturbed(idle, True)
    assert disturbed(busy, True)
    assert disturbed(replace(idle, notes=("team",)), disturbs_itself(replace(idle, notes=("team",)), 4))


def test_threads_that_hand_over_without_waiting_long_need_no_long_blocks() -> None:
    assert not disturbs_itself(pool(0.0001, 0.01), 4)
    assert not disturbed(pool(0.0001, 0.01), False)

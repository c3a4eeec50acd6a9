"""The rule that says which blocks count, against its statement."""

import math
from dataclasses import asdict
from typing import Any

import pandas as pd
import pytest

from bench.analyze.blocks.clean import marked, pace_of_run
from bench.disturbance import DELAY_LIMIT, FOREIGN_LIMIT, disturbed
from bench.records import Block


def frame_of(*blocks: Block, case: str = "case") -> pd.DataFrame:
    rows = [{"case": case, "side": "", "launch": 0, "pass": 0, **asdict(block)} for block in blocks]
    frame = pd.DataFrame(rows)
    readings = ["host_s", "device_s", "delay_s", "foreign_s", "throttled_s", "pace_s"]
    return frame.assign(notes=frame["notes"].map(",".join), **frame[readings].astype(float))


@pytest.mark.parametrize(
    ("disturbed", "block"),
    [
        (False, Block("wall", 0, 1, 1.0, delay_s=DELAY_LIMIT * 0.99)),
        (True, Block("wall", 0, 1, 1.0, delay_s=DELAY_LIMIT * 1.01)),
        (True, Block("wall", 0, 1, 1.0, delay_s=0, throttled_s=DELAY_LIMIT * 1.01)),
        (False, Block("wall", 0, 1, 1.0)),
        (False, Block("wall", 0, 1, 1.0, delay_s=0.5, children=1, processors=2, foreign_s=0)),
        (False, Block("wall", 0, 1, 1.0, delay_s=0.5, threads=3, processors=2, foreign_s=0)),
        (False, Block("wall", 0, 1, 1.0, children=1, processors=2, foreign_s=2 * FOREIGN_LIMIT * 0.99)),
        (True, Block("wall", 0, 1, 1.0, children=1, processors=2, foreign_s=2 * FOREIGN_LIMIT * 1.01)),
        (False, Block("device", 0, 1, 1.0, device_s=0.9, delay_s=0.5)),
        (True, Block("device", 0, 1, 1.0, delay_s=0.5)),
        (True, Block("device", 0, 1, 1.0, device_s=0.9, notes=("allocated",))),
        (False, Block("wall", 0, 1, 1.0, notes=("queue_ran_dry",))),
    ],
)
def test_clean_block_rule(disturbed: bool, block: Block) -> None:
    frame = marked(frame_of(block))
    assert frame["disturbed"].tolist() == [disturbed]
    assert frame["counted"].tolist() == [not disturbed]


def test_a_case_that_once_had_children_is_judged_by_foreign_time_throughout() -> None:
    with_child = Block("wall", 0, 1, 1.0, children=1, processors=2, foreign_s=0)
    without = Block("wall", 0, 1, 1.0, delay_s=0.5, processors=2, foreign_s=0)
    assert marked(frame_of(with_child, without))["disturbed"].tolist() == [False, False]
    assert marked(frame_of(without))["disturbed"].tolist() == [True]


def test_a_self_disturbing_case_whose_foreign_time_was_not_read_is_judged_by_its_delay() -> None:
    child: dict[str, Any] = {"children": 1, "processors": 2}
    blocks = Block("wall", 0, 1, 0.1, delay_s=0.05, **child), Block("wall", 0, 1, 0.1, delay_s=0, **child)
    assert marked(frame_of(*blocks))["disturbed"].tolist() == [True, False]
    assert [disturbed(block, True) for block in blocks] == [True, False]


def test_threads_of_a_set_up_do_not_make_a_case_disturb_itself() -> None:
    warmup = Block("warmup", 0, 1, 0.1, threads=3, processors=2)
    wall = Block("wall", 0, 1, 0.6, threads=2, processors=2, delay_s=0.1, foreign_s=0)
    assert marked(frame_of(warmup, wall))["disturbed"].tolist()[1]


def test_blocks_of_far_fewer_calls_do_not_count_beside_enough_of_the_case_s_own_length() -> None:
    """Their calls were chosen while others held the first ones up."""
    short = [Block("wall", 0, 1, 2e-4, delay_s=0)] * 5
    whole = [Block("wall", 0, 100, 1e-2, delay_s=0)] * 3
    nearly = Block("wall", 0, 26, 2.6e-3, delay_s=0)
    assert marked(frame_of(*short, *whole, nearly))["counted"].tolist() == [False] * 5 + [True] * 4
    assert marked(frame_of(*short, *whole[:2]))["counted"].all()
    assert not marked(frame_of(*short, *whole))["disturbed"].any()


@pytest.mark.parametrize("factor", [1e-3, 1, 1e3])
def test_the_rule_never_looks_at_durations(factor: float) -> None:
    blocks = [Block("wall", 0, 1, factor, delay_s=share * factor) for share in (0, 0.005, 0.02, 0.5)]
    assert marked(frame_of(*blocks))["disturbed"].tolist() == [False, False, True, True]


@pytest.mark.parametrize("kind", ["first", "warmup"])
def test_first_and_warmup_are_never_counted(kind: Any) -> None:
    assert not marked(frame_of(Block(kind, 0, 1, 1.0)))["counted"].any()


def paced(*paces: float | None) -> pd.DataFrame:
    return frame_of(*(Block("wall", 0, 1, 0.01, delay_s=0, pace_s=pace) for pace in paces))


def test_a_changing_pace_disturbs_no_block() -> None:
    """What it did is taken out of the visits: half of an idle machine's blocks were once left out for it."""
    assert marked(paced(2.0, 2.1, 3.9, 2.2, 3.8))["counted"].all()


def test_the_pace_of_a_run_is_that_of_most_blocks_where_one_prevails() -> None:
    """Within a window of 20 % lie half of them, or none does."""
    assert pace_of_run(paced(2.0, 2.1, 2.2, 2.3, 3.9, 5.0, 6.5)) == (2.0, pytest.approx(2.4))
    assert pace_of_run(paced(2.0, 2.1, 2.2, 3.0, 3.9, 5.0, 6.5)) == (0.0, math.inf)
    assert pace_of_run(paced(None, None)) == (0.0, math.inf)

"""The table of how visits begin says what was put into their blocks."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from trust import starts


def run(first_s: float, fresh: bool = False, call_s: float = 1e-3) -> Any:
    """Six visits of a case, whose first block that counts takes so many times as long as the other two."""
    blocks = [
        {
            "case": "c",
            "side": "",
            "launch": 0,
            "pass": number,
            "kind": kind,
            "start_s": number + 0.1 * place,
            "calls": 10,
            "wall_s": 10 * call_s * (first_s if place == 1 else 1.0),
        }
        for number in range(6)
        for place, kind in enumerate(["first" if fresh else "warmup", "wall", "wall", "wall"])
    ]
    return SimpleNamespace(name="r", blocks=pd.DataFrame(blocks))


def test_the_table_says_how_far_first_blocks_lie_off() -> None:
    row = starts.of_run(run(1.2))
    assert row == {
        "run": "r",
        "visits": 6,
        "median_off": pytest.approx(0.2),
        "mean_off": pytest.approx(0.2),
        "cases": 1,
        "slow_cases": 1,
        "furthest": pytest.approx(0.2),
    }
    assert starts.of_run(run(1.04))["slow_cases"] == 0


def test_fresh_processes_and_long_calls_are_left_out() -> None:
    assert starts.of_run(run(1.2, fresh=True))["visits"] == 0
    assert starts.of_run(run(1.2, call_s=0.02))["visits"] == 0

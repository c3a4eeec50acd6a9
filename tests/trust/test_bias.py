"""The table of bias against delay says what was put into the blocks."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trust import bias


def run(slower: float, threads: int = 1, share: float = 0.04) -> Any:
    """Of each of ten cases' blocks a third lost `share` to others and took so many times as long."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "case": f"c{case}",
            "launch": 0,
            "kind": "wall",
            "calls": 10,
            "wall_s": (0.01 + 0.002 * case) * (slower if delayed else 1.0) * rng.lognormal(0, 0.01),
            "threads": threads,
            "children": 0,
            "lost": share if delayed else 0.0,
        }
        for case in range(10)
        for delayed in [True, False, False] * 20
    ]
    blocks = pd.DataFrame(rows)
    return SimpleNamespace(blocks=blocks.assign(delay_s=blocks["lost"] * blocks["wall_s"]))


def test_the_table_has_the_bias_of_each_range_of_delays() -> None:
    rows = bias.table({"idle": run(1.2), "busy": run(1.5, threads=2)}).set_index(["load", "kind", "delay"])
    assert rows.loc[("idle", "one thread", "to 5 %"), "off"] == pytest.approx(0.2, abs=0.01)
    assert rows.loc[("busy", "team", "to 5 %"), "off"] == pytest.approx(0.5, abs=0.01)
    assert rows.loc[("idle", "one thread", "to 0.3 %"), "off"] == pytest.approx(0.0, abs=0.01)
    assert rows.loc[("idle", "one thread", "to 0.3 %"), "under"] == pytest.approx(2 / 3)
    assert rows["blocks"].sum() == 1200


def test_beside_a_competitor_a_case_is_held_against_its_quiet_side() -> None:
    """All of its blocks are slower, whatever their delay: within its own launch that would not show."""
    quiet, busy = run(1.0), run(1.0, share=0.0)
    busy.blocks["wall_s"] *= 2
    [row] = bias.table({"busy": busy}, quiet).to_dict("records")
    assert row["off"] == pytest.approx(1.0, abs=0.02)


def test_what_counts_is_what_the_rule_says() -> None:
    single, team = (bias.table({"idle": run(1.2, threads, 0.015)}) for threads in (1, 2))
    assert list(bias.within_limits(single)) == [True, False]
    assert list(bias.within_limits(team)) == [True, True]

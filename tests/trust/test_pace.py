"""The table of what the pace does says what was put into a run's blocks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.storage.store import read_run
from tests import made_cases, recorded_runs
from trust import pace


def test_the_table_finds_the_slope_and_what_it_leaves(tmp_path: Path) -> None:
    """Every block of every case follows seven tenths of the pace that its visit met."""
    run = read_run(recorded_runs.write(tmp_path, made_cases.course()))
    random, blocks = np.random.default_rng(1), run.blocks
    visit = blocks.groupby(["case", "launch", "pass"], observed=True).ngroup()
    met = random.normal(0, 0.3, visit.max() + 1)[visit]
    wall_s = 0.01 * np.exp(0.7 * met + random.normal(0, 0.01, len(blocks)))
    paced = blocks.assign(wall_s=wall_s, calls=10, pace_s=2e-6 * np.exp(met), delay_s=0.0, foreign_s=0.0)
    rows = pace.of_run(AnalyzedRun(replace(run, blocks=paced)))
    assert {row["kind"] for row in rows} <= {"one thread", "several threads"}
    for row in rows:
        assert row["slope"] == pytest.approx(0.7, abs=0.05)
        assert row["as_read"] == pytest.approx(0.2, abs=0.05)
        assert float(row["at_one_pace"]) < 0.2 * float(row["as_read"])

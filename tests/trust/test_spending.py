"""The table of what a run's time went to adds up to what was recorded."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.analyze.blocks.clean import marked_blocks
from bench.events import End
from bench.storage.store import read_run
from tests import made_cases, recorded_runs
from trust import spending


def test_shares_are_of_the_whole_run_and_visits_of_the_median_case(tmp_path: Path) -> None:
    run = read_run(recorded_runs.write(tmp_path, made_cases.course()))
    run = replace(run, end=End(spent_s={"timed": 60.0, "imports": 20.0, "other": 20.0}))
    row = spending.spent(run)
    counted = marked_blocks(run).query("counted")
    assert row["counted"] == pytest.approx(counted["wall_s"].sum() / 100.0)
    assert row["imports"] == 0.2
    by_case = counted.groupby("case", observed=True)
    assert row["launches"] == by_case["launch"].nunique().median()
    assert row["visits"] == by_case.apply(lambda each: each.groupby(["launch", "pass"]).ngroups).median()

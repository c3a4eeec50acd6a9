"""Contests of two runs are the same, whatever other runs and columns stand beside them."""

import math
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.storage.journal import StoreError
from tests import ROOT
from trust import settled

EXAMPLE = ROOT / "reports/example"


def test_a_column_of_another_run_makes_no_contest_another_one() -> None:
    frame = bench.contests(EXAMPLE)
    wider = frame.assign(of_another=pd.Series(None, index=frame.index, dtype="Int64"))
    assert list(settled._contests(frame)) == list(settled._contests(wider))
    assert len(settled._contests(frame)) > 5


def test_a_run_agrees_with_itself_and_not_with_another_winner() -> None:
    contests = settled._contests(bench.contests(EXAMPLE))
    for rows in contests.values():
        assert settled.agree(rows, rows)
        assert not settled.agree(rows, rows.assign(winner="nobody"))
        assert not settled.agree(rows, rows.assign(winner="nobody"), ties=True)


def test_a_winner_that_the_other_run_ties_is_another_one_but_no_contradiction() -> None:
    rows = pd.DataFrame({"winner": ["2"], "ties": ["0, 4"], "low": [math.nan], "high": [math.nan]})
    other = rows.assign(winner="4", ties="0, 2")
    assert not settled.agree(rows, other)
    assert settled.agree(rows, other, ties=True)
    assert not settled.agree(rows, other.assign(ties="0"), ties=True)


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run/journal.jsonl.gz").write_bytes((EXAMPLE / "journal.jsonl.gz").read_bytes())
    with pytest.raises(StoreError, match="same name"):
        list(settled.lines([tmp_path / "a/run", tmp_path / "b/run"]))

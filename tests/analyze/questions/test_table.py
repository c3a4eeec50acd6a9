"""Contests as a frame: one row a contest and range of sizes with one answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.contests.contests import choices
from bench.analyze.questions.table import COLUMNS, table
from bench.analyze.report import report
from bench.app import stored
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded

A = 1e-9


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.write(tmp_path_factory.mktemp("runs") / "course", made_cases.course())


@pytest.fixture(scope="module")
def frame(course: Path) -> pd.DataFrame:
    return bench.contests(course)


def test_columns_are_the_contract_s_and_a_column_for_each_fixed_parameter(frame: pd.DataFrame) -> None:
    assert tuple(frame.columns[: len(COLUMNS)]) == COLUMNS
    assert set(frame.columns[len(COLUMNS) :]) == {"device", "dtype"}


def test_a_crossing_has_a_row_below_and_one_above(frame: pd.DataFrame) -> None:
    of = frame[(frame["operation"] == "matmul") & (frame["definition"] == "latency")]
    below, above = of.to_dict("records")
    assert (below["winner"], above["winner"]) == ("cpu", "cuda")
    assert below["to_size"] == above["from_size"] == below["size"] == above["size"]
    assert below["low"] < below["size"] < below["high"]
    assert (below["from_size"], above["to_size"]) == (16, 4096)
    assert above["gain"] > above["gain_low"] > 1
    assert above["question"] == "gpu_from"
    assert (below["state"], below["confidence"]) == ("crosses_at", "solid")
    assert (below["launches"], below["visits"]) == (5, 15)


def test_questions(frame: pd.DataFrame) -> None:
    asked = frame.groupby("operation")["question"].agg(lambda each: sorted(set(each)))
    assert asked["mul"] == ["gpu_from", "gpu_from_moved"]
    assert asked["load_epoch"] == ["workers"]
    assert asked["infer"] == ["torch_or_onnxruntime"]
    assert asked["matmul_threads"] == [""]


def test_many_contenders_are_one_contest(frame: pd.DataFrame) -> None:
    loaded = frame[frame["operation"] == "load_epoch"]
    assert set(loaded["contenders"]) == {"0, 1, 2, 4"}
    assert (loaded["from_size"].diff().dropna() > 0).all()
    assert loaded["winner"].iat[-1] == "4"


def test_a_contest_without_times_is_a_row_that_says_why(tmp_path: Path) -> None:
    cases = [each for each in made_cases.course() if each.operation == "matmul"]
    cases = [replace(each, skip="no such device") if each.accelerated else each for each in cases]
    (row, *_) = bench.contests(recorded.write(tmp_path / "run", cases)).to_dict("records")
    assert (row["state"], row["reason"], row["winner"]) == ("not_measured", "no such device", "")
    assert np.isnan(row["from_size"])


def test_a_report_writes_them_and_they_are_read_again(course: Path, frame: pd.DataFrame) -> None:
    stored.write(report([store.read_run(course)]))
    assert (course / "contests.parquet").is_file()
    pd.testing.assert_frame_equal(bench.contests(course), frame)
    again = pd.read_csv(course / "contests.csv", keep_default_na=False, na_values=["nan", ""])
    assert list(again.columns) == list(frame.columns)
    assert len(again) == len(frame)
    assert len(bench.contests([course, str(course)])) == len(frame)


def test_runs_are_told_apart_by_the_index(course: Path, tmp_path: Path) -> None:
    other = recorded.write(tmp_path / "other", made_cases.course())
    both = bench.contests([course, other])
    assert list(both.index.unique()) == ["course", "other"]
    assert both.index.name == "run"
    namesake = recorded.write(tmp_path / "elsewhere" / "course", made_cases.course())
    assert len(bench.contests([course, namesake])) == 2 * len(bench.contests(course))


def test_one_launch_is_never_not_known(tmp_path: Path) -> None:
    times = {"a": lambda n: A * n, "b": lambda n: 2e-6 + 0.1 * A * n}
    cases = made_cases.curve("work", times, [64.0 * 4**n for n in range(7)])
    run = store.read_run(recorded.write(tmp_path / "run", cases, launches=1))
    (choice,) = choices(run, AnalyzedRun(run).blocks)
    assert choice.contests[0].crossing.state == "crosses_at"
    assert choice.contests[0].crossing.size == pytest.approx(2e-6 / (0.9 * A), rel=0.05)
    assert table([choice])["confidence"].isin(["solid", "rough"]).all()

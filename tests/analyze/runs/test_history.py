"""Changes over many runs, against series with known steps, known creep, and nothing at all."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from bench.__main__ import main
from bench.analyze.contests.levels import Array
from bench.analyze.questions.table import table
from bench.analyze.report import report
from bench.analyze.runs.history import Shift, history, shifts
from bench.analyze.runs.levels import changes, noise
from bench.events import Header
from bench.render import history_page
from bench.storage import archive, results, store
from bench.storage.journal import StoreError
from tests import made_cases
from tests import recorded_runs as recorded
from tests.analyze.runs.past_runs import frame, headers


def found(logs: ArrayLike, threshold: float = 0.05) -> list[Shift]:
    logs = np.asarray(logs)
    return shifts(logs, changes(logs, noise(logs, np.exp(logs), np.exp(logs))), threshold)


def noisy(logs: ArrayLike, sd: float = 0.01, seed: int = 1) -> Array:
    logs = np.asarray(logs, float)
    return np.asarray(logs + sd * np.random.default_rng(seed).standard_t(4, len(logs)))


def test_a_step_is_between_the_two_runs_around_it() -> None:
    (shift,) = found(noisy(np.repeat([0.0, 0.1], [23, 17])))
    assert (shift.kind, shift.before, shift.after) == ("step", 22, 23)
    assert shift.low < np.exp(0.1) < shift.high


def test_steps_up_and_back_are_two() -> None:
    up, back = found(noisy(np.repeat([0.0, 0.2, 0.0], [15, 10, 15])))
    assert (up.after, back.after) == (15, 25)
    assert up.ratio > 1 > back.ratio


@pytest.mark.parametrize("per_step", [1, 5, 10])
def test_small_steps_that_add_up_are_creep(per_step: int) -> None:
    """Ten steps of 1 %, each below the gate's 5 %, or the same spread over every run."""
    logs = noisy(np.arange(10 * per_step + 20).clip(10, 10 * per_step + 10) // per_step * 0.01, sd=0.004)
    (shift,) = found(logs)
    assert shift.kind == "creep"
    assert shift.after - shift.before > per_step
    assert 1.06 < shift.ratio < 1.13


def test_small_steps_that_cancel_are_nothing() -> None:
    assert found(noisy(np.repeat([0.0, 0.02, 0.0, 0.02, 0.0], 15), sd=0.003)) == []


def test_a_step_below_the_threshold_is_nothing() -> None:
    assert found(noisy(np.repeat([0.0, 0.03], 20), sd=0.003)) == []
    assert len(found(noisy(np.repeat([0.0, 0.03], 20), sd=0.003), threshold=0.02)) == 1


def test_one_strange_run_is_no_change() -> None:
    logs = noisy(np.zeros(30))
    logs[12] += 0.5
    assert found(logs) == []


@pytest.mark.parametrize(("sd", "most"), [(0.01, 3), (0.03, 12)])
def test_series_with_nothing_changed_rarely_show_a_change(sd: float, most: int) -> None:
    """100 series of each length, heavy tails; the doc of PENALTY says how many."""
    random = np.random.default_rng(7)
    alarms = [len(found(sd * random.standard_t(4, count))) for count in (6, 10, 30, 100) for _ in range(100)]
    assert np.count_nonzero(alarms) <= most


def test_most_changes_are_found() -> None:
    random = np.random.default_rng(8)
    step = np.repeat([0.0, 0.08], [30, 10])
    hits = sum(bool(found(step + 0.01 * random.standard_t(4, 40))) for _ in range(100))
    assert hits >= 97


def test_few_runs_cannot_have_changed() -> None:
    assert found([0, 0, 0, 0, 1.0]) == []


def test_environments_that_differ_in_what_matters_are_apart() -> None:
    runs = headers(20)
    for number, (run, header) in enumerate(list(runs.items())):
        differing = {
            "os": {"release": str(number)},  # this does not matter
            "nvidia_driver": str(number),  # nor does this, on the processor
            "torch": {"version": "2.12" if number < 10 else "2.13"},
        }
        runs[run] = replace(header, environment={**header.environment, **differing})
    cases = frame(np.repeat([1.0, 1.3], 10), runs)
    apart = history(cases, runs)
    assert sorted(len(each.runs) for each in apart) == [10, 10]
    assert not any(each.shifts for each in apart)
    (together,) = history(cases, runs, ignored=["torch"])
    assert [shift.after for shift in together.shifts] == [10]
    assert history(cases.assign(device="cuda"), runs, ignored=["torch"]) == []  # every driver is its own


def test_runs_are_in_the_order_of_time_and_noisy_ones_left_out() -> None:
    runs = headers(12)
    cases = frame(np.repeat([1.0, 1.2], 6), runs).sample(frac=1, random_state=1)
    cases.loc[cases["run"] == "run003", "status"] = "noisy"
    (series,) = history(cases, runs)
    assert series.runs == tuple(sorted(set(runs) - {"run003"}))
    assert [series.runs[shift.after] for shift in series.shifts] == ["run006"]
    assert series.commits[0] == f"{0:040x}"


def wavering(sizes: Array, cases: int = 20) -> tuple[pd.DataFrame, dict[str, Header]]:
    """Twenty cases over many runs, all of which take what `sizes` says, in logarithms, in each run."""
    runs, random = headers(len(sizes)), np.random.default_rng(5)
    frames = [
        frame(np.exp(sizes + random.normal(0, 0.004, len(runs))), runs, case=f"suites/test_a.py::test_{i}")
        for i in range(cases)
    ]
    return pd.concat(frames, ignore_index=True), runs


def test_what_all_cases_of_a_run_share_is_taken_out_and_said() -> None:
    """Runs of a machine whose pace wavers by 3 %, and a step of 6 % in one case: it alone is found."""
    pace = np.random.default_rng(6).normal(0, 0.03, 30).clip(-0.08, 0.08)
    cases, runs = wavering(pace)
    changed = (cases["case"] == "suites/test_a.py::test_0") & (cases["run"] >= "run015")
    times = ["median_s", "low_s", "high_s"]
    cases.loc[changed, times] *= 1.06
    first, *others = history(cases, runs)
    assert [shift.after for shift in first.shifts] == [15]
    assert first.case == "suites/test_a.py::test_0"
    assert not any(each.shifts for each in others)
    np.testing.assert_allclose(np.log(first.shared), pace - np.median(pace), atol=0.01)
    assert "what all cases of a run share" in history_page.lines([first, *others])[1]


def test_a_step_in_what_all_cases_share_is_a_result() -> None:
    cases, runs = wavering(np.repeat([0.0, 0.08], 15))
    for series in history(cases, runs):
        assert [shift.after for shift in series.shifts] == [15]


def test_of_few_cases_nothing_is_shared() -> None:
    cases, runs = wavering(np.random.default_rng(6).normal(0, 0.03, 30), cases=5)
    assert all((series.shared == 1).all() for series in history(cases, runs))


def growing(seconds: float) -> Callable[[float], float]:
    """A time that grows with the size, by so many seconds for each."""
    return lambda size: seconds * size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine runs of four cases, of which one takes 20 % longer from the sixth on."""
    out = tmp_path_factory.mktemp("history")
    for number in range(9):
        times = {"a": growing(1.2e-6 if number >= 5 else 1e-6), "b": growing(1e-6)}
        cases = made_cases.curve("op", times, [64, 128])
        made = recorded.write(
            out / f"2026010{number + 1}T101500-attic", cases, seed=number, launch_noise=0.004, passes=1
        )
        document = (made / "journal.jsonl").read_text("utf-8").replace("2026-01-05", f"2026-01-0{number + 1}")
        (made / "journal.jsonl").write_text(document, "utf-8")
        run = store.read_run(made)
        tabled = report([run])
        results.write_tables(run, tabled.cases, tabled.blocks, table([]))
    return out


def test_a_folder_of_runs_names_runs_and_commits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "4 series of up to 9 runs: 2 changed." in told
    assert "Between 20260105T101500-attic (commit 0a1b2c3d4e, 5 January 2026) and 20260106T" in told
    assert re.search(r"test_op\[cpu-a-64\] (19|20|21)\W% slower \(95\W%: ", told)
    page = (folder / "history.html").read_text("utf-8")
    assert "test_op[cpu-a-64]" in page
    assert "test_op[cpu-b-64]" in page


def test_a_single_run_is_no_history(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(next(folder.glob("2026*")), tmp_path / "run")
    assert main(["history", str(tmp_path)]) == 0
    assert "No case was timed in two runs that are alike" in capsys.readouterr().out


def test_patterns_choose_cases(folder: Path) -> None:
    assert set(archive.read(folder, ["test_op[*-a-*"])[0]["case"]) == {
        f"suites/test_curves.py::test_op[cpu-a-{n}]" for n in (64, 128)
    }
    exact = "suites/test_curves.py::test_op[cpu-b-64]"
    assert set(archive.read(folder, [exact])[0]["case"]) == {exact}


def test_a_query_reads_no_journal(folder: Path, tmp_path: Path) -> None:
    for run in sorted(folder.glob("2026*")):
        shutil.copytree(run, tmp_path / run.name, ignore=shutil.ignore_patterns("*.jsonl", "blocks*"))
    assert len(archive.read(tmp_path)[0]) == 36


def test_what_cannot_be_read_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", str(tmp_path / "none")]) == 2
    assert main(["history", str(folder), "--case", "nothing*"]) == 2
    assert main(["history", str(folder), "--ignore", "weather"]) == 2
    errors = capsys.readouterr().err
    assert "does not exist" in errors
    assert "no case matches nothing*" in errors
    assert "expected one of machine" in errors
    shutil.copytree(next(folder.glob("2026*")), tmp_path / "run")
    (tmp_path / "run" / "cases.parquet").write_bytes(b"no table")
    with pytest.raises(StoreError, match="cannot be read"):
        archive.read(tmp_path)


def test_a_long_history_keeps_both_sides_of_its_changes() -> None:
    runs = headers(500)
    (series,) = history(frame(np.exp(noisy(np.repeat([0.0, 0.2], [233, 267]))), runs), runs)
    table, _ = history_page.series_table([series] * 600)
    row = table["rows"][0]
    assert len(row["points"]) <= 102
    assert [row["points"][side][0] for side in row["bars"][0]] == [232, 233]
    json.dumps(table, allow_nan=False)

"""What becomes of a run whose cases fail, hang or end their worker, and of one that is cut short."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.events import Skip, Visit
from bench.measure.drive.ledger import restored
from bench.records import Case
from tests import waiting
from tests.measure.builders import FAST, measured, outcomes, suite


def test_crash_hang_and_failure_cost_one_case_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = waiting.skip_hangs(monkeypatch, tmp_path)
    events = measured(
        suite(
            tmp_path,
            f"""
import os, signal

def test_exits(benchmark):
    os._exit(3)

def test_is_killed(benchmark):
    benchmark(os.kill, os.getpid(), signal.SIGKILL)

def test_hangs(benchmark):
    benchmark(lambda: {hang})

def test_raises(benchmark):
    raise ValueError("broken on purpose")

def test_survives(benchmark):
    benchmark(sum, [1])
""",
        )
    )
    assert outcomes(events) == {
        "test_exits": "died",
        "test_is_killed": "died",
        "test_hangs": "timeout",
        "test_raises": "failed",
        "test_survives": "passed",
    }
    messages = {event.case: event.message for event in events if isinstance(event, Visit)}
    assert "status 3" in messages["test_it.py::test_exits"]
    assert "signal 9" in messages["test_it.py::test_is_killed"]
    assert "broken on purpose" in messages["test_it.py::test_raises"]


def test_end_of_pytest_in_the_middle_costs_one_case(tmp_path: Path) -> None:
    conftest = """
def pytest_runtest_makereport(item):
    if item.name == "test_breaks":
        raise RuntimeError("a plugin's own error")
"""
    suite(tmp_path, conftest, "conftest.py")
    tests = (f"def {name}(benchmark):\n    benchmark(sum, [1])\n" for name in ("test_breaks", "test_it"))
    events = measured(suite(tmp_path, "\n".join(tests)))
    assert outcomes(events) == {"test_breaks": "died", "test_it": "passed"}
    messages = {event.case: event.message for event in events if isinstance(event, Visit)}
    said = "pytest ended by an error of its own or of a plugin: RuntimeError: a plugin's own error"
    assert said in messages["test_it.py::test_breaks"]


def test_case_that_fails_on_its_second_visit_keeps_its_blocks(tmp_path: Path) -> None:
    events = measured(
        suite(
            tmp_path,
            """
visits = []
def test_once(benchmark):
    visits.append(1)
    assert len(visits) == 1
    benchmark.pedantic(sum, args=([1],), rounds=2)
""",
        ),
        launches=3,
        preset=replace(FAST, target=1e-9),
    )
    visits = [event for event in events if isinstance(event, Visit)]
    assert [visit.outcome for visit in visits].count("passed") == 3
    assert len({visit.launch for visit in visits}) == 3
    assert len(visits) == 4  # the failure is met once, then one visit a launch


def test_import_error_is_a_row_and_others_go_on(tmp_path: Path) -> None:
    suite(tmp_path, "import not_there_at_all\n", "test_bad.py")
    suite(tmp_path, "import pytest\npytest.importorskip('not_there_at_all')\n", "test_optional.py")
    events = measured(suite(tmp_path, "def test_it(benchmark):\n    benchmark(sum, [1])\n"))
    assert outcomes(events) == {"test_bad.py": "failed", "test_it": "passed"}
    skips = [event for event in events if isinstance(event, Skip)]
    assert [skip.case for skip in skips] == ["test_optional.py"]


def test_resumed_run_has_the_same_cases_once_each(tmp_path: Path) -> None:
    suite(
        tmp_path,
        "import pytest\n@pytest.mark.parametrize('n', range(6))\n"
        "def test_it(benchmark, n):\n    benchmark(sum, [n])\n",
    )
    whole = measured(tmp_path)
    visits = [number for number, event in enumerate(whole) if isinstance(event, Visit)]
    cut = whole[: visits[3] + 1]
    rest = measured(tmp_path, past=cut)
    cases = [event.id for event in cut + rest if isinstance(event, Case)]
    assert sorted(cases) == sorted({event.id for event in whole if isinstance(event, Case)})
    cut_launch = {event.launch for event in cut if isinstance(event, Visit)}
    assert not cut_launch & {event.launch for event in rest if isinstance(event, Visit)}
    assert restored(cut + rest).done == {("cpu", 0), ("cpu", 1)}
    complete = {event.case for event in rest if isinstance(event, Visit)}
    assert complete == set(cases)


def test_worker_that_cannot_begin_again_fails_no_other_case(tmp_path: Path) -> None:
    """The suite imports in the first worker only: what it measured stays."""
    suite(
        tmp_path,
        """
import os, pathlib
if pathlib.Path("seen").exists():
    os._exit(1)
pathlib.Path("seen").touch()

def test_it(benchmark):
    benchmark(sum, [1])
""",
    )
    assert outcomes(measured(tmp_path)) == {"test_it": "passed"}


def test_unknown_device_is_refused_with_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    suite(tmp_path, "def test_it(benchmark):\n    benchmark(sum, [1])\n")
    out = str(tmp_path / "out")
    assert main(["run", str(tmp_path), "--device", "nonsense", "--out", out]) == 2
    said = capsys.readouterr().err
    assert "'nonsense'" in said
    assert "there: cpu" in said
    assert "Traceback" not in said


def test_a_deadline_cuts_even_the_first_pass(tmp_path: Path) -> None:
    """What was never measured waits for its turn no longer than the run may last; every case is a row."""
    folder = suite(tmp_path, "def test_one(benchmark): benchmark(sum, [1])\n")
    past = replace(FAST, deadline_s=0.0)
    events = measured(folder, preset=past)
    assert [event.id.rpartition("::")[2] for event in events if isinstance(event, Case)] == ["test_one"]
    assert not outcomes(events)
    assert outcomes(measured(folder)) == {"test_one": "passed"}

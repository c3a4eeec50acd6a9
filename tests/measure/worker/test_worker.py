"""The worker and its coordinator, with real processes on tiny suites."""

import math
import os
import py_compile
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.events import Skip, Visit
from bench.measure.drive import process
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.ledger import restored
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.drive.process import Spec, Worker, WorkerError
from bench.records import Case
from tests import ROOT

FAST = Preset("quick", 2, math.inf, 100.0, 0.5, 5.0)
"""Two launches, satisfied with anything."""

Events = list[dict[str, Any]]


def measured(
    folder: Path,
    *,
    launches: int = 2,
    keyword: str = "",
    past: Events | None = None,
    preset: Preset = FAST,
) -> Events:
    """The events of a run over the suite in `folder`."""
    events: Events = []
    spec = Spec((str(folder),), keyword, directory=folder, rootdir=folder)
    coordinator = Coordinator(Plan(spec, preset, launches, ceilings=False), Progress(), past or [])
    try:
        coordinator.collect()
        coordinator.measure(events.append)
    finally:
        coordinator.close()
    return events


def outcomes(events: Events) -> dict[str, str]:
    """The last outcome of every case, by the test's name."""
    return {event.case.rpartition("::")[2]: event.outcome for event in events if isinstance(event, Visit)}


def suite(folder: Path, text: str, name: str = "test_it.py") -> Path:
    (folder / name).write_text(text)
    return folder


def test_workers_are_as_nice_as_they_are_told(tmp_path: Path) -> None:
    """Anybody may be nicer; to be less nice takes a privilege, and asking for it in vain does no harm."""
    suite(tmp_path, "def test_a(benchmark):\n    benchmark(len, ())\n")
    for wanted, found in (("7", [7]), ("-20", [-20, os.getpriority(os.PRIO_PROCESS, 0)])):
        spec = Spec((str(tmp_path),), directory=tmp_path, environment={"BENCH_NICE": wanted})
        with Worker(spec) as worker:
            assert worker.collected(60).facts["nice"] in found
    spec = replace(spec, environment={"BENCH_NICE": "much"})
    with Worker(spec) as worker, pytest.raises(WorkerError, match=r"BENCH_NICE='much'; expected a whole"):
        worker.collected(60)


def test_garbage_is_collected_while_tests_run_but_not_while_they_are_imported(tmp_path: Path) -> None:
    suite(
        tmp_path,
        """
import gc

IMPORTED = gc.isenabled()

def test_it(benchmark):
    benchmark(len, ())
    benchmark.extra_info.update(imported=IMPORTED, run=gc.isenabled())
""",
    )
    visits = [event for event in measured(tmp_path) if isinstance(event, Visit)]
    assert {(visit.extra_info["imported"], visit.extra_info["run"]) for visit in visits} == {(False, True)}


def test_workers_of_a_round_start_side_by_side(tmp_path: Path) -> None:
    """No worker imports anything while another measures."""
    log = tmp_path / "log"
    suite(
        tmp_path,
        f"""
import pytest

def say(text):
    with open({str(log)!r}, "a") as log:
        log.write(text + "\\n")

say("import")

@pytest.mark.isolate("one")
def test_one(benchmark):
    say("visit")
    benchmark(len, ())

@pytest.mark.isolate("two")
def test_two(benchmark):
    say("visit")
    benchmark(len, ())
""",
    )
    measured(tmp_path, launches=2, preset=replace(FAST, width=math.inf))
    said = log.read_text().split()
    assert said[:3] == ["import", "import", "visit"]
    assert said.count("import") == 4
    assert said[said.index("import", 2) :][:3] == ["import", "import", "visit"]


@pytest.mark.parametrize(
    ("keeps_none", "compiled", "shared"),
    [(True, False, True), (True, True, False), (True, None, False), (False, False, False)],
)
def test_workers_share_compiled_modules_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_none: bool, compiled: bool | None, shared: bool
) -> None:
    """`compiled`: torch was compiled when it was installed; None: there is no torch."""
    suite(tmp_path, "def test_a(benchmark):\n    benchmark(len, ())\n")
    monkeypatch.setattr(sys, "dont_write_bytecode", keeps_none)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(process, "is_compiled", lambda _package: compiled)
    process.bytecode.cache_clear()
    with Worker(Spec((str(tmp_path),), directory=tmp_path)) as worker:
        worker.collected(60)
    found = process.bytecode()
    process.bytecode.cache_clear()
    assert bool(found) is shared
    assert not shared or any(Path(found["PYTHONPYCACHEPREFIX"]).rglob("*.pyc"))


def test_compiled_modules_are_looked_for_beside_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some_package.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert process.is_compiled("some_package") is False
    py_compile.compile(str(tmp_path / "some_package.py"))
    assert process.is_compiled("some_package") is True
    assert process.is_compiled("no_package_at_all") is None


def test_every_form_of_benchmark_is_measured(tmp_path: Path) -> None:
    events = measured(
        suite(
            tmp_path,
            """
import time, unittest, pytest

@pytest.fixture
def benchmark(benchmark):
    benchmark.extra_info["from"] = "an overriding fixture"
    return benchmark

def test_plain(benchmark):
    assert benchmark(sum, [1, 2]) == 3
    assert benchmark.stats["mean"] > 0

@pytest.mark.parametrize("n", [1, 2])
def test_parametrized(benchmark, n):
    benchmark(list, range(n))

def test_pedantic(benchmark):
    calls = []
    benchmark.pedantic(calls.append, args=(1,), rounds=3, iterations=2)
    assert len(calls) <= 6

def test_pedantic_with_setup(benchmark):
    made = []
    def setup():
        made.append(1)
        return (made,), {}
    benchmark.pedantic(len, setup=setup, rounds=4)
    assert 1 <= len(made) <= 4

class TestClass:
    def test_method(self, benchmark):
        benchmark(dict)

class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, benchmark):
        self.benchmark = benchmark
    def test_in_unittest(self):
        self.benchmark(set)

def test_decorator(benchmark):
    @benchmark
    def something():
        return 1
    assert something == 1
""",
        )
    )
    assert set(outcomes(events).values()) == {"passed"}
    assert len(outcomes(events)) == 8
    infos = [event.extra_info for event in events if isinstance(event, Visit)]
    assert all(info["from"] == "an overriding fixture" for info in infos)
    walls = [
        block
        for event in events
        if isinstance(event, Visit) and "pedantic" not in event.case
        for block in event.blocks
        if block.kind == "wall"
    ]
    assert walls
    assert all(block.wall_s > 0 and block.calls >= 1 for block in walls)


def test_blocks_of_many_calls_are_led_in_by_a_twentieth_more(tmp_path: Path) -> None:
    """Not those whose number of calls is limited, and none that a single call fills."""
    events = measured(
        suite(
            tmp_path,
            """
import time

def test_short(benchmark):
    made = []
    benchmark(made.append, 1)
    benchmark.extra_info["made"] = len(made)

def test_long(benchmark):
    made = []
    benchmark(lambda: made.append(time.sleep(0.02)))
    benchmark.extra_info["made"] = len(made)

def test_pedantic(benchmark):
    made = []
    benchmark.pedantic(made.append, args=(1,), rounds=40, iterations=10)
    benchmark.extra_info["made"] = len(made)
""",
        )
    )
    visits = [event for event in events if isinstance(event, Visit)]
    assert {visit.outcome for visit in visits} == {"passed"}
    for visit in visits:
        timed = sum(block.calls for block in visit.blocks)
        walls = [block.calls for block in visit.blocks if block.kind == "wall"]
        led = sum(max(calls // 20, 1) for calls in walls) if "short" in visit.case else 0
        assert visit.extra_info["made"] == timed + led


def test_crash_hang_and_failure_cost_one_case_each(tmp_path: Path) -> None:
    events = measured(
        suite(
            tmp_path,
            """
import os, signal, time

def test_exits(benchmark):
    os._exit(3)

def test_is_killed(benchmark):
    benchmark(os.kill, os.getpid(), signal.SIGKILL)

def test_hangs(benchmark):
    benchmark(time.sleep, 60)

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


def test_fixture_of_the_same_name_is_told_from_pytest_benchmarks(tmp_path: Path) -> None:
    suite(tmp_path, "import pytest\n\n@pytest.fixture\ndef benchmark():\n    return print\n", "conftest.py")
    events = measured(suite(tmp_path, "def test_it(benchmark):\n    benchmark('hello')\n"))
    assert outcomes(events) == {"test_it": "failed"}
    messages = {event.case: event.message for event in events if isinstance(event, Visit)}
    assert "expected pytest-benchmark's fixture" in messages["test_it.py::test_it"]


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
    assert "pytest ended with status 3" in messages["test_it.py::test_breaks"]
    assert "a plugin's own error" in messages["test_it.py::test_breaks"]


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
    )
    visits = [event for event in events if isinstance(event, Visit)]
    assert [visit.outcome for visit in visits].count("passed") == 3
    assert len({visit.launch for visit in visits}) == 3
    assert len(visits) == 4  # the failure is met once, then one visit a launch


def test_projects_own_bench_package_is_its_own(tmp_path: Path) -> None:
    package = tmp_path / "bench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "core.py").write_text("def work():\n    return 7\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--device', default='theirs')\n"
    )
    text = """
import pytest
from bench.core import work

@pytest.fixture
def device(request):
    return request.config.getoption("--device")

def test_theirs(benchmark, device):
    assert device == "theirs"
    assert benchmark(work) == 7
"""
    assert outcomes(measured(suite(tmp_path, text))) == {"test_theirs": "passed"}


def test_suite_settings_that_would_spoil_a_run_are_set_back(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = -n 2 --benchmark-skip --benchmark-autosave -x\n"
    )
    events = measured(suite(tmp_path, "def test_it(benchmark):\n    benchmark(sum, [1])\n"))
    assert outcomes(events) == {"test_it": "passed"}
    assert not (tmp_path / ".benchmarks").exists()


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


def test_nothing_outlives_a_killed_coordinator(tmp_path: Path) -> None:
    suite(
        tmp_path,
        "import os, time\ndef test_it(benchmark):\n"
        "    open('pid', 'w').write(str(os.getpid()))\n    benchmark(time.sleep, 30)\n",
    )
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
        "from tests.measure.worker.test_worker import measured; measured(Path(sys.argv[2]))"
    )
    home = str(ROOT)
    coordinator = subprocess.Popen([sys.executable, "-c", script, home, str(tmp_path)], cwd=tmp_path)
    try:
        worker = _wait_for(tmp_path / "pid")
    finally:
        coordinator.kill()
        coordinator.wait()
    for _ in range(100):
        if not _alive(worker):
            break
        time.sleep(0.1)
    assert not _alive(worker)


def _wait_for(file: Path) -> int:
    for _ in range(300):
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.1)
    raise AssertionError("the worker never began")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


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


def test_unknown_device_is_refused_with_what_is_there(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    suite(tmp_path, "def test_it(benchmark):\n    benchmark(sum, [1])\n")
    bench = subprocess.run(
        [sys.executable, "-m", "bench", "run", str(tmp_path), "--device", "nonsense"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert bench.returncode == 2
    assert "'nonsense'" in bench.stderr
    assert "there: cpu" in bench.stderr
    assert "Traceback" not in bench.stderr


def test_a_deadline_cuts_even_the_first_pass(tmp_path: Path) -> None:
    """What was never measured waits for its turn no longer than the run may last; every case is a row."""
    folder = suite(tmp_path, "def test_one(benchmark): benchmark(sum, [1])\n")
    past = replace(FAST, deadline_s=0.0)
    events = measured(folder, preset=past)
    assert [event.id.rpartition("::")[2] for event in events if isinstance(event, Case)] == ["test_one"]
    assert not outcomes(events)
    assert outcomes(measured(folder)) == {"test_one": "passed"}

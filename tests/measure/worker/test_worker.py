"""The worker, with real processes on tiny suites: which tests it measures, and how."""

from pathlib import Path

import pytest

from bench.events import Visit
from bench.measure.drive.plan import PRESETS
from bench.records import PRESET_NAMES
from tests.measure.builders import measured, outcomes, suite


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
    first = {event.case: event for event in reversed(visits)}  # in which untimed calls show memory, too
    later = [visit for visit in visits if visit is not first[visit.case]]
    assert {visit.case for visit in later} == set(first)
    for visit in later:
        timed = sum(block.calls for block in visit.blocks)
        walls = [block.calls for block in visit.blocks if block.kind == "wall"]
        led = sum(max(calls // 20, 1) for calls in walls) if "short" in visit.case else 0
        assert visit.extra_info["made"] == timed + led


def test_fixture_of_the_same_name_is_told_from_pytest_benchmarks(tmp_path: Path) -> None:
    suite(tmp_path, "import pytest\n\n@pytest.fixture\ndef benchmark():\n    return print\n", "conftest.py")
    events = measured(suite(tmp_path, "def test_it(benchmark):\n    benchmark('hello')\n"))
    assert outcomes(events) == {"test_it": "failed"}
    messages = {event.case: event.message for event in events if isinstance(event, Visit)}
    assert "expected pytest-benchmark's fixture" in messages["test_it.py::test_it"]


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


def test_presets_have_the_same_names_for_workers_and_coordinator() -> None:
    assert tuple(PRESETS) == PRESET_NAMES


LOGS = """
import logging

def test_asks_by_name(benchmark, request):
    logs = request.getfixturevalue("caplog")
    benchmark(logging.getLogger("theirs").warning, "heard")
    assert "heard" in logs.text

def test_as_an_argument(benchmark, caplog):
    benchmark(logging.getLogger("theirs").warning, "heard")
    assert "heard" in caplog.text
"""

HANDLERS = """
import logging
import pytest

@pytest.fixture
def unused():
    return "caplog"

def test_it(benchmark, unused):
    handlers = logging.getLogger().handlers
    benchmark.extra_info["caught_by"] = sum("Capture" in type(each).__name__ for each in handlers)
    benchmark(sum, [1])
"""


@pytest.mark.parametrize("name", ["test_asks_by_name", "test_as_an_argument"])
def test_logs_are_caught_for_tests_that_read_them(tmp_path: Path, name: str) -> None:
    assert outcomes(measured(suite(tmp_path, LOGS), keyword=name)) == {name: "passed"}


def test_no_log_is_caught_where_none_is_read(tmp_path: Path) -> None:
    """To hang pytest's handlers on each of torch's loggers, three times a visit, takes one ms or two."""
    events = measured(suite(tmp_path, HANDLERS))
    assert {event.extra_info["caught_by"] for event in events if isinstance(event, Visit)} == {0}

"""Suites that ask for what cannot be timed: a sentence that says why, and the rest is measured."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest

from bench.app import UserError, run, selection, stored
from bench.events import Visit
from bench.measure.drive import left_out
from bench.measure.host.interference import Readings
from bench.measure.worker.calls import PlainCalls
from bench.measure.worker.plugin import MARKED_ONLY
from bench.measure.worker.protocol import Channel, Collected
from bench.measure.worker.steering import NEEDS_PLUGIN
from bench.measure.worker.timing import CaseTimer
from tests.measure.builders import measured, outcomes, suite

ASYNC = """
import asyncio
from functools import partial

async def work():
    await asyncio.sleep(0)

async def test_coroutine(benchmark):
    benchmark(sum, [1])

async def test_awaited(benchmark):
    await benchmark(work)

def test_unawaited(benchmark):
    benchmark(work)

def test_pedantic(benchmark):
    benchmark.pedantic(partial(work), rounds=3)

def test_run(benchmark):
    benchmark(lambda: asyncio.run(work()))
"""


def test_coroutines_are_told_and_what_runs_them_is_measured(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, ASYNC), launches=1)
    messages = {event.case.rpartition("::")[2]: event.message for event in events if isinstance(event, Visit)}
    assert outcomes(events) == {
        "test_coroutine": "failed",
        "test_awaited": "failed",
        "test_unawaited": "skipped",
        "test_pedantic": "skipped",
        "test_run": "passed",
    }
    assert messages["test_coroutine"] == messages["test_awaited"] == NEEDS_PLUGIN
    assert messages["test_unawaited"] == messages["test_pedantic"]
    assert messages["test_pedantic"].startswith("its call makes a coroutine that nobody awaits")


GOOD = "def test_good(benchmark):\n    benchmark(sum, [1])\n"


@pytest.mark.parametrize("ignored", ["test_it.py", "benches"])
def test_what_a_project_leaves_aside_is_named(tmp_path: Path, ignored: str) -> None:
    (tmp_path / "benches").mkdir()
    (tmp_path / "venv" / "lib").mkdir(parents=True)
    suite(tmp_path / "venv" / "lib", GOOD)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    suite(tmp_path if ignored == "test_it.py" else tmp_path / "benches", GOOD)
    (tmp_path / "conftest.py").write_text(f"collect_ignore = ['{ignored}']\n")
    request = run.RunRequest(selection.Selection([str(tmp_path)]), out=tmp_path / "out")
    with pytest.raises(UserError, match=f"; {ignored} is left aside by the project's own settings"):
        run.measure(request, resume=False)


def test_what_a_project_leaves_aside_is_not_named_where_the_keyword_leaves_out_the_rest(
    tmp_path: Path,
) -> None:
    suite(tmp_path, GOOD)
    (tmp_path / "benches").mkdir()
    suite(tmp_path / "benches", GOOD)
    (tmp_path / "conftest.py").write_text("collect_ignore = ['benches']\n")
    request = run.RunRequest(selection.Selection([str(tmp_path)], "nothing"), out=tmp_path / "out")
    with pytest.raises(UserError, match=r"no benchmarks that match -k 'nothing' in \S+; see `bench list`$"):
        run.measure(request, resume=False)


def test_tests_that_are_only_marked_are_listed_as_not_measured(tmp_path: Path) -> None:
    """As a suite for pytest-codspeed alone has them."""
    marked = "import pytest\n@pytest.mark.benchmark\ndef test_marked():\n    sum(range(9))\n"
    found = selection.collected(selection.spec([str(suite(tmp_path, marked + GOOD))], "", (), "quick"))
    assert dict(found.skips) == {"test_it.py::test_marked": MARKED_ONLY}
    assert [case.id for case in found.cases] == ["test_it.py::test_good", "test_it.py::test_marked"]


def test_a_file_that_leaves_python_while_it_is_imported_costs_itself_alone(tmp_path: Path) -> None:
    (suite(tmp_path, GOOD) / "test_leaves.py").write_text("import sys\nsys.exit('no licence')\n")
    found = selection.collected(selection.spec([str(tmp_path)], "", (), "quick"))
    assert [case.id for case in found.cases] == ["test_it.py::test_good"]
    assert [(each.id, each.last_line) for each in found.problems] == [
        ("test_leaves.py", "SystemExit: no licence")
    ]


def test_a_module_that_lies_above_what_counts_as_the_root_is_named_with_a_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.py").write_text("")
    (tmp_path / "elsewhere").mkdir()  # a folder without code is no module
    (tmp_path / "tests").mkdir()
    for module in ("pipeline", "elsewhere"):
        (tmp_path / "tests" / f"test_{module}.py").write_text(f"import {module}\n")
    found = selection.collected(selection.spec([str(tmp_path / "tests")], "", (), "quick"))
    other, above = sorted(problem.last_line for problem in found.problems)
    assert other == "ModuleNotFoundError: No module named 'elsewhere' (tests/test_elsewhere.py, line 1)"
    assert f"; pipeline.py lies in {tmp_path}, but that is not on Python's path: set PYTHONPATH=" in above
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    found = selection.collected(selection.spec([str(tmp_path / "tests")], "", (), "quick"))
    assert not found.problems


THREADS = """
import threading

def test_joined(benchmark):
    thread = threading.Thread(target=benchmark, args=(sum, [1]))
    thread.start()
    thread.join()

begun = threading.Event()

def work():
    begun.set()

def test_left(benchmark):
    threading.Thread(target=benchmark, args=(work,)).start()
    begun.wait()
"""


def test_a_benchmark_in_a_thread_is_timed_while_its_test_lasts(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, THREADS), launches=2)
    assert outcomes(events) == {"test_joined": "passed", "test_left": "passed"}
    assert all(visit.blocks for visit in events if isinstance(visit, Visit))


def test_a_thread_that_outlives_its_test_says_nothing_to_the_coordinator() -> None:
    channel = create_autospec(Channel, instance=True)
    timer = CaseTimer(channel, Readings(), "cpu", 0.0)
    timer.end()
    with pytest.raises(RuntimeError, match="in a thread that outlives its test: join it"):
        timer.time(PlainCalls(sum, ([1],), {}), {})
    assert not timer.called
    assert not channel.send.called


STUB = """
import sys, types
sys.modules["torch"] = types.ModuleType("torch")

def test_stub(benchmark):
    benchmark.extra_info["flops"] = 1
    benchmark(sum, [1])

def test_none(benchmark):
    sys.modules["torch"] = None
    benchmark.extra_info["flops"] = 1
    benchmark(sum, [1])
"""


def test_what_stands_in_the_place_of_torch_is_not_asked(tmp_path: Path) -> None:
    """A project may do without torch by a module of its own, or by None, which makes its import fail."""
    events = measured(suite(tmp_path, STUB), launches=1)
    assert outcomes(events) == {"test_stub": "passed", "test_none": "passed"}


FILES = """
import builtins, io
from unittest import mock

def test_mocked(benchmark):
    opened = mock.mock_open(read_data="mine")
    with mock.patch("builtins.open", opened), mock.patch("io.open", opened):
        assert benchmark(lambda: open("it").read()) == "mine"

def test_refused(benchmark):
    with mock.patch("builtins.open", side_effect=OSError), mock.patch("io.open", side_effect=OSError):
        benchmark(sum, [1])

def test_other(benchmark):
    benchmark(sum, [1])
"""


def test_a_test_that_replaces_open_while_it_is_timed_is_measured(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, FILES), launches=1)
    assert set(outcomes(events).values()) == {"passed"}


DROPPED = """
import pytest

def test_kept(benchmark):
    benchmark(sum, [1])

@pytest.mark.slow
def test_slow(benchmark):
    benchmark(sum, [1])

def test_hidden(benchmark):
    benchmark(sum, [1])

def test_gone(benchmark):
    benchmark(sum, [1])

@pytest.mark.parametrize("n", [1, 2])
def test_loud(benchmark, n):
    benchmark(sum, [1])

@pytest.mark.preset("thorough")
def test_longer(benchmark):
    benchmark(sum, [1])

def test_slow_and_no_benchmark():
    pass
"""
OPTIONS = "addopts = -m 'not slow' -k 'not hidden and not no_benchmark' --deselect test_it.py::test_gone"
SILENT = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "loud" not in item.name]
"""
TOLD = """
def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[item for item in items if "loud" in item.name])
    items[:] = [item for item in items if "loud" not in item.name]
"""
BY_OPTIONS = {
    "-m 'not slow'": 1,
    "-k 'not hidden and not no_benchmark'": 1,
    "--deselect test_it.py::test_gone": 1,
}


def collected(folder: Path, keyword: str = "", options: str = OPTIONS) -> Collected:
    suite(folder, f"[pytest]\nmarkers = slow\n{options}\n", "pytest.ini")
    return selection.collected(selection.spec([str(suite(folder, DROPPED))], keyword, (), "quick"))


@pytest.mark.parametrize("hook", [SILENT, TOLD])
def test_what_a_project_s_own_settings_drop_is_told(tmp_path: Path, hook: str) -> None:
    """Not what a preset leaves to a longer one, and no tests that are no benchmarks."""
    suite(tmp_path, hook, "conftest.py")
    found = collected(tmp_path)
    assert [case.id for case in found.cases] == ["test_it.py::test_kept"]
    assert found.facts["dropped"] == {**BY_OPTIONS, "conftest.py": 2}
    note = left_out.dropped(found.facts)
    assert note is not None
    assert note.text.startswith("left out by the project's own settings: ")
    for part in (
        "1 case by -m 'not slow'",
        "2 cases by conftest.py",
        "`--pytest-args='-o addopts='` goes round",
    ):
        assert part in note.text


def test_what_the_user_leaves_out_is_not_the_project_s_doing(tmp_path: Path) -> None:
    """The user's -k takes the place of the project's."""
    found = collected(tmp_path, "kept or slow")
    assert found.facts["dropped"] == {name: 1 for name in BY_OPTIONS if not name.startswith("-k")}
    assert "dropped" not in collected(tmp_path, "kept", "").facts


def test_where_all_is_dropped_the_reason_is_told(tmp_path: Path) -> None:
    suite(tmp_path, "[pytest]\naddopts = -k nothing_like_it\n", "pytest.ini")
    request = run.RunRequest(selection.Selection([str(suite(tmp_path, GOOD))]), out=tmp_path / "out")
    with pytest.raises(UserError, match=": 1 case by -k nothing_like_it; "):
        run.measure(request, resume=False)


def test_a_run_says_what_was_dropped_in_its_summary(tmp_path: Path) -> None:
    suite(tmp_path, SILENT.replace("loud", "bad"), "conftest.py")
    suite(tmp_path, GOOD + "def test_bad(benchmark):\n    benchmark(sum, [1])\n")
    request = run.RunRequest(
        selection.Selection([str(tmp_path)], preset="quick"), launches=1, out=tmp_path / "out"
    )
    folder, _ = run.measure(request, resume=False)
    assert stored.write(stored.read([folder])).left_out == (
        "left out by the project's own settings: 1 case by conftest.py",
    )


BY_NAME = """
import pytest

def test_itself(request):
    request.getfixturevalue("benchmark")(sum, [1])

def test_within(request):
    def it():
        return request.getfixturevalue("benchmark")
    it()(sum, [1])

@pytest.fixture
def timed(request):
    return request.getfixturevalue("benchmark")

def test_by_a_fixture(timed):
    timed(sum, [1])

class TestIt:
    @pytest.fixture(autouse=True)
    def given(self, request):
        self.benchmark = request.getfixturevalue("benchmark")

    def test_in_a_class(self):
        self.benchmark(sum, [1])

def test_other(request):
    request.getfixturevalue("tmp_path")

def test_does_not_call(request):
    request.getfixturevalue("benchmark")
"""


def test_the_fixture_asked_for_by_its_name_is_timed(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, BY_NAME), launches=1)
    timed = {event.case.rpartition("::")[2] for event in events if isinstance(event, Visit) and event.blocks}
    assert timed == {"test_itself", "test_within", "test_by_a_fixture", "test_in_a_class"}
    assert outcomes(events) == {**dict.fromkeys(timed, "passed"), "test_does_not_call": "skipped"}

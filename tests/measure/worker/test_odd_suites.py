"""Suites that ask for what cannot be timed: a sentence that says why, and the rest is measured."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest

from bench.app import UserError, run, selection
from bench.events import Visit
from bench.measure.host.interference import Readings
from bench.measure.worker.calls import PlainCalls
from bench.measure.worker.plugin import MARKED_ONLY
from bench.measure.worker.protocol import Channel
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


def test_tests_that_are_only_marked_are_listed_as_not_measured(tmp_path: Path) -> None:
    """As a suite for pytest-codspeed alone has them."""
    marked = "import pytest\n@pytest.mark.benchmark\ndef test_marked():\n    sum(range(9))\n"
    found = selection.collected(selection.spec([str(suite(tmp_path, marked + GOOD))], "", (), "quick"))
    assert dict(found.skips) == {"test_it.py::test_marked": MARKED_ONLY}
    assert [case.id for case in found.cases] == ["test_it.py::test_good", "test_it.py::test_marked"]


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

"""Settings that a test leaves behind are put back after its visit, and named; what a session set up lasts."""

import gc
import os
import signal
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Visit
from bench.measure.worker.settings.kept import Kept, current
from bench.measure.worker.settings.of_process import PROCESSORS
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests import recorded_runs as recorded
from tests.measure.builders import measured, outcomes, suite

SUITE = """
import gc, os
import pytest
import torch

@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)

@pytest.fixture
def undone():
    gc.set_threshold(1000)
    yield
    gc.set_threshold(700, 10, 10)

def seen(benchmark):
    benchmark.extra_info.update(threads=torch.get_num_threads(), dtype=str(torch.get_default_dtype()),
                                grad=torch.is_grad_enabled(), gc=gc.isenabled())

def test_changes(benchmark):
    seen(benchmark)
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    gc.disable()
    os.chdir("/")
    benchmark(sum, [1])

def test_clean(benchmark, undone):
    seen(benchmark)
    benchmark(sum, [1])
"""


def test_what_a_test_leaves_behind_reaches_no_other(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    events = measured(suite(tmp_path, SUITE), launches=2)
    visits = [event for event in events if isinstance(event, Visit)]
    assert {visit.outcome for visit in visits} == {"passed"}
    seen = {tuple(visit.extra_info[name] for name in ("threads", "dtype", "grad", "gc")) for visit in visits}
    assert seen == {(1, "torch.float32", True, True)}
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        for event in events:
            journal.append(event)
    warnings = AnalyzedRun(read_run(tmp_path / "run")).cases.set_index("operation")["warnings"]
    assert (
        "leaves behind, which was put back: the collector, the working directory, torch's threads, torch's "
        "default dtype, torch's gradient mode"
    ) in warnings["changes"]
    assert "leaves behind" not in warnings["clean"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system keeps no process on processors")
def test_processors_and_thresholds_are_put_back() -> None:
    before = os.sched_getaffinity(0), gc.get_threshold()
    kept = Kept()
    os.sched_setaffinity(0, {min(before[0])})
    gc.set_threshold(5)
    kept.put_back()
    assert (os.sched_getaffinity(0), gc.get_threshold()) == before
    assert set(kept.left) >= {"the collector's thresholds"}


def test_what_would_reach_the_next_test_by_another_way_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("REPLACED", "before")
    monkeypatch.setenv("REMOVED", "before")
    before = current()
    kept = Kept()
    os.environ |= {"REPLACED": "by the test", "ADDED": "by the test"}
    del os.environ["REMOVED"]
    sys.path.insert(0, "added")
    signal.setitimer(signal.ITIMER_REAL, 900.0, 1.0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True)
    torch.autograd.set_detect_anomaly(True)
    flushed = torch.set_flush_denormal(True)
    kept.put_back()
    assert current() == before
    assert kept.left == [
        "the environment", "the module path", "the interval timers", "signal handlers",
        "torch's default device", "torch's deterministic mode", "torch's anomaly detection",
        *(["torch's denormal numbers"] if flushed else []),
    ]  # fmt: skip
    assert torch.ones(1).device.type == "cpu"


def test_what_slows_others_or_keeps_signals_from_them_is_put_back() -> None:
    before = current()
    kept = Kept()
    threading.settrace(lambda *_: None)
    tracemalloc.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.nice(1)
    kept.put_back()
    assert kept.left[:3] == ["the trace function of threads", "the tracing of memory", "the signal mask"]
    assert kept.left[3:] == ["the priority"]
    if os.geteuid():
        before["the priority"] += 1  # to take it back takes a privilege
    assert current() == before


class Left:
    """What a test may leave on in torch, by the name under which it is told."""

    def inference_mode(self) -> None:
        self.mode = sys.modules["torch"].inference_mode()  # let go of, it would end by itself
        self.mode.__enter__()

    def autocast(self) -> None:
        torch = sys.modules["torch"]
        torch.autocast("cpu", dtype=torch.bfloat16).__enter__()

    def precision_of_float32(self) -> None:
        sys.modules["torch"].set_float32_matmul_precision("medium")

    def kernels(self) -> None:
        sys.modules["torch"].backends.mkldnn.enabled = False


@pytest.mark.parametrize("name", ["inference_mode", "autocast", "precision_of_float32", "kernels"])
def test_what_torch_computes_with_is_put_back(name: str) -> None:
    torch = pytest.importorskip("torch")
    before, product = current(), torch.ones(2, 2) @ torch.ones(2, 2)
    kept, left = Kept(), Left()
    getattr(left, name)()
    kept.put_back()
    assert kept.left == [f"torch's {name.replace('_', ' ')}"]
    assert current() == before
    again = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (again.dtype, again.is_inference()) == (product.dtype, False)


def test_an_older_name_of_the_precision_can_still_be_read() -> None:
    """torch refuses to read it where what set it and a newer name disagree."""
    torch = pytest.importorskip("torch")
    kept = Kept()
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    kept.put_back()
    assert kept.left == ["torch's precision of float32"]
    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32


def test_a_working_directory_that_is_gone_costs_no_worker(tmp_path: Path) -> None:
    text = """
import os, tempfile
def test_gone(benchmark):
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        benchmark(sum, [1])
def test_other(benchmark):
    benchmark(os.getcwd)
"""
    events = measured(suite(tmp_path, text), launches=1)
    assert outcomes(events) == {"test_gone": "passed", "test_other": "passed"}


def test_processors_that_a_coordinator_chose_are_no_test_s_doing() -> None:
    """In lock step it pins a worker from outside while the test is timed."""
    kept = Kept()
    before = os.sched_getaffinity(0)
    try:
        with kept.meant(PROCESSORS):
            os.sched_setaffinity(0, {min(before)})
            gc.disable()
        kept.put_back()
        assert PROCESSORS not in kept.left
        assert kept.left == ["the collector"], "what the test itself does meanwhile is its doing"
    finally:
        os.sched_setaffinity(0, before)
        gc.enable()

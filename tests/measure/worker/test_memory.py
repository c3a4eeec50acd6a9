"""Bytes that calls keep and need."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Visit
from bench.measure.host import resident
from bench.measure.start.process import Spec
from bench.measure.worker import memory
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests import recorded_runs as recorded
from tests.measure.builders import events_of, measured, suite

SIZE = 20_000


def test_what_every_call_keeps_is_told_and_what_it_needs() -> None:
    kept: list[bytearray] = []

    def keeps(calls: int) -> None:
        for _ in range(calls):
            kept.append(bytearray(SIZE))

    facts = memory.of_calls(keeps, None)
    assert SIZE <= facts["kept_bytes"] <= 1.05 * SIZE
    facts = memory.of_calls(lambda calls: [bytearray(SIZE) for _ in range(calls)] and None, None)
    assert facts["kept_bytes"] == 0
    assert SIZE <= facts["peak_memory_bytes"] <= 1.1 * SIZE


def test_a_cache_that_fills_is_no_growth() -> None:
    kept: list[bytearray] = []

    def fills(_calls: int) -> None:
        if len(kept) < 4:
            kept.append(bytearray(SIZE))

    assert memory.of_calls(fills, None)["kept_bytes"] == 0


def test_cycles_wait_for_the_collector() -> None:
    def cycle(_calls: int) -> None:
        made: list[object] = [bytearray(SIZE)]
        made.append(made)

    assert memory.of_calls(cycle, None)["kept_bytes"] >= SIZE


def test_a_devices_memory_is_what_it_says_itself() -> None:
    held = [0]

    def run(calls: int) -> None:
        held[0] += 512 * calls

    assert memory.of_calls(run, lambda: held[0]) == {"kept_bytes": 512}


def test_a_suite_that_traces_is_left_alone() -> None:
    tracemalloc.start()
    try:
        assert memory.of_calls(lambda _calls: None, None) == {}
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


GROWS = """
kept = []

def test_grows(benchmark):
    benchmark(lambda: kept.append(bytearray(20_000)))
    kept.clear()

def test_stays(benchmark):
    benchmark(lambda: bytearray(20_000))
"""


@pytest.mark.parametrize("name", ["grows", "stays"])
def test_growth_is_a_column_and_a_warning(tmp_path: Path, name: str) -> None:
    events = measured(suite(tmp_path, GROWS), keyword=name, launches=1)
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        for event in events:
            journal.append(event)
    (case,) = AnalyzedRun(read_run(tmp_path / "run")).cases.to_dict("records")
    assert (case["kept_bytes"] >= SIZE) == (name == "grows")
    assert case["peak_memory_bytes"] >= SIZE
    assert ("its memory grows, as the garbage collector is off" in case["warnings"]) == (name == "grows")


ADDS = """
import torch

def test_adds(benchmark, device):
    kept = torch.ones(1_000_000, device=device)  # in place before the calls, and needed by them
    benchmark(torch.add, kept, kept)
"""


def peaks(events: list[Any]) -> dict[str, int]:
    return {
        event.case.rpartition("::")[2]: event.extra_info["peak_memory_bytes"]
        for event in events
        if isinstance(event, Visit) and "peak_memory_bytes" in event.extra_info
    }


def test_a_device_s_peak_is_what_the_case_adds_to_what_others_left_there(tmp_path: Path) -> None:
    import simulated_accelerator as simulation

    text = "import torch\nleft = torch.ones(5_000_000, device='sim')\n" + ADDS
    folder = suite(tmp_path, text)
    environment = simulation.install(tmp_path / "installed", simulation.Parameters(virtual=True))
    spec = Spec((str(folder),), "sim", directory=folder, rootdir=folder, environment=environment)
    assert peaks(events_of(spec, 1)) == {"test_adds[sim]": 2 * 4_000_000}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone tells")
def test_a_processor_s_peak_counts_torch_s_tensors_and_what_the_set_up_made(tmp_path: Path) -> None:
    (peak,) = peaks(measured(suite(tmp_path, ADDS), keyword="cpu", launches=1)).values()
    assert 1.7 * 4_000_000 < peak < 3 * 4_000_000


def test_where_the_peak_cannot_be_reset_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resident, "CLEAR", tmp_path)
    assert resident.rise_during(lambda: pytest.fail("called")) is None


LONG = """
import time

calls = []

def test_long(benchmark):
    benchmark(lambda: (calls.append(1), time.sleep(0.06)))
    benchmark.extra_info["calls"] = len(calls)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone tells")
def test_a_long_call_is_not_made_once_more_for_its_memory(tmp_path: Path) -> None:
    (visit,) = (event for event in measured(suite(tmp_path, LONG), launches=1) if isinstance(event, Visit))
    assert visit.extra_info["calls"] == sum(block.calls for block in visit.blocks)
    assert visit.extra_info["peak_memory_bytes"] >= 0

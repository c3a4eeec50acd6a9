"""Real worker processes on the simulated accelerator: what a run records is the simulation's truth.

Host, device and the processor's contender share one virtual clock, so that every time is exact.
"""

import math
from collections.abc import Iterator
from types import ModuleType

import pytest

from bench.events import CeilingsMeasured, Checked, Event, Initialized, Visit
from bench.measure.drive.plan import Preset
from bench.measure.start.process import Spec
from bench.records import Block
from tests.measure.builders import events_of

pytest.importorskip("torch")

PROCESSOR_S_PER_ELEMENT = 1e-9

SUITE = """
import pytest, torch
from simulated_accelerator import timeline

@pytest.mark.crossover(axis="n", between="device")
@pytest.mark.parametrize("n", [1000, 10_000, 100_000, 1_000_000])
def test_zero(benchmark, device, n):
    if device == "cpu":
        benchmark(lambda: timeline.charge(n * 1e-9))
    else:
        benchmark(torch.empty(n, device=device).zero_)

def test_reads(benchmark, device):
    if device == "cpu":
        pytest.skip("nothing to wait for")
    benchmark(torch.ones(10, device=device).sum().item)
"""

FAST = Preset("quick", 1, math.inf, 100.0, 0.5, 60.0, templates=1)
"""One launch, satisfied with anything."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """A run over the suite on `cpu` and `sim`; its workers load the device by its entry point."""
    import simulated_accelerator as simulation

    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_it.py").write_text(SUITE)
    environment = simulation.install(
        tmp_path_factory.mktemp("installed"), simulation.Parameters(virtual=True)
    )
    spec = Spec((str(folder),), directory=folder, rootdir=folder, environment=environment)
    return events_of(spec, 1, preset=FAST, ceilings=True)


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    import simulated_accelerator

    return simulated_accelerator


def blocks(events: list[Event], name: str, kind: str) -> Iterator[Block]:
    for event in events:
        if isinstance(event, Visit) and event.case.endswith(f"::{name}"):
            assert event.outcome == "passed", event.message
            yield from (block for block in event.blocks if block.kind == kind)


@pytest.mark.parametrize("n", [1000, 10_000, 100_000, 1_000_000])
def test_times_on_both_devices_are_the_truth(events: list[Event], truth: ModuleType, n: int) -> None:
    p = truth.Parameters()
    device_s = p.fixed_s + 4 * n / p.bytes_per_s
    latencies = [b.wall_s / b.calls for b in blocks(events, f"test_zero[sim-{n}]", "latency")]
    latency_s = p.launch_s + max(device_s, p.synchronize_s)  # the host synchronizes while the device works
    assert latencies == pytest.approx([latency_s] * len(latencies), rel=1e-6)
    on_device = [b.device_s / b.calls for b in blocks(events, f"test_zero[sim-{n}]", "device")]
    assert on_device == pytest.approx([device_s] * len(on_device), rel=1e-6)
    on_processor = [b.wall_s / b.calls for b in blocks(events, f"test_zero[cpu-{n}]", "wall")]
    assert on_processor == pytest.approx([n * PROCESSOR_S_PER_ELEMENT] * len(on_processor), rel=1e-6)
    assert latencies
    assert on_device
    assert on_processor


def test_a_case_that_waits_has_no_device_time(events: list[Event]) -> None:
    found = list(blocks(events, "test_reads[sim]", "device"))
    assert found
    assert all(block.device_s is None and "queue_ran_dry" in block.notes for block in found)


def test_the_run_checks_the_device_first(events: list[Event], truth: ModuleType) -> None:
    p = truth.Parameters()
    checks = {event.name: event.passed for event in events if isinstance(event, Checked)}
    assert len(checks) == 5
    assert all(checks.values())
    (initialized,) = [event for event in events if isinstance(event, Initialized)]
    assert initialized.device == "sim"
    assert initialized.seconds == pytest.approx(p.first_use_s, rel=1e-3)
    (ceilings,) = [e.ceilings for e in events if isinstance(e, CeilingsMeasured) and e.device == "sim"]
    assert ceilings["flops_per_s"]["float32"] == pytest.approx(p.flops_per_s, rel=0.01)
    assert ceilings["to_device"]["bytes_per_s"] == pytest.approx(p.copy_bytes_per_s, rel=0.01)

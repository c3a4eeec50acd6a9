"""Devices and the blocks timed on them, on a simulated accelerator with a virtual clock.

What a block reads is compared with the parameters of the simulation; nothing depends on real time.
"""

import gc
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from bench.measure.devices import available, cuda_extras
from bench.measure.devices.device import Device, Loop

torch = pytest.importorskip("torch")

N = 256
PRODUCT_FLOPS = 2 * N**3


@pytest.fixture
def product(sim: Device) -> Callable[[int], object]:
    """Products of N×N matrices, so many."""
    a = torch.randn(N, N, device=sim.name)
    return lambda k: [a @ a for _ in range(k)]


def test_the_processor_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    available.get.cache_clear()
    assert available.present() == ("cpu",)
    cpu = available.get("cpu")
    timed = cpu.time("wall", lambda k: sum(range(k)), 10)
    assert timed.wall_s > 0
    assert (timed.host_s, timed.device_s, timed.notes) == (None, None, ())
    assert (cpu.initialize(), cpu.peak_memory_bytes(lambda _: None), cpu.allocator_counts()) == (
        0.0,
        None,
        (),
    )


def test_a_device_that_needs_torch_says_so_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    available.get.cache_clear()
    with pytest.raises(available.DeviceError, match=r"'cuda' needs torch.*there: cpu"):
        available.get("cuda")


@pytest.mark.parametrize("name", ["no-such", "cuda:x", "meta"])
def test_unknown_devices_are_refused_with_what_is_there(name: str) -> None:
    with pytest.raises(available.DeviceError, match=f"'{name}' is unknown to torch.*there: cpu"):
        available.get(name)


@pytest.mark.usefixtures("simulated")
def test_a_device_beyond_the_last_is_refused() -> None:
    with pytest.raises(available.DeviceError, match="sim has 1"):
        available.get("sim:1")


def test_an_unavailable_device_is_refused(simulated: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated.BackendModule, "available", False)
    with pytest.raises(available.DeviceError, match=r"'sim' is not available; there: cpu$"):
        available.get("sim")
    assert available.present() == ("cpu",)


def test_the_accelerator_is_present_and_not_yet_used(simulated: ModuleType) -> None:
    assert available.present() == ("cpu", "sim")
    available.get("sim")
    assert not simulated.timeline.initialized


def test_first_use_is_timed(simulated: ModuleType) -> None:
    assert available.get("sim").initialize() == pytest.approx(
        simulated.timeline.parameters.first_use_s, rel=1e-3
    )


def test_facts_say_that_it_is_simulated(sim: Device) -> None:
    assert sim.facts() == {"name": "Simulated accelerator", "simulated": True}


def test_wall_is_queueing_and_waiting(sim: Device, product: Loop, simulated: ModuleType) -> None:
    timed = sim.time("wall", product, 100)
    p = simulated.timeline.parameters
    one_s = simulated.compute_s(PRODUCT_FLOPS)
    assert one_s > p.launch_s  # else the device would wait for the host
    assert timed.host_s == pytest.approx(100 * p.launch_s)
    assert timed.wall_s == pytest.approx(p.launch_s + 100 * one_s, rel=1e-3)
    assert timed.device_s is None


def test_latency_synchronizes_after_each_call(sim: Device, product: Loop, simulated: ModuleType) -> None:
    timed = sim.time("latency", product, 50)
    p = simulated.timeline.parameters
    assert timed.wall_s == pytest.approx(50 * (p.launch_s + simulated.compute_s(PRODUCT_FLOPS)), rel=1e-6)


def test_device_time_is_the_truth(sim: Device, product: Loop, simulated: ModuleType) -> None:
    timed = sim.time("device", product, 100)
    assert timed.device_s == pytest.approx(100 * simulated.compute_s(PRODUCT_FLOPS), rel=1e-9)
    assert timed.notes == ()
    assert timed.device_s <= timed.wall_s


def test_device_time_leaves_launch_gaps_out(sim: Device, simulated: ModuleType) -> None:
    """Work shorter than its launch: wall time is launches, the device's time is still the work."""
    a = torch.randn(8, device="sim")

    def add(k: int) -> None:
        for _ in range(k):
            a.add(a)

    true_s = 100 * simulated.memory_s(3 * 8 * 4)
    assert sim.time("wall", add, 100).wall_s > 2 * true_s
    assert sim.time("device", add, 100).device_s == pytest.approx(true_s, rel=1e-9)


def test_a_hold_that_was_too_short_is_followed_by_a_longer_one(
    sim: Device, product: Loop, simulated: ModuleType
) -> None:
    def slow_to_queue(k: int) -> None:
        simulated.timeline.charge(0.02)
        product(k)

    assert sim.time("device", slow_to_queue, 5).device_s == pytest.approx(
        5 * simulated.compute_s(PRODUCT_FLOPS), rel=1e-9
    )


def test_without_a_hold_the_queue_runs_dry(
    sim: Device, product: Loop, simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated.BackendModule, "_sleep", lambda _: None)
    timed = sim.time("device", product, 20)
    assert (timed.device_s, timed.notes) == (None, ("queue_ran_dry",))


def test_calls_that_synchronize_have_no_device_time(sim: Device) -> None:
    a = torch.randn(64, device="sim")
    timed = sim.time("device", lambda k: [a.sum().item() for _ in range(k)], 5)
    assert (timed.device_s, timed.notes) == (None, ("queue_ran_dry",))


def test_calls_that_fill_the_queue_have_no_device_time(sim: Device) -> None:
    a = torch.randn(64, device="sim")

    def many(k: int) -> None:
        for _ in range(3 * k):
            a.add(a)

    assert sim.time("device", many, 500).notes == ("queue_ran_dry",)


def test_more_calls_than_the_queue_is_filled_to_are_refused(sim: Device, product: Loop) -> None:
    with pytest.raises(ValueError, match="501 launches"):
        sim.time("device", product, 501)


def test_without_events_the_result_says_so(
    sim: Device, product: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: object, end: object) -> float:
        raise NotImplementedError

    monkeypatch.setattr(sim.module.Event, "elapsed_time", fails)
    available.get.cache_clear()
    again = available.get("sim")
    assert not again.has_events
    timed = again.time("device", product, 10)
    assert (timed.device_s, timed.notes) == (None, ("no_events",))


def test_cold_blocks_flush_before_each_call(
    sim: Device, product: Loop, simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = torch.empty(2**20, device="sim")
    monkeypatch.setattr(cuda_extras, "cache_flush", lambda _: buffer.zero_)
    timed = sim.time("cold", product, 50)
    flush_s, call_s = simulated.memory_s(4 * 2**20), simulated.compute_s(PRODUCT_FLOPS)
    assert timed.device_s == pytest.approx(50 * call_s, rel=1e-9)
    assert timed.wall_s > 50 * (call_s + flush_s)


def test_cold_blocks_need_a_cache_of_known_size(sim: Device, product: Loop) -> None:
    timed = sim.time("cold", product, 10)
    assert (timed.device_s, timed.notes) == (None, ("no_flush",))


def test_garbage_is_not_collected_inside_a_block() -> None:
    seen = []
    available.get("cpu").time("wall", lambda _: seen.append(gc.isenabled()), 1)
    assert (seen, gc.isenabled()) == ([False], True)


def test_peak_memory_is_that_of_one_call(sim: Device) -> None:
    a = torch.randn(1000, 1000, device="sim")
    before = sim.module.memory_allocated()
    torch.empty(10 * a.numel(), device="sim")  # a higher peak, before that call
    assert sim.peak_memory_bytes(lambda _: (a + a) * 2) == before + 2 * a.nbytes


def test_new_device_memory_is_seen(sim: Device) -> None:
    sim.empty_cache()
    before = sim.allocator_counts()
    kept = torch.empty(2**20, device="sim")
    after = sim.allocator_counts()
    assert after != before
    del kept
    torch.empty(2**20, device="sim")  # the cache has room for it
    assert sim.allocator_counts() == after

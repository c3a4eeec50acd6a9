"""Devices, the blocks timed on them and the self-check, on a simulated accelerator with a virtual clock.

What a block reads is compared with the parameters of the simulation; nothing depends on real time.
"""

import gc
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bench.measure.devices import available, cuda_extras, self_check
from bench.measure.devices.device import Device, Loop, Timed
from tests import ROOT

torch = pytest.importorskip("torch")

N = 256
PRODUCT_FLOPS = 2 * N**3


@pytest.fixture
def sim(simulated: ModuleType) -> Device:
    """The simulated device, used once, so that no test pays for its start."""
    assert simulated.timeline.parameters.virtual
    device = available.get("sim")
    device.initialize()
    return device


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


def outcomes(device: Device) -> dict[str, bool]:
    return {check.name: check.passed for check in self_check.run(device)}


def test_the_self_check_passes_on_a_true_device(sim: Device) -> None:
    assert outcomes(sim) == {
        "synchronization_counts": True,
        "events_agree_with_wall": True,
        "device_within_wall": True,
        "holds_are_linear": True,
        "trips_are_ordered": True,
    }


def test_the_processor_has_nothing_to_check() -> None:
    assert self_check.run(available.get("cpu")) == []


def test_a_missing_synchronization_is_noticed(sim: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sim.has_events
    assert sim.hold_cycles_per_s
    monkeypatch.setattr(Device, "synchronize", lambda _: None)
    monkeypatch.setattr(sim.module.Event, "elapsed_time", lambda *_: 15.0)
    failed = {name for name, passed in outcomes(sim).items() if not passed}
    assert {"synchronization_counts", "events_agree_with_wall"} <= failed


def test_launches_that_wait_are_noticed(
    sim: Device, simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with CUDA_LAUNCH_BLOCKING=1."""
    queue = simulated.timeline.queue
    monkeypatch.setattr(
        simulated.timeline, "queue", lambda *work: simulated.timeline.wait_until(queue(*work)) or 0.0
    )
    assert not outcomes(sim)["synchronization_counts"]


def test_events_in_another_unit_are_noticed(sim: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    elapsed_time = sim.module.Event.elapsed_time
    monkeypatch.setattr(sim.module.Event, "elapsed_time", lambda self, end: 1.02 * elapsed_time(self, end))
    found = outcomes(sim)
    assert not found["events_agree_with_wall"]
    assert not found["device_within_wall"]


def test_a_hold_that_does_not_scale_is_noticed(
    sim: Device, simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sim.hold_cycles_per_s
    monkeypatch.setattr(simulated.BackendModule, "_sleep", lambda _: simulated.timeline.queue(0.02))
    assert not outcomes(sim)["holds_are_linear"]


def test_a_round_trip_faster_than_one_way_is_noticed(sim: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.cycle([1e-6, 3e-6, 2e-6])
    monkeypatch.setattr(Device, "time", lambda *_: Timed(next(seconds)))
    assert not self_check.trips_are_ordered(sim).passed


def test_a_disturbed_trip_does_not_put_trips_out_of_order(
    sim: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbed = [1e-6, 3e-6, 2e-6] * (self_check.MAX_TRIPS - 1)
    seconds = iter([*disturbed, 1e-6, 1.5e-6, 2e-6])
    monkeypatch.setattr(Device, "time", lambda *_: Timed(next(seconds)))
    assert self_check.trips_are_ordered(sim).passed


def course_network() -> "torch.nn.Module":
    torch.manual_seed(1)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    return torch.nn.Sequential(
        torch.nn.Flatten(), linear(784, 512), relu(), linear(512, 512), relu(), linear(512, 10)
    )


def resnet() -> "torch.nn.Module":
    torch.manual_seed(1)
    return pytest.importorskip("torchvision").models.resnet18(num_classes=10)


def losses(device: str, network: "torch.nn.Module", shape: tuple[int, ...]) -> list[float]:
    """Two training steps on fixed data."""
    network = network.to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, *shape, generator=generator).to(device)
    y = torch.tensor([1, 2, 3, 4]).to(device)
    seen = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen.append(loss)
    return [loss.item() for loss in seen]


@pytest.mark.usefixtures("sim")
@pytest.mark.parametrize(("make", "shape"), [(course_network, (1, 28, 28)), (resnet, (3, 32, 32))])
def test_networks_train_on_the_simulation_as_on_the_processor(
    make: Callable[[], "torch.nn.Module"], shape: tuple[int, ...]
) -> None:
    assert losses("sim", make(), shape) == pytest.approx(losses("cpu", make(), shape), rel=1e-4)


@pytest.mark.usefixtures("sim")
def test_simulated_values_follow_writes_through_views() -> None:
    a = torch.arange(6.0, device="sim").reshape(2, 3)
    row, copied = a[1], a.clone()
    a.mul_(2)
    row.add_(1)
    torch.add(a, 1, out=copied)
    assert a.tolist() == [[0, 2, 4], [7, 9, 11]]
    assert copied.tolist() == [[1, 3, 5], [8, 10, 12]]


@pytest.mark.usefixtures("sim")
def test_simulated_copies_take_what_the_host_had_at_the_time() -> None:
    here = torch.ones(4)
    there = here.to("sim", non_blocking=True)
    here.zero_()
    assert there.tolist() == [1, 1, 1, 1]


def test_simulated_events_raise_as_cuda_events_do(sim: Device) -> None:
    start, end = sim.event(), sim.event()
    with pytest.raises(ValueError, match="recorded"):
        start.elapsed_time(end)
    start.record()
    sim.module._sleep(1_000_000)
    end.record()
    with pytest.raises(RuntimeError, match="not ready"):
        start.elapsed_time(end)
    with pytest.raises(ValueError, match="enable_timing"):
        sim.module.Event().elapsed_time(end)


def test_torch_loads_the_simulation_by_its_entry_point(simulated: ModuleType, tmp_path: Path) -> None:
    """A fresh process sees the device, on its virtual clock."""
    code = """if True:
        from bench.measure.devices import available
        names = available.present()
        device = available.get(names[1])
        device.initialize()
        import torch
        a = torch.randn(256, 256, device=names[1])
        print(names[1], device.time("device", lambda k: [a @ a for _ in range(k)], 100).device_s)
    """
    environment = os.environ | simulated.install(tmp_path, simulated.Parameters(virtual=True))
    environment["PYTHONPATH"] += os.pathsep + str(ROOT)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    name, device_s = done.stdout.split()
    assert name == "sim"
    assert float(device_s) == pytest.approx(100 * simulated.compute_s(PRODUCT_FLOPS), rel=1e-9)

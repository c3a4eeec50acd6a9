"""The self-check notices each way in which a device's times can be wrong."""

import itertools
from types import ModuleType

import pytest

from bench.measure.devices import available, self_check
from bench.measure.devices.device import Device, Timed


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
    assert list(self_check.run(available.get("cpu"))) == []


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

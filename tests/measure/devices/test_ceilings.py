"""Ceilings: each roof against the simulation's parameters."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench.measure.devices import available, best, ceilings, cuda_extras, links
from bench.measure.devices.device import Device
from bench.measure.drive import device_tasks
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Progress
from bench.measure.worker.protocol import Answer, Ask


def test_no_memory_is_faster_than_a_nearer_one() -> None:
    rates = {"L1": 2e11, "L2": 6e11, "L3": 3e11, "memory": 1e11}
    assert ceilings._nearer_is_faster(rates) == {"L1": 6e11, "L2": 6e11, "L3": 3e11, "memory": 1e11}


def test_ceilings_are_the_simulation_s_parameters(
    simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceilings, "MAX_CALL_S", 1e-2)  # smaller sizes: less memory for the values
    device = available.get("sim")
    device.initialize()
    found = ceilings.measure(device)
    p = simulated.timeline.parameters
    assert found["flops_per_s"]["float32"] == pytest.approx(p.flops_per_s, rel=0.01)
    assert found["flops_per_s"].keys() == {"float32", "float64", "bfloat16", "float16"}
    assert found["copy_bytes_per_s"]["memory"] == pytest.approx(p.bytes_per_s, rel=0.01)
    assert found["launch_s"] == pytest.approx(p.launch_s, rel=0.01)
    assert found["synchronize_s"] == pytest.approx(p.synchronize_s, rel=0.02)
    assert found["event_s"] == 0.0
    for link in ("to_device", "to_host"):
        assert found[link]["bytes_per_s"] == pytest.approx(p.copy_bytes_per_s, rel=0.01)
        assert found[link]["latency_s"] == pytest.approx(
            p.launch_s + p.copy_latency_s + p.synchronize_s, rel=0.01
        )


def test_a_host_that_long_copies_leave_cold_is_reminded_ahead_of_each(
    simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next launch costs 0.2 ms more, behind which a copy of 8 ms would read 2 % too long."""
    timeline = simulated.timeline
    wait_until, queue, cold_s = timeline.wait_until, timeline.queue, [0.0]

    def waited(moment_s: float) -> None:
        if moment_s - timeline.clock() > 2e-3:
            cold_s[0] = 2e-4
        wait_until(moment_s)

    def queued(seconds: float, name: str = "sleep") -> float:
        timeline.charge(cold_s[0])
        cold_s[0] = 0.0
        return float(queue(seconds, name))

    monkeypatch.setattr(timeline, "wait_until", waited)
    monkeypatch.setattr(timeline, "queue", queued)
    for link in links.links(best.Best(available.get("sim"))).values():
        assert link["bytes_per_s"] == pytest.approx(timeline.parameters.copy_bytes_per_s, rel=1e-3)


def test_a_device_whose_queue_runs_dry_has_ceilings_by_the_wall_clock(
    simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last call returned is not until it is done."""
    monkeypatch.setattr(Device, "_hold", lambda _device, _seconds: None)
    monkeypatch.setattr(ceilings, "MAX_CALL_S", 1e-3)
    p = simulated.timeline.parameters
    for rate in ceilings.measure(available.get("sim"))["flops_per_s"].values():
        assert 0.9 * p.flops_per_s < rate <= p.flops_per_s


def test_a_device_that_rounds_float32_has_a_ceiling_for_each_precision(
    simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of `float32` is of products that are not rounded, whatever the process had set."""
    import torch

    seen = []
    monkeypatch.setattr(cuda_extras, "has_tf32", lambda _name: True)
    monkeypatch.setattr(ceilings, "MAX_CALL_S", 1e-4)
    of_dtype = ceilings._products

    def watched(timed: best.Best, dtype: object, name: str) -> list[float]:
        seen.append((name, torch.backends.cuda.matmul.fp32_precision))
        return list(of_dtype(timed, dtype, name))

    monkeypatch.setattr(ceilings, "_products", watched)
    before = torch.backends.cuda.matmul.fp32_precision
    found = ceilings.measure(available.get("sim"))
    assert simulated.timeline.initialized
    assert found["flops_per_s"].keys() == {"tf32", "float32", "float64", "bfloat16", "float16"}
    assert dict(seen)["flops_per_s.tf32"] == "tf32"
    assert dict(seen)["flops_per_s.float32"] == "ieee"
    assert torch.backends.cuda.matmul.fp32_precision == before


def test_a_launch_is_timed_in_more_than_one_way(
    simulated: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue of a hundred makes the host wait in long rows: 500 launches then take what the device takes."""
    p = replace(simulated.timeline.parameters, queue_length=100, fixed_s=1e-4)
    monkeypatch.setattr(simulated.timeline, "parameters", p)
    launch_s = ceilings._launch_s(best.Best(available.get("sim")))
    assert launch_s == pytest.approx(p.launch_s, rel=0.01)


def test_no_simulated_rate_is_above_its_ceiling(simulated: ModuleType) -> None:
    device = available.get("sim")
    p = simulated.timeline.parameters
    for rate in ceilings.measure(device)["flops_per_s"].values():
        assert rate <= p.flops_per_s


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes measuring a processor take an instant: what it finds does not matter here."""
    monkeypatch.setattr(best, "CLEAN_BLOCKS", 1)
    monkeypatch.setattr(best, "BLOCK_S", 0.0)
    monkeypatch.setattr(best, "PATIENCE_S", 0.0)
    monkeypatch.setattr(ceilings, "MAX_CALL_S", 0.0)
    levels = [("L1", 2**13, True), ("memory", 2**20, False)]
    monkeypatch.setattr(ceilings, "processor_levels", lambda: levels)


def test_a_processor_has_finite_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    small(monkeypatch)
    found = ceilings.measure(available.get("cpu"))
    assert found.keys() == {"copy_bytes_per_s", "level_bytes", "flops_per_s", "launch_s", "disturbed"}
    rates = [*found["copy_bytes_per_s"].values(), *found["flops_per_s"].values()]
    assert all(math.isfinite(rate) and rate > 0 for rate in rates)
    assert "memory" in found["copy_bytes_per_s"]


def test_a_processor_has_ceilings_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr(ceilings, "find_spec", lambda _: None)
    found = ceilings.measure(available.get("cpu"))
    assert found.keys() == {"copy_bytes_per_s", "level_bytes", "flops_per_s", "disturbed"}
    assert found["flops_per_s"].keys() == {"float32", "float64"}


def test_small_copies_repeat_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy walks along the smallest stride first: it has to be the one from number to number."""
    copied = []

    class Once:
        def seconds(self, _name: str, call: Callable[[], object]) -> float:
            call()
            return 1.0

    monkeypatch.setattr(np, "copyto", lambda rows, source: copied.append((rows, source)))
    rate = ceilings._numpy_copy_rate(Once(), "L1", 2**14)  # type: ignore[arg-type]  # as much as it needs
    ((rows, source),) = copied
    assert rows.shape == (2**20 // 2**14, len(source))
    assert rows.strides[0] > rows.strides[1] == 8
    assert rate == 2 * rows.size * 8


def test_memory_levels_are_read_from_the_system(tmp_path: Path) -> None:
    listed = [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2048K")]
    for i, (level, kind, size) in enumerate(listed):
        index = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{i}"
        index.mkdir(parents=True)
        (index / "level").write_text(level + "\n")
        (index / "type").write_text(kind + "\n")
        (index / "size").write_text(size + "\n")
    assert list(ceilings.processor_levels(tmp_path)) == [
        ("L1", 12 * 2**10, True),
        ("L2", 512 * 2**10, True),
        ("memory", 2**26, False),
    ]


def test_a_cache_that_a_virtual_machine_shares_is_not_copied_beyond(tmp_path: Path) -> None:
    """Twice a host's 480 MB would be copied for 14 s, and three such vectors be held."""
    index = tmp_path / "sys/devices/system/cpu/cpu0/cache/index3"
    index.mkdir(parents=True)
    for name, text in (("level", "3"), ("type", "Unified"), ("size", "491520K")):
        (index / name).write_text(text + "\n")
    assert list(ceilings.processor_levels(tmp_path)) == [("L3", 120 * 2**20, False), ("memory", 2**28, False)]


def test_usual_caches_stand_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert [level for level, *_ in ceilings.processor_levels(tmp_path)] == ["L1", "L2", "L3", "memory"]


def test_of_two_measurements_the_better_stands() -> None:
    slow = {
        "copy_bytes_per_s": {"L2": 2.0, "memory": 1.0},
        "flops_per_s": {"float32": 2.4e9},
        "launch_s": 2e-6,
        "to_host": {"latency_s": 1e-5, "bytes_per_s": 1e9},
        "disturbed": ["flops_per_s.float32", "to_host"],
    }
    fast = {
        "copy_bytes_per_s": {"L2": 1.9, "memory": 1.1},
        "flops_per_s": {"float32": 160e9},
        "launch_s": 1e-6,
        "to_host": {"latency_s": 2e-5, "bytes_per_s": 2e9},
        "disturbed": [],
    }
    merged = ceilings.better(slow, fast)
    assert merged == {
        "copy_bytes_per_s": {"L2": 2.0, "memory": 1.1},
        "flops_per_s": {"float32": 160e9},
        "launch_s": 1e-6,
        "to_host": fast["to_host"],
        "disturbed": [],
    }
    assert ceilings.better(fast, slow) == merged


class Asked:
    """A worker that others disturb in its first answers."""

    def __init__(self, disturbed_times: int) -> None:
        self.left = disturbed_times
        self.messages: list[Ask] = []

    def ask(self, message: Ask, _timeout_s: float) -> Answer:
        self.messages.append(message)
        self.left -= 1
        return Answer({"flops_per_s": {}, "disturbed": ["launch_s"] if self.left >= 0 else []})


def test_ceilings_that_others_disturbed_are_tried_again_in_later_launches() -> None:
    ledger, worker = Ledger(), Asked(disturbed_times=2)
    for _ in range(5):
        device_tasks.run_due(worker, "cpu", ledger, Progress(), True)  # type: ignore[arg-type]  # a stand-in
    assert [message.about for message in worker.messages] == ["ceilings"] * 3
    assert worker.messages[0].earlier == {}
    assert worker.messages[1].earlier["disturbed"] == ["launch_s"]
    assert ledger.ceilings["cpu"]["disturbed"] == []

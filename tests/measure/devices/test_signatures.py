"""Every call that only a CUDA device answers, against the real module's signatures.

`create_autospec` refuses calls that the real function would refuse; it knows nothing of constructors
written in C, so that those are bound to the signatures that the modules declare.
"""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from bench.measure.devices import available, cuda_extras
from bench.measure.devices.device import FIRST_HOLD_PER_CALL_S, FIRST_HOLD_S

torch = pytest.importorskip("torch")

UUID = "GPU-0123"


class RecordedEvent:
    """Stands for `torch.cuda.Event`, built only in ways that its signature allows."""

    elapsed_ms = 2.0
    reached = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        inspect.signature(torch.cuda.Event.__new__).bind(torch.cuda.Event, *args, **kwargs)

    def record(self, *args: Any, **kwargs: Any) -> None:
        inspect.signature(torch.cuda.Event.record).bind(self, *args, **kwargs)

    def query(self, *args: Any, **kwargs: Any) -> bool:
        inspect.signature(torch.cuda.Event.query).bind(self, *args, **kwargs)
        return self.reached

    def elapsed_time(self, *args: Any, **kwargs: Any) -> float:
        inspect.signature(torch.cuda.Event.elapsed_time).bind(self, *args, **kwargs)
        return self.elapsed_ms


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[mock.NonCallableMagicMock]:
    """`torch.cuda` with its own signatures and one GPU of 60 MB cache."""
    module = mock.create_autospec(torch.cuda, instance=True)
    module.Event = RecordedEvent
    module.is_available.return_value = True
    module.device_count.return_value = 2
    module.get_device_name.return_value = "Test GPU"
    module.max_memory_allocated.return_value = 1234
    module.memory_stats_as_nested_dict.return_value = {"num_device_alloc": 3, "num_alloc_retries": 1}
    module.get_device_properties.return_value = properties()
    monkeypatch.setattr(torch, "cuda", module)
    forget_devices()
    yield module
    monkeypatch.undo()
    forget_devices()


def forget_devices() -> None:
    """Torch, too, keeps the module that it once found for a device."""
    for kept in (cuda_extras.cache_flush, available.get, torch.get_device_module):
        getattr(kept, "cache_clear", lambda: None)()


def properties() -> SimpleNamespace:
    """Device properties under the names that torch's own type has."""
    values = {
        "total_memory": 2**37,
        "major": 9,
        "minor": 0,
        "multi_processor_count": 132,
        "L2_cache_size": 60 * 2**20,
        "uuid": "0123",
        "memory_clock_rate": 3_201_000,
        "memory_bus_width": 6144,
    }
    real = getattr(torch._C, "_CudaDeviceProperties", None)
    if real is not None:  # a build without CUDA does not have the type
        missing = values.keys() - set(dir(real)) - {"memory_clock_rate", "memory_bus_width"}
        assert not missing
    return SimpleNamespace(**values)


def test_a_gpu_is_driven_by_its_index(cuda: mock.NonCallableMagicMock) -> None:
    device = available.get("cuda:1")
    device.synchronize()
    cuda.set_device.assert_called_once_with(1)
    cuda.synchronize.assert_called_once_with()
    with pytest.raises(available.DeviceError, match="cuda has 2"):
        available.get("cuda:2")


def test_memory_is_counted_in_cuda_s_own_terms(cuda: mock.NonCallableMagicMock) -> None:
    device = available.get("cuda")
    assert device.allocator_counts() == (3, 1)
    assert device.peak_memory_bytes(lambda _: None) == 1234
    cuda.reset_peak_memory_stats.assert_called_once_with()
    device.empty_cache()
    cuda.empty_cache.assert_called_once_with()


@pytest.mark.usefixtures("cuda")
def test_facts_name_the_gpu() -> None:
    facts = available.get("cuda").facts()
    assert facts["name"] == "Test GPU"
    assert facts["memory_bytes"] == 2**37
    assert (facts["capability"], facts["l2_bytes"], facts["uuid"]) == ("9.0", 60 * 2**20, UUID)
    assert "simulated" not in facts


def test_a_queue_is_held_by_sleep(cuda: mock.NonCallableMagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    device = available.get("cuda")
    monkeypatch.setattr(device.module.Event, "elapsed_time", cycles_ms(cuda))
    assert device.hold_cycles_per_s == pytest.approx(1e9)
    timed = device.time("device", lambda _: None, 10)
    assert timed.notes == ()
    held = cuda._sleep.call_args.args
    assert held == (int((FIRST_HOLD_S + 10 * FIRST_HOLD_PER_CALL_S) * device.hold_cycles_per_s),)
    inspect.signature(cuda._sleep).bind(*held)


def cycles_ms(cuda: mock.NonCallableMagicMock) -> Any:
    """Elapsed time as if the last sleep had run at 1 GHz."""

    def elapsed_time(self: object, end: object) -> float:
        del self, end
        return cuda._sleep.call_args.args[0] / 1e6 if cuda._sleep.call_args else 0.0

    return elapsed_time


def test_a_queue_that_ran_dry_has_no_device_time(
    cuda: mock.NonCallableMagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecordedEvent, "reached", True)
    monkeypatch.setattr(RecordedEvent, "elapsed_time", cycles_ms(cuda))
    assert available.get("cuda").time("device", lambda _: None, 10).notes == ("queue_ran_dry",)


def test_a_flush_first_used_in_inference_mode_serves_outside_it(
    cuda: mock.NonCallableMagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda _size, dtype, device: empty(8, dtype=dtype))  # noqa: ARG005
    with torch.inference_mode():
        flush = cuda_extras.cache_flush.__wrapped__("cuda")
        flush()
    flush()
    cuda.get_device_properties.assert_called_with("cuda")


def test_a_cold_block_flushes_twice_the_cache(
    cuda: mock.NonCallableMagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RecordedEvent, "elapsed_time", cycles_ms(cuda))
    device = available.get("cuda")
    assert device.hold_cycles_per_s
    monkeypatch.setattr(RecordedEvent, "elapsed_time", lambda *_: 2.0)
    buffer = mock.create_autospec(torch.Tensor, instance=True)
    with mock.patch.object(torch, "empty", return_value=buffer) as empty:
        timed = device.time("cold", lambda _: None, 10)
    empty.assert_called_once_with(120 * 2**20, dtype=torch.int8, device="cuda")
    assert buffer.zero_.call_count == 10
    assert timed.device_s == pytest.approx(10 * 2e-3)


@pytest.mark.usefixtures("cuda")
def test_nominal_bandwidth_is_two_transfers_a_clock() -> None:
    assert cuda_extras.nominal_bytes_per_s("cuda") == pytest.approx(4.917e12, rel=1e-3)
    assert cuda_extras.nominal_bytes_per_s("cpu") is None


# A GPU that is there and cannot be used.


def gpu_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cuda_extras, "_nvidia_gpu_is_there", lambda: True)


def test_a_build_without_cuda_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_is_there(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", None)
    reason = cuda_extras.unusable()
    assert reason is not None
    assert "an NVIDIA GPU is there, but torch" in reason
    assert "built without CUDA; install a CUDA build" in reason


def test_a_driver_too_old_is_named(cuda: mock.NonCallableMagicMock, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_is_there(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    cuda.init.side_effect = RuntimeError("The NVIDIA driver on your system is too old (found version 12020).")
    reason = cuda_extras.unusable()
    assert reason is not None
    assert "too old (found version 12020)" in reason
    assert "update the driver, or install a CUDA build for an older driver" in reason
    assert "BENCH_TORCH_INDEX=https://download.pytorch.org/whl/cu" in reason


def test_without_torch_a_gpu_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_is_there(monkeypatch)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "torch is not installed" in (cuda_extras.unusable() or "")


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_that_was_hidden_is_no_gpu(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_is_there(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert cuda_extras.unusable() is None


@pytest.mark.parametrize(
    ("returncode", "output", "there"), [(0, "GPU 0: X (UUID: GPU-1)\n", True), (9, "", False), (0, "", False)]
)
def test_nvidia_smi_is_asked_where_there_is_no_device_file(
    returncode: int, output: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    answer = SimpleNamespace(returncode=returncode, stdout=output)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert cuda_extras._nvidia_gpu_is_there() is there

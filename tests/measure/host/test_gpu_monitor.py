"""GPU samples and modes against NVML's own signatures."""

import math
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from unittest import mock

import psutil
import pytest

from bench.disturbance import DISTURBING
from bench.events import GpuSample
from bench.measure.host import gpu_monitor
from bench.measure.host.gpu_monitor import exclusive

UUID = "GPU-0123"


class Nvml:
    """NVML of a machine with one GPU, whose compute mode is `mode`."""

    NVML_COMPUTEMODE_EXCLUSIVE_PROCESS = 3

    class NVMLError(Exception):
        pass

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - NVML's name
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVML's name
        return index

    def nvmlDeviceGetUUID(self, _handle: int) -> str:  # noqa: N802 - NVML's name
        return "GPU-1"

    def nvmlDeviceGetComputeMode(self, _handle: int) -> int:  # noqa: N802 - NVML's name
        return self.mode

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        pass


@pytest.mark.parametrize(("mode", "expected"), [(0, []), (3, ["cuda:0"])])
def test_gpu_that_admits_one_process_is_told(
    monkeypatch: pytest.MonkeyPatch, mode: int, expected: list[str]
) -> None:
    monkeypatch.setattr("bench.measure.host.gpu_monitor.started_nvml", lambda: nullcontext(Nvml(mode)))
    assert exclusive({"GPU-1": "cuda:0", "GPU-2": "cuda:1"}) == expected


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> mock.NonCallableMagicMock:
    """`pynvml` with its own signatures: one GPU, warm and capped, used by one process from before."""
    pynvml = pytest.importorskip("pynvml")
    module: mock.NonCallableMagicMock = mock.create_autospec(pynvml, instance=True)
    module.NVMLError = pynvml.NVMLError
    for name, value in vars(pynvml).items():
        if isinstance(value, int):
            setattr(module, name, value)
    module.nvmlDeviceGetCount.return_value = 1
    module.nvmlDeviceGetUUID.return_value = UUID
    clocks = {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 3201}
    module.nvmlDeviceGetClockInfo.side_effect = lambda _, kind: clocks[kind]
    module.nvmlDeviceGetPowerUsage.return_value = 700_000
    module.nvmlDeviceGetTemperature.return_value = 81
    module.nvmlDeviceGetCurrentClocksThrottleReasons.return_value = 0
    module.nvmlDeviceGetComputeRunningProcesses.return_value = []
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def one_sample(monitor: gpu_monitor.GpuMonitor) -> GpuSample:
    (handle,) = monitor._handles.values()
    return monitor._sample(UUID, handle)


@pytest.fixture
def idle_monitor(nvml: mock.NonCallableMagicMock) -> Iterator[gpu_monitor.GpuMonitor]:
    """A monitor whose thread does not get to sample by itself."""
    del nvml
    with gpu_monitor.GpuMonitor({UUID: "cuda"}, period_s=3600) as monitor:
        yield monitor


def test_a_sample_is_in_si_units(idle_monitor: gpu_monitor.GpuMonitor) -> None:
    sample = one_sample(idle_monitor)
    assert math.isfinite(sample.start_s)
    assert sample == GpuSample(
        device="cuda",
        uuid=UUID,
        start_s=sample.start_s,
        sm_hz=1.98e9,
        memory_hz=3.201e9,
        power_w=700.0,
        temperature_c=81,
    )


def test_throttle_bits_are_those_of_nvml(nvml: mock.NonCallableMagicMock) -> None:
    pynvml = pytest.importorskip("pynvml")
    del nvml
    spelled = {
        "ApplicationsClocksSetting": "applications_clocks",
        "SwPowerCap": "power_cap",
        "HwSlowdown": "hw_slowdown",
        "SyncBoost": "sync_boost",
        "SwThermalSlowdown": "sw_thermal_slowdown",
        "HwThermalSlowdown": "hw_thermal_slowdown",
        "HwPowerBrakeSlowdown": "hw_power_brake",
        "DisplayClockSetting": "display_clocks",
    }
    bits = {getattr(pynvml, f"nvmlClocksThrottleReason{name}"): ours for name, ours in spelled.items()}
    assert bits == gpu_monitor.THROTTLE_REASONS
    assert set(spelled.values()) > DISTURBING
    assert "power_cap" not in DISTURBING


def test_reasons_for_throttling_are_named(
    idle_monitor: gpu_monitor.GpuMonitor, nvml: mock.NonCallableMagicMock
) -> None:
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons.return_value = 0x01 | 0x04 | 0x20
    assert one_sample(idle_monitor).throttle == ("power_cap", "sw_thermal_slowdown")


def test_what_a_gpu_does_not_tell_is_none(
    idle_monitor: gpu_monitor.GpuMonitor, nvml: mock.NonCallableMagicMock
) -> None:
    for name in (
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetComputeRunningProcesses",
    ):
        getattr(nvml, name).side_effect = nvml.NVMLError(3)  # not supported
    sample = one_sample(idle_monitor)
    assert (sample.power_w, sample.temperature_c, sample.foreign_processes) == (None, None, 0)


def test_others_on_the_gpu_are_counted(nvml: mock.NonCallableMagicMock) -> None:
    """There before, or visible and outside our tree; neither our own nor a number that means nothing here."""
    parent, unknown, before = psutil.Process().ppid(), 2**30, 2**30 + 1
    nvml.nvmlDeviceGetComputeRunningProcesses.return_value = [SimpleNamespace(pid=before)]
    with gpu_monitor.GpuMonitor({UUID: "cuda"}, period_s=3600) as monitor:
        nvml.nvmlDeviceGetComputeRunningProcesses.return_value = [
            SimpleNamespace(pid=pid) for pid in (before, parent, unknown, psutil.Process().pid)
        ]
        assert one_sample(monitor).foreign_processes == 2


def test_a_gpu_of_another_number_is_not_sampled(nvml: mock.NonCallableMagicMock) -> None:
    with gpu_monitor.GpuMonitor({"GPU-other": "cuda"}) as monitor:
        assert monitor.samples() == []
    assert monitor.note == "clocks and power were not read: NVML does not list GPU-other"
    nvml.nvmlShutdown.assert_called_once_with()


@pytest.mark.usefixtures("nvml")
def test_samples_are_handed_out_once() -> None:
    with gpu_monitor.GpuMonitor({UUID: "cuda"}, period_s=0.001) as monitor:
        while not (samples := monitor.samples()):
            pass
    assert samples[0].uuid == UUID
    monitor.samples()
    assert monitor.samples() == []


def test_without_nvml_nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with gpu_monitor.GpuMonitor({UUID: "cuda"}) as monitor:
        assert monitor.samples() == []
    assert monitor.note is not None
    assert "nvidia-ml-py" in monitor.note


def test_without_a_driver_nothing_is_sampled(nvml: mock.NonCallableMagicMock) -> None:
    nvml.nvmlInit.side_effect = nvml.NVMLError(9)  # driver not loaded
    with gpu_monitor.GpuMonitor({UUID: "cuda"}) as monitor:
        pass
    assert monitor.note is not None
    assert "NVML" in monitor.note


def test_without_gpus_there_is_nothing_to_say() -> None:
    with gpu_monitor.GpuMonitor({}) as monitor:
        pass
    assert (monitor.note, monitor.samples()) == (None, [])

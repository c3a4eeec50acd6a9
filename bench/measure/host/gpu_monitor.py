"""What NVIDIA GPUs do while a run is measured: clocks, power, throttling, other people's processes.

The coordinator samples them through NVML (the package nvidia-ml-py), about ten times a second, beside the
workers. A power cap is only a label: it is how the card works. Thermal throttling is a disturbance.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psutil

from bench.events import GpuSample

PERIOD_S = 0.1

# nvml.h: nvmlClocksThrottleReason*, which newer drivers also call nvmlClocksEventReason*.
THROTTLE_REASONS = {
    0x02: "applications_clocks",
    0x04: "power_cap",
    0x08: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake",
    0x100: "display_clocks",
}
"""Bit 1, idle, is left out: it says that nothing runs."""


class GpuMonitor:
    """A context in which the GPUs of `devices` (name by UUID) are sampled in a thread.

    Without NVML, or without any of those GPUs, it samples nothing and `note` says why.
    """

    def __init__(self, devices: Mapping[str, str], period_s: float = PERIOD_S) -> None:
        self.note: str | None = None
        self._devices = devices
        self._period_s = period_s
        self._samples: deque[GpuSample] = deque()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped, name="gpu-monitor", daemon=True)
        self._nvml: Any = None
        self._handles: dict[str, Any] = {}
        self._there_before: dict[str, set[int]] = {}

    def __enter__(self) -> Self:
        if not self._devices:
            return self
        try:
            self._nvml = _start_nvml()
        except RuntimeError as problem:
            self.note = f"clocks, power and other users of the GPU were not read: {problem}"
            return self
        self._handles = _handles_by_uuid(self._nvml, self._devices)
        self._there_before = {uuid: self._processes(handle) for uuid, handle in self._handles.items()}
        if self._handles:
            self._thread.start()
        else:
            self.note = f"clocks and power were not read: NVML does not list {', '.join(self._devices)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._nvml is not None:
            self._nvml.nvmlShutdown()

    def samples(self) -> list[GpuSample]:
        """The samples taken since the last call."""
        return [self._samples.popleft() for _ in range(len(self._samples))]

    def _sample_until_stopped(self) -> None:
        while not self._stopped.wait(self._period_s):
            for uuid, handle in self._handles.items():
                self._samples.append(self._sample(uuid, handle))

    def _sample(self, uuid: str, handle: Any) -> GpuSample:
        """One reading; what this GPU does not tell is None."""
        nvml = self._nvml
        reasons = _reading(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        return GpuSample(
            device=self._devices[uuid],
            uuid=uuid,
            start_s=time.monotonic(),
            sm_hz=_scaled(_reading(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM), 1e6),
            memory_hz=_scaled(_reading(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM), 1e6),
            power_w=_scaled(_reading(nvml, nvml.nvmlDeviceGetPowerUsage, handle), 1e-3),
            temperature_c=_reading(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            throttle=tuple(name for bit, name in THROTTLE_REASONS.items() if (reasons or 0) & bit),
            foreign_processes=len(self._foreign(uuid, handle)),
        )

    def _processes(self, handle: Any) -> set[int]:
        listed = _reading(self._nvml, self._nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        return {process.pid for process in listed or ()}

    def _foreign(self, uuid: str, handle: Any) -> set[int]:
        """Compute processes of others: there before our own began, or seen here outside our tree.

        In a container NVML may list numbers from outside it; one that appears later and that is no
        process here can be our own, and is not counted.
        """
        listed = self._processes(handle)
        return {pid for pid in listed if pid in self._there_before[uuid] or _outside_our_tree(pid)}


def exclusive(devices: Mapping[str, str]) -> list[str]:
    """Those of the `devices` (name by UUID) that admit one process at a time, as far as NVML tells."""
    try:
        nvml = _start_nvml()
    except RuntimeError:
        return []
    try:
        return [
            devices[uuid]
            for uuid, handle in _handles_by_uuid(nvml, devices).items()
            if _reading(nvml, nvml.nvmlDeviceGetComputeMode, handle)
            == nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS
        ]
    finally:
        nvml.nvmlShutdown()


def _outside_our_tree(pid: int) -> bool:
    own = psutil.Process()
    try:
        process = psutil.Process(pid)
        return process != own and own not in process.parents()
    except psutil.Error:
        return False


def _start_nvml() -> Any:
    """The module pynvml, started. Raises RuntimeError with the reason where it cannot be."""
    try:
        import pynvml
    except ImportError:
        raise RuntimeError("NVML needs the package nvidia-ml-py") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise RuntimeError(f"NVML: {error}") from None
    return pynvml


def _handles_by_uuid(nvml: Any, devices: Mapping[str, str]) -> dict[str, Any]:
    handles = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(nvml.NVMLError):  # a GPU that fell off the bus
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            handles[nvml.nvmlDeviceGetUUID(handle)] = handle
    return {uuid: handle for uuid, handle in handles.items() if uuid in devices}


def _reading(nvml: Any, read: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except nvml.NVMLError:
        return None


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor

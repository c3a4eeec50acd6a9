"""What NVIDIA GPUs do, by NVML (the package nvidia-ml-py): clocks, power, throttling, other processes.

While a run is measured the coordinator samples them about ten times a second, beside the workers.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import psutil

from bench.events import GpuSample

PERIOD_S = 0.1

# nvml.h: nvmlClocksThrottleReason*, which newer drivers also call nvmlClocksEventReason*.
THROTTLE_REASONS = {
    0x02: "applications_clocks", 0x04: "power_cap", 0x08: "hw_slowdown", 0x10: "sync_boost",
    0x20: "sw_thermal_slowdown", 0x40: "hw_thermal_slowdown", 0x80: "hw_power_brake", 0x100: "display_clocks",
}  # fmt: skip
"""Bit 1, idle, is left out: it says that nothing runs."""


@dataclass(frozen=True)
class Gpu:
    """A GPU is what NVML says of one: ids of the processes that compute on it, why its clock is held down,
    and whether the driver keeps it ready when nobody does."""

    name: str
    users: tuple[int, ...] = ()
    throttle: tuple[str, ...] = ()
    persistent: bool | None = None


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
        self._open = ExitStack()
        self._nvml: Any = None
        self._handles: dict[str, Any] = {}
        self._there_before: dict[str, set[int]] = {}

    def __enter__(self) -> Self:
        if not self._devices:
            return self
        try:
            self._nvml = self._open.enter_context(started_nvml())
        except RuntimeError as problem:
            self.note = f"clocks, power and other users of the GPU were not read: {problem}"
            return self
        self._handles = _handles_by_uuid(self._nvml, self._devices)
        self._there_before = {uuid: set(_users(self._nvml, handle)) for uuid, handle in self._handles.items()}
        if self._handles:
            self._thread.start()
        else:
            self.note = f"clocks and power were not read: NVML does not list {', '.join(self._devices)}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._open.close()

    def samples(self) -> list[GpuSample]:
        """The samples taken since the last call."""
        return [self._samples.popleft() for _ in range(len(self._samples))]

    def _sample_until_stopped(self) -> None:
        while not self._stopped.wait(self._period_s):
            for uuid, handle in self._handles.items():
                self._samples.append(self._sample(uuid, handle))

    def _sample(self, uuid: str, handle: Any) -> GpuSample:
        """One reading; what this GPU does not say is None."""
        nvml = self._nvml
        return GpuSample(
            device=self._devices[uuid],
            uuid=uuid,
            start_s=time.monotonic(),
            sm_hz=_reading(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM, scale=1e6),
            memory_hz=_reading(nvml, nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM, scale=1e6),
            power_w=_reading(nvml, nvml.nvmlDeviceGetPowerUsage, handle, scale=1e-3),
            temperature_c=_reading(nvml, nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            throttle=_throttle(nvml, handle),
            # Others' were there before our own began, or are seen here outside our tree. In a container NVML
            # may list numbers from outside it: one that appears later, and is no process here, can be ours.
            foreign_processes=sum(
                pid in self._there_before[uuid] or _outside_our_tree(pid) for pid in _users(nvml, handle)
            ),
        )


def exclusive(devices: Mapping[str, str]) -> list[str]:
    """Those of the `devices` (name by UUID) that admit one process at a time, as far as NVML says."""
    with suppress(RuntimeError), started_nvml() as nvml:
        handles = _handles_by_uuid(nvml, devices).items()
        modes = {uuid: _reading(nvml, nvml.nvmlDeviceGetComputeMode, handle) for uuid, handle in handles}
        alone = nvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS
        return [devices[uuid] for uuid, mode in modes.items() if mode == alone]
    return []


def nvidia_gpus() -> list[Gpu]:
    """The NVIDIA GPUs of this machine; none where NVML or its package is missing."""
    with suppress(RuntimeError), started_nvml() as nvml:
        handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
        return [_gpu(nvml, handle) for handle in handles]
    return []


def _gpu(nvml: Any, handle: Any) -> Gpu:
    persistent = _reading(nvml, nvml.nvmlDeviceGetPersistenceMode, handle)
    return Gpu(
        nvml.nvmlDeviceGetName(handle),
        _users(nvml, handle),
        _throttle(nvml, handle),
        None if persistent is None else bool(persistent),
    )


def _users(nvml: Any, handle: Any) -> tuple[int, ...]:
    """The processes that compute on a GPU, by number."""
    listed = _reading(nvml, nvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return tuple(process.pid for process in listed or ())


def _throttle(nvml: Any, handle: Any) -> tuple[str, ...]:
    """Why a GPU's clock is held down."""
    reasons = _reading(nvml, nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
    return tuple(name for bit, name in THROTTLE_REASONS.items() if reasons & bit)


def _outside_our_tree(pid: int) -> bool:
    with suppress(psutil.Error):
        own, process = psutil.Process(), psutil.Process(pid)
        return process != own and own not in process.parents()
    return False


@contextmanager
def started_nvml() -> Iterator[Any]:
    """The module pynvml while it is started. Raises RuntimeError with the reason where it cannot be."""
    try:
        import pynvml
    except ImportError:
        raise RuntimeError("NVML needs the package nvidia-ml-py") from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise RuntimeError(f"NVML: {error}") from None
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handles_by_uuid(nvml: Any, devices: Mapping[str, str]) -> dict[str, Any]:
    handles = {}
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(nvml.NVMLError):  # a GPU that fell off the bus
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            handles[nvml.nvmlDeviceGetUUID(handle)] = handle
    return {uuid: handle for uuid, handle in handles.items() if uuid in devices}


def _reading(nvml: Any, read: Callable[..., Any], *arguments: Any, scale: float | None = None) -> Any:
    """What NVML says, in our unit; None where it does not say."""
    try:
        value = read(*arguments)
    except nvml.NVMLError:
        return None
    return value if scale is None else value * scale

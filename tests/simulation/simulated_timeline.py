"""The clockwork of the simulated accelerator: where host and device are in time, and what takes how long."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Parameters:
    """What the simulated machine takes for what. The last group counts with a virtual clock only."""

    fixed_s: float = 4e-6
    flops_per_s: float = 2e12
    bytes_per_s: float = 200e9
    copy_latency_s: float = 20e-6
    copy_bytes_per_s: float = 5e8
    first_use_s: float = 0.05
    cycles_per_s: float = 1e9
    queue_length: int = 1000
    memory_bytes: int = 16 * 2**30

    virtual: bool = False
    launch_s: float = 10e-6
    synchronize_s: float = 5e-6
    event_s: float = 1e-6


LATE_S = 5e-3
"""How late a sleep may come back (a kernel tick is 1 to 4 ms): the last of a wait is spun away instead."""


class Timeline:
    """When the host is, and until when the device is busy. All times are seconds of `clock`."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.free_s = 0.0
        self.initialized = False
        self.observer: Callable[[str, float, float], object] | None = None
        self._host_s = 0.0
        self._ends: deque[float] = deque()

    def clock(self) -> float:
        return self._host_s if self.parameters.virtual else time.perf_counter()

    def charge(self, seconds: float) -> None:
        """The host works for so long; only virtual time needs to be told."""
        self._host_s += seconds

    def wait_until(self, moment_s: float) -> None:
        if self.parameters.virtual:
            self._host_s = max(self._host_s, moment_s)
            return
        while (left_s := moment_s - time.perf_counter()) > 0:
            if left_s > LATE_S:
                time.sleep(left_s - LATE_S)

    def first_use(self) -> None:
        if not self.initialized:
            self.initialized = True
            self.wait_until(self.clock() + self.parameters.first_use_s)

    def queue(self, seconds: float, name: str = "sleep") -> float:
        """Puts work behind what is queued, waiting for room; returns when it will be done."""
        self.first_use()
        self.charge(self.parameters.launch_s)
        if len(self._ends) >= self.parameters.queue_length:
            self.wait_until(self._ends[0])
        now_s = self.clock()
        while self._ends and self._ends[0] <= now_s:
            self._ends.popleft()
        self.free_s = max(self.free_s, now_s) + seconds
        self._ends.append(self.free_s)
        if self.observer:
            self.observer(name, self.free_s - seconds, self.free_s)
        return self.free_s

    def synchronize(self) -> None:
        self.charge(self.parameters.synchronize_s)
        self.wait_until(self.free_s)


timeline = Timeline(Parameters())


class Allocator:
    """Memory counters like CUDA's: freed memory is kept, and only growth goes to the device."""

    def __init__(self) -> None:
        self.allocated = self.peak = self.reserved = self.device_allocations = 0

    def take(self, size: int) -> None:
        self.allocated += size
        self.peak = max(self.peak, self.allocated)
        if self.allocated > timeline.parameters.memory_bytes:
            self.allocated -= size
            raise torch.OutOfMemoryError(f"simulated device out of memory: tried to allocate {size} bytes")
        if self.allocated > self.reserved:
            self.reserved = self.allocated
            self.device_allocations += 1

    def give(self, size: int) -> None:
        self.allocated -= size


allocator = Allocator()


class Event:
    """A mark in the queue; it raises where a CUDA event does."""

    def __init__(self, device: object = None, *, enable_timing: bool = False, **_options: object) -> None:
        del device
        self._timing = enable_timing
        self._moment_s: float | None = None

    def record(self, stream: object = None) -> None:
        del stream
        timeline.first_use()
        timeline.charge(timeline.parameters.event_s)
        self._moment_s = max(timeline.free_s, timeline.clock())

    def query(self) -> bool:
        return self._moment_s is None or self._moment_s <= timeline.clock()

    def synchronize(self) -> None:
        if self._moment_s is not None:
            timeline.wait_until(self._moment_s)

    def elapsed_time(self, end_event: "Event") -> float:
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._moment_s is None or end_event._moment_s is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("device not ready")
        return (end_event._moment_s - self._moment_s) * 1e3


def compute_s(flops: float) -> float:
    """The device time of a product or convolution."""
    return timeline.parameters.fixed_s + flops / timeline.parameters.flops_per_s


def memory_s(size: float) -> float:
    """The device time of an operation that reads and writes `size` bytes in all."""
    return timeline.parameters.fixed_s + size / timeline.parameters.bytes_per_s


def copy_s(size: float) -> float:
    """The time of a copy of `size` bytes between host and device."""
    return timeline.parameters.copy_latency_s + size / timeline.parameters.copy_bytes_per_s

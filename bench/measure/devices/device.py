"""What a device is, and how a stretch of calls on it is timed.

A device is driven through `torch.get_device_module(name)` alone: `synchronize`, `Event`, memory counters
where the module has them. The processor is the device `cpu`; it needs no torch. Nothing here starts an
accelerator before it is first used.
"""

import gc
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import repeat
from types import SimpleNamespace
from typing import Any

from bench.measure.devices import cuda_extras
from bench.measure.originals import time
from bench.records import Kind

Loop = Callable[[int], object]
"""Makes so many calls back to back."""

clock: Callable[[], float] = partial(time.perf_counter)
"""Seconds, for everything that is timed. A test with virtual time puts its own clock here. It is a partial
since tools that freeze time replace the clock itself in every module."""

MAX_LAUNCHES = 500
"""Calls in a device block. A CUDA queue holds 500 (an H200's, read) to 1 000 launches; a full one makes the
host wait for the hold to end, and the queue then counts as run dry."""

FIRST_HOLD_S = 0.5e-3
FIRST_HOLD_PER_CALL_S = 40e-6
"""The first guess of a hold: twice the 20 µs or so that launching one operation from Python takes."""

MAX_HOLD_S = 1.0
"""Beyond this a queue is not held: a device that spins for seconds may meet the driver's watchdog."""


@dataclass(frozen=True)
class Timed:
    """The seconds a stretch of calls took: as a whole, until the last call returned, on the device.

    `host_s` is None on the processor, `device_s` where the device's own time was not read.
    """

    wall_s: float
    host_s: float | None = None
    device_s: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Device:
    """A device by the name that torch gives it. Get one with `get`, which checks that it is there."""

    name: str

    @property
    def is_accelerator(self) -> bool:
        return self.name != "cpu"

    @cached_property
    def module(self) -> Any:
        """What drives the device: torch's module for it, with the device's index made the current one."""
        if not self.is_accelerator:
            return SimpleNamespace(synchronize=lambda: None)
        import torch

        device = torch.device(self.name)
        module = torch.get_device_module(device)
        if device.index is not None and hasattr(module, "set_device"):
            module.set_device(device.index)
        return module

    def synchronize(self) -> None:
        """Returns when all work queued on the device is done."""
        self.module.synchronize()

    def synchronized_clock(self) -> float:
        """The clock, once all work queued on the device is done."""
        self.synchronize()
        return clock()

    def initialize(self) -> float:
        """Uses the device for the first time; returns the seconds that this took."""
        if not self.is_accelerator:
            return 0.0
        import torch

        start_s = clock()
        torch.zeros(1, device=self.name)
        self.synchronize()
        return clock() - start_s

    @cached_property
    def has_events(self) -> bool:
        """True where events have times: `record` may succeed where `elapsed_time` does not work."""
        try:
            elapsed_s, _ = self.by_both_clocks(lambda _: None, 1)
        except (AttributeError, AssertionError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False
        return math.isfinite(elapsed_s) and elapsed_s >= 0

    @property
    def sleep(self) -> Callable[[int], object] | None:
        """What keeps the device busy for so many cycles; None where it has nothing like it, or no events."""
        from bench.measure import compat  # it imports pytest, which only workers need

        return compat.sleep(self.module) if self.has_events else None

    @cached_property
    def hold_cycles_per_s(self) -> float | None:
        """Cycles of `sleep` in a second, by the device's events; None where its queue cannot be held."""
        if self.sleep is None:
            return None
        self.by_both_clocks(self.sleep, 20_000_000)  # brings the clocks up from idle
        short_s, long_s = (self.by_both_clocks(self.sleep, cycles)[0] for cycles in (1_000_000, 3_000_000))
        return 2_000_000 / (long_s - short_s) if long_s > short_s else None

    def by_both_clocks(self, run: Loop, calls: int) -> tuple[float, float]:
        """The seconds that so many calls took, by the device's events and by the host's clock."""
        start, end = self.event(), self.event()
        self.synchronize()
        start_s = clock()
        start.record()
        run(calls)
        end.record()
        self.synchronize()
        wall_s = clock() - start_s
        return float(start.elapsed_time(end)) / 1e3, wall_s

    def time(self, kind: Kind, run: Loop, calls: int) -> Timed:
        """Times one block of `calls` calls, with garbage collection off.

        A `device` or `cold` block's `wall_s` includes what holds and flushes took. Raises ValueError
        where a device block would launch more than the queue holds.
        """
        time_block = {"latency": self._latency, "device": self._device, "cold": self._cold}
        with no_garbage_collection():
            if self.is_accelerator:
                return time_block.get(kind, self._wall)(run, calls)
            start_s = clock()
            run(calls)
            return Timed(clock() - start_s)

    def _wall(self, run: Loop, calls: int) -> Timed:
        """Synchronize; the calls; synchronize."""
        self.synchronize()
        start_s = clock()
        run(calls)
        returned_s = clock()
        self.synchronize()
        return Timed(wall_s=clock() - start_s, host_s=returned_s - start_s)

    def _latency(self, run: Loop, calls: int) -> Timed:
        """Each call followed by its own synchronization."""
        synchronize = self.module.synchronize
        synchronize()
        start_s = clock()
        for _ in repeat(None, calls):
            run(1)
            synchronize()
        return Timed(wall_s=clock() - start_s)

    def _device(self, run: Loop, calls: int) -> Timed:
        """The calls between two events, all queued before the device starts on the first."""

        def enqueue() -> tuple[Any, Any, float]:
            start, end = self.event(), self.event()
            start.record()
            called_s = clock()
            run(calls)
            returned_s = clock()
            end.record()
            return start, [(start, end)], returned_s - called_s

        return self._while_held(enqueue, run, calls, launches=calls)

    def _cold(self, run: Loop, calls: int) -> Timed:
        """Each call between its own two events, after a flush of the last-level cache."""
        flush = cuda_extras.cache_flush(self.name)
        if flush is None:
            return replace(self._wall(run, calls), notes=("no_flush",))

        def enqueue() -> tuple[Any, Any, float]:
            pairs = [(self.event(), self.event()) for _ in range(calls)]
            called_s = clock()
            for start, end in pairs:
                flush()
                start.record()
                run(1)
                end.record()
            return pairs[0][0], pairs, clock() - called_s

        return self._while_held(enqueue, run, calls, launches=2 * calls)

    def _while_held(
        self, enqueue: Callable[[], tuple[Any, Any, float]], run: Loop, calls: int, launches: int
    ) -> Timed:
        """Times what `enqueue` puts between pairs of events while the queue is held.

        `enqueue` returns the first event, the pairs, and the seconds it took. The device's time holds
        only if that first event is still to come when all is queued: else the queue ran dry, and gaps
        between launches would count as work. After a hold that was too short, one longer one is tried.
        """
        if launches > MAX_LAUNCHES:
            raise ValueError(
                f"a device block of {launches} launches; the queue is filled up to {MAX_LAUNCHES}"
            )
        if not self.has_events:
            return replace(self._wall(run, calls), notes=("no_events",))
        can_hold = self.hold_cycles_per_s is not None
        hold_s = FIRST_HOLD_S + launches * FIRST_HOLD_PER_CALL_S
        for again in (can_hold, False):
            self.synchronize()
            start_s = clock()
            self._hold(hold_s)
            first, pairs, host_s = enqueue()
            ran_dry = first.query()
            self.synchronize()
            wall_s = clock() - start_s
            if not ran_dry:
                device_s = sum(start.elapsed_time(end) for start, end in pairs) / 1e3
                return Timed(wall_s, host_s, device_s)
            longer_s = 3 * host_s  # twice the time to queue the calls, and a margin
            if not again or not hold_s < longer_s <= MAX_HOLD_S:
                break
            hold_s = longer_s
        return Timed(wall_s, host_s, None, ("queue_ran_dry",))

    def _hold(self, seconds: float) -> None:
        """Keeps the device from starting on what is queued next; nothing where it offers no such way."""
        if self.sleep is not None and self.hold_cycles_per_s is not None:
            self.sleep(int(seconds * self.hold_cycles_per_s))

    def event(self) -> Any:
        """An event of the device that can be timed, where `has_events`."""
        return self.module.Event(enable_timing=True)

    def peak_memory_bytes(self, run: Loop) -> int | None:
        """The most memory allocated on the device during one call; None where it does not count."""
        if not hasattr(self.module, "max_memory_allocated"):
            return None
        self.synchronize()
        self.module.reset_peak_memory_stats()
        run(1)
        self.synchronize()
        return int(self.module.max_memory_allocated())

    @property
    def allocated(self) -> Callable[[], int] | None:
        """What says how many bytes are allocated on the device; None where it does not count."""
        return getattr(self.module, "memory_allocated", None)

    def allocator_counts(self) -> tuple[int, ...]:
        """How often the allocator went to the device itself; () where it does not count."""
        module = self.module
        stats = getattr(module, "memory_stats_as_nested_dict", getattr(module, "memory_stats", None))
        if stats is None:
            return ()
        counted: Mapping[str, Any] = stats()
        return counted.get("num_device_alloc", 0), counted.get("num_alloc_retries", 0)

    def empty_cache(self) -> None:
        """Gives unused memory back to the device, where its module can."""
        getattr(self.module, "empty_cache", lambda: None)()

    def facts(self) -> dict[str, str | int | float | bool]:
        """What the device says of itself; what it does not say is left out."""
        if not self.is_accelerator:
            return {}
        module = self.module
        facts: dict[str, str | int | float | bool] = {}
        if hasattr(module, "get_device_name"):
            facts["name"] = str(module.get_device_name())
        if hasattr(module, "get_device_properties"):
            facts["memory_bytes"] = int(getattr(module.get_device_properties(), "total_memory", 0))
        if getattr(module, "simulated", False):
            facts["simulated"] = True
        if self.name.partition(":")[0] == "cuda":
            facts |= cuda_extras.facts(self.name)
        return facts


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keeps Python's collector off meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

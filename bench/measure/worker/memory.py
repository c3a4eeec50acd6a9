"""Memory that a case's calls keep and need, seen in calls that are not timed: tracing makes them slow."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.measure.devices.device import Device, Loop, no_garbage_collection
from bench.measure.host import resident
from bench.measure.originals import time

MOST_CALLS, MOST_S = 8, 0.05
"""Calls that are traced: as many, or as many as fit into this time, and two at least."""

Facts = dict[str, int]


@dataclass(frozen=True)
class Before:
    """What was in use before a case's set-up, in bytes: on its device, of the process's resident memory.

    None where that is not told.
    """

    on_device: int | None = None
    resident: int | None = None

    @classmethod
    def of(cls, target: Device, fresh: bool) -> "Before":
        """As it is now. Resident memory only of a case that is new to the process: it takes milliseconds."""
        allocated = target.allocated
        if target.is_accelerator:
            return cls(on_device=allocated() if allocated else None)
        return cls(resident=resident.data() if fresh else None)


def peak_bytes(run: Loop, target: Device, before: Before) -> int | None:
    """The most that a case needs during one call, above what was in use before its set-up."""
    if target.is_accelerator:
        peak = target.peak_memory_bytes(run)
        return None if peak is None or before.on_device is None else max(peak - before.on_device, 0)
    now = None if before.resident is None else resident.data()
    rise = None if now is None else resident.rise_during(lambda: run(1))
    return None if rise is None or now is None else max(now - (before.resident or 0), 0) + rise


def of_calls(run: Loop, allocated: Callable[[], int] | None) -> Facts:
    """What each call keeps, and on the processor needs at most, in bytes; nothing where it cannot be told.

    `allocated` says how much a device has allocated; without it what Python's allocators gave is counted,
    numpy's arrays among it, but not torch's tensors. What only some calls keep is no growth: a cache that
    fills, a list that makes room ahead. Cycles count, as the collector is off, like in a block.
    """
    if tracemalloc.is_tracing():  # the suite's own
        return {}
    with no_garbage_collection(), _traced():
        run(1)
        grown = list(_growth(run, allocated or _python_bytes))
        before = _python_bytes()
        tracemalloc.reset_peak()
        run(1)
        peak = tracemalloc.get_traced_memory()[1] - before
    kept = {"kept_bytes": max(min(grown), 0)}
    return kept if allocated else {**kept, "peak_memory_bytes": max(peak, 0)}


def _growth(run: Loop, allocated: Callable[[], int]) -> Iterator[int]:
    """What each of some calls added."""
    until_s, before = time.perf_counter() + MOST_S, allocated()
    for call in range(MOST_CALLS):
        if call > 1 and time.perf_counter() > until_s:
            return
        run(1)
        after = allocated()
        yield after - before
        before = after


def _python_bytes() -> int:
    return tracemalloc.get_traced_memory()[0]


@contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()

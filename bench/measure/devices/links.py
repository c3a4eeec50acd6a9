"""Links between host and device: latency and bandwidth, fitted to copies of many sizes."""

from collections.abc import Sequence
from typing import Any

from bench.measure.devices.best import Best
from bench.measure.devices.device import Device, Loop

MAX_COPY_S = 0.0125
"""Sizes grow until a copy takes this long."""

REMINDERS = 3
"""Small copies ahead of each that is timed: after a long one the caches are cold, which adds 0.2 ms."""

NOISE = 0.01
"""Error of a copy's time that grows with it."""

JITTER = 0.3
"""Error of what the host adds to each copy: its pace changes by up to two times from one size to the next.
Without it, a copy of half a megabyte would pull the bandwidth by 2 %."""


def fit_link(sizes: Sequence[float], seconds: Sequence[float]) -> dict[str, float]:
    """Latency and bandwidth of a link, from t = latency + bytes / bandwidth by least squares.

    An error is expected to be `NOISE` of the time, and `JITTER` of the shortest besides, so that small copies
    decide the latency and large ones the bandwidth. The latency is, but for that jitter, no less than the
    shortest copy shows: large copies of ordinary memory get slower, which would pull the line below zero.
    """
    import numpy as np

    times_s = np.asarray(seconds)
    weights = 1 / np.hypot(NOISE * times_s, JITTER * times_s.min())
    rows = np.stack([weights, np.asarray(sizes) * weights], axis=1)
    (latency_s, s_per_byte), *_ = np.linalg.lstsq(rows, times_s * weights, rcond=None)
    shown_s = times_s.min() - sizes[int(times_s.argmin())] * s_per_byte
    least_s = max(0.0, (1 - JITTER) * float(shown_s))
    return {"latency_s": max(least_s, float(latency_s)), "bytes_per_s": float(1 / s_per_byte)}


def links(best: Best) -> dict[str, dict[str, Any]]:
    """Both ways between host and device, for each kind of the host's memory.

    Each has `latency_s` and `bytes_per_s` of the line through all copies, `best_bytes_per_s` of the fastest,
    and the copies themselves: `sizes` in bytes, and `seconds`.
    """
    import torch

    try:
        torch.empty(1).pin_memory()
    except RuntimeError:  # not every device has pinned memory
        memories = {"": False}
    else:
        memories = {"": True, "_pageable": False}
    return {
        f"{way}{memory}": _link(best, f"{way}{memory}", towards_device=way == "to_device", pinned=pinned)
        for memory, pinned in memories.items()
        for way in ("to_device", "to_host")
    }


def _link(best: Best, name: str, *, towards_device: bool, pinned: bool) -> dict[str, Any]:
    remind = _copies(best.device, 2**10, towards_device=towards_device, pinned=pinned)
    sizes, seconds = [], []
    for exponent in range(10, 29, 3):
        copy = _copies(best.device, 2**exponent, towards_device=towards_device, pinned=pinned)
        seconds.append(best.latency(name, copy, ahead=lambda: remind(REMINDERS)))
        sizes.append(2**exponent)
        if seconds[-1] > MAX_COPY_S:
            break
    rates = [size / each_s for size, each_s in zip(sizes, seconds, strict=True)]
    # What was read is kept beside the line: ordinary memory's copies are no straight one.
    return {**fit_link(sizes, seconds), "best_bytes_per_s": max(rates), "sizes": sizes, "seconds": seconds}


def _copies(device: Device, size: int, *, towards_device: bool, pinned: bool) -> Loop:
    """Copies so many bytes between host and device, as often as asked."""
    import torch

    here = torch.ones(size // 4)
    if pinned:
        here = here.pin_memory()
    there = torch.ones(size // 4, device=device.name)
    target, source = (there, here) if towards_device else (here, there)

    def run(k: int) -> None:
        for _ in range(k):
            target.copy_(source)

    return run

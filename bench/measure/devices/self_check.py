"""The self-check of a run on an accelerator: is its time true? Run before anything is measured on it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.measure import compat
from bench.measure.devices import cuda_extras
from bench.measure.devices.device import MAX_LAUNCHES, Device, Loop

HOLD_CYCLES = 10_000_000
"""Some milliseconds on the GPUs of today (5 ms at 2 GHz): long against launches and event costs."""

LONG_S = 0.010
"""A stretch beside which a launch and a synchronization are within the 1 % that is checked."""

TRIALS = 3
"""The best of so many decides: a busy host only ever adds to wall time."""

MAX_TRIPS = 30
"""Trips after which those that are not in order never will be."""


@dataclass(frozen=True)
class Check:
    """A check is one property that true device times have, whether it holds here, and what was read."""

    name: str
    passed: bool
    detail: str


def run(device: Device) -> Iterator[Check]:
    """All checks that the device allows, a few tenths of a second; none for the processor."""
    if not device.is_accelerator:
        return
    work, calls = long_work(device)
    yield synchronization_counts(device, work, calls)
    if device.has_events:
        yield from events_agree_with_wall(device, work, calls)
        if device.sleep is not None and device.hold_cycles_per_s is not None:
            yield holds_are_linear(device, device.sleep)
        elif device.sleep is None and device.name.partition(":")[0] == "cuda":
            yield Check("holds_are_linear", False, str(compat.gone("torch", "cuda._sleep")))
        yield from copies_stay_below_nominal(device)
    else:
        yield Check("events", True, "no events that tell time: synchronized wall time serves")
    yield trips_are_ordered(device)


def long_work(device: Device) -> tuple[Loop, int]:
    """A matrix product, and how many of it take at least LONG_S."""
    import torch

    n = 512
    while True:
        a = torch.randn(n, n, device=device.name)
        product = torch.empty_like(a)

        def work(k: int, a: Any = a, product: Any = product) -> None:
            for _ in range(k):
                torch.matmul(a, a, out=product)

        work(2)
        once_s = device.time("wall", work, 1).wall_s
        if once_s >= LONG_S or n >= 8192:  # 8192: 0.8 GB in all, and 10 ms at 100 TFLOP/s
            return work, min(MAX_LAUNCHES, math.ceil(1.5 * LONG_S / once_s))
        n *= 2


def _products(calls: int) -> str:
    return f"{calls} product{'s' if calls > 1 else ''}"


def synchronization_counts(device: Device, work: Loop, calls: int) -> Check:
    """Without waiting for the device a stretch must read shorter: else launches wait, or waits do not."""
    timed = [device.time("wall", work, calls) for _ in range(TRIALS)]
    host_s, wall_s = min((one.host_s or 0.0, one.wall_s) for one in timed)
    return Check(
        "synchronization_counts",
        host_s < 0.9 * wall_s,
        f"{_products(calls)}: {host_s * 1e3:.3f} ms until queued, {wall_s * 1e3:.3f} ms until done",
    )


def events_agree_with_wall(device: Device, work: Loop, calls: int) -> Iterator[Check]:
    """On a long stretch the device's clock and the host's must agree within 1 %, and never the wrong way."""
    event_s, wall_s = min(
        (device.by_both_clocks(work, calls) for _ in range(TRIALS)),
        key=lambda pair: abs(pair[1] / pair[0] - 1),
    )
    detail = (
        f"{_products(calls)}: {event_s * 1e3:.3f} ms by events, {wall_s * 1e3:.3f} ms by the host's clock"
    )
    yield Check("events_agree_with_wall", abs(event_s / wall_s - 1) <= 0.01, detail)
    yield Check("device_within_wall", event_s <= 1.001 * wall_s, detail)


def holds_are_linear(device: Device, sleep: Loop) -> Check:
    """A hold of twice the cycles must take twice the time, by events and by the host's clock."""
    ratios = []
    for _ in range(TRIALS):
        one, two = (device.by_both_clocks(sleep, cycles) for cycles in (HOLD_CYCLES, 2 * HOLD_CYCLES))
        ratios.append((two[0] / one[0], two[1] / one[1]))
    by_events, by_wall = min(ratios, key=lambda pair: max(abs(pair[0] - 2), abs(pair[1] - 2)))
    return Check(
        "holds_are_linear",
        abs(by_events - 2) <= 0.04 and abs(by_wall - 2) <= 0.04,
        f"twice the cycles held {by_events:.3f} times as long by events, {by_wall:.3f} by the host's clock",
    )


def copies_stay_below_nominal(device: Device) -> Iterator[Check]:
    """A copy on the device cannot be faster than its memory; only where the device states its speed."""
    nominal = cuda_extras.nominal_bytes_per_s(device.name)
    if nominal is None:
        return
    import torch

    source = torch.randn(2**26, device=device.name)
    target = torch.empty_like(source)
    timed = device.time("device", lambda k: [target.copy_(source) for _ in range(k)], 10)
    if timed.device_s is not None:
        rate = 10 * 2 * source.numel() * source.itemsize / timed.device_s
        detail = f"copies at {rate / 1e9:.0f} GB/s of a nominal {nominal / 1e9:.0f} GB/s"
        yield Check("copies_stay_below_nominal", rate <= 1.02 * nominal, detail)


def trips_are_ordered(device: Device) -> Check:
    """A round trip is no faster than a one-way trip, which is no faster than none.

    On a busy host the best of a few trips may be a slow one: it takes many to say that they are not in order.
    """
    import torch

    there = torch.randn(2**20, device=device.name)
    here = torch.randn(2**20)
    trips = (
        lambda _: there * there,
        lambda _: there.copy_(here) * there,
        lambda _: (there.copy_(here) * there).to("cpu"),
    )
    seconds = [math.inf] * len(trips)
    for number in range(MAX_TRIPS):
        latencies_s = (device.time("latency", trip, 1).wall_s for trip in trips)
        seconds = [min(best_s, latency_s) for best_s, latency_s in zip(seconds, latencies_s, strict=True)]
        if number >= 2 * TRIALS and seconds == sorted(seconds):
            break
    return Check(
        "trips_are_ordered",
        seconds == sorted(seconds),
        "4 MB: {:.1f} µs resident, {:.1f} one way, {:.1f} round trip".format(*(s * 1e6 for s in seconds)),
    )

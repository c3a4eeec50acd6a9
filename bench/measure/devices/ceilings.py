"""Ceilings: what a machine's copies, products, launches and links can do at most, as measured on it."""

import math
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.measure.devices import cuda_extras
from bench.measure.devices.best import CLEAN_BLOCKS, Best
from bench.measure.devices.device import MAX_LAUNCHES, Device, Loop
from bench.measure.devices.links import links
from bench.measure.host.processor import caches
from bench.measure.host.system import ROOT

MAX_CALL_S = 0.0125
"""Products grow until one takes this long, so that all ceilings of a device take a few seconds."""

USUAL_CACHES = {"L1": "32K", "L2": "1024K", "L3": "32768K"}
"""Sizes of an ordinary processor's caches, where the system does not say."""

MAX_COPIED = 2**28
"""Bytes of the largest copy. A virtual machine is told of its host's whole cache, of hundreds of MB at times,
of which it holds little: to copy twice 480 MB took 14 s beside two busy processes, and this takes 3."""

CACHE_LINE = 64
"""Bytes of a cache line."""

Ceilings = dict[str, Any]


def measure(device: Device, earlier: Ceilings | None = None) -> Ceilings:
    """The ceilings of a device, in SI units; what cannot be measured there is left out.

    `copy_bytes_per_s` counts bytes read and written, by memory level, `level_bytes` is what a level holds;
    `flops_per_s` is the best matrix product by dtype, and in `tf32` where a device has it;
    `launch_s` the host's time for the smallest operation;
    `event_s` what an empty pair of events reads; `to_device` and `to_host` are links: latency and bandwidth,
    from and to pinned memory where there is such; then `to_device_pageable` and `to_host_pageable` are those
    of ordinary memory. `disturbed` names those that were only measured beside others. `earlier` are those
    measured on the same machine: the better of both stand.
    """
    best = Best(device)
    try:
        ceilings = _accelerator(best) if device.is_accelerator else _processor(best)
    finally:
        best.readings.close()
    ceilings["disturbed"] = sorted(set(best.disturbed))
    return better(earlier, ceilings) if earlier else ceilings


def better(earlier: Mapping[str, Any], latest: Mapping[str, Any]) -> Ceilings:
    """Of each ceiling the better: others on a machine only ever take from it.

    A ceiling is disturbed if it was each time.
    """
    merged = {**earlier, **latest}
    for name in ("copy_bytes_per_s", "flops_per_s"):
        rates = earlier.get(name, {})
        merged[name] = {key: max(rate, rates.get(key, 0.0)) for key, rate in latest.get(name, {}).items()}
    for name in ("launch_s", "synchronize_s", "event_s"):
        if name in earlier and name in latest:
            merged[name] = min(earlier[name], latest[name])
    for name in set(latest["disturbed"]) & set(earlier):  # a link: its fit is taken as a whole
        merged[name] = earlier[name]
    merged["disturbed"] = sorted(set(earlier["disturbed"]) & set(latest["disturbed"]))
    return merged


def _accelerator(best: Best) -> Ceilings:
    device = best.device
    levels = list(_device_levels(device))
    copies = {level: _copy_rate(best, level, size) for level, size, _ in levels}
    return {
        "copy_bytes_per_s": _nearer_is_faster(copies),
        "level_bytes": {level: held for level, _, held in levels if held},
        "flops_per_s": dict(_product_rates(best)),
        "launch_s": _launch_s(best),
        "synchronize_s": _synchronize_s(best),
        **({"event_s": _empty_pair_s(device)} if device.hold_cycles_per_s is not None else {}),
        **links(best),
    }


def _processor(best: Best) -> Ceilings:
    if has_torch := find_spec("torch") is not None:
        import torch
    rates = _product_rates(best) if has_torch else _numpy_product_rates(best)
    copies, held = {}, {}
    for level, size, per_core in processor_levels():
        cores = torch.get_num_threads() if has_torch and per_core else 1
        copies[level] = _numpy_copy_rate(best, level, size)
        if has_torch:
            copies[level] = max(copies[level], _copy_rate(best, level, size * cores))
        if level != "memory":
            held[level] = 4 * size * cores
    return {
        "copy_bytes_per_s": _nearer_is_faster(copies),
        "level_bytes": held,
        "flops_per_s": dict(rates),
        **({"launch_s": _launch_s(best)} if has_torch else {}),
    }


def _nearer_is_faster(rates: dict[str, float]) -> dict[str, float]:
    """Each level's rate, or a farther level's where that reads higher: no memory is faster than a nearer one.

    `rates` have the nearest level first. A copy that fits into the nearest is too small for many cores or
    multiprocessors, and reads what one of them can do.
    """
    best: dict[str, float] = {}
    for level in reversed(rates):
        best[level] = max(rates[level], *best.values(), 0.0)
    return {level: best[level] for level in rates}


def processor_levels(root: Path = ROOT) -> Iterator[tuple[str, int, bool]]:
    """The processor's memory levels: name, bytes to copy so as to stay in it, whether each core has its own.

    Source and target together fill half of a cache. Where the system does not say, usual sizes stand.
    """
    sizes = caches(root) or USUAL_CACHES
    held_bytes = {level: int(kibibytes.removesuffix("K")) * 2**10 for level, kibibytes in sizes.items()}
    for level, held in held_bytes.items():
        yield level, held // 4, level in ("L1", "L2")
    yield "memory", min(max(2**26, 2 * max(held_bytes.values())), MAX_COPIED), False


def _numpy_copy_rate(best: Best, level: str, size: int) -> float:
    """Bytes read and written a second by one thread; small copies repeat inside one call of numpy."""
    import numpy as np

    count = size // 8
    repeats = max(1, 2**20 // size)
    source = np.ones(count)
    target = np.empty(count + repeats * CACHE_LINE // 8)
    # Rows a cache line apart: nearly the same memory again and again, without a call from Python for each.
    # Were they none apart, numpy would walk along them first, and copy number by number.
    rows = np.lib.stride_tricks.as_strided(target, (repeats, count), (CACHE_LINE, 8))
    moved = 2 * 8 * count * repeats
    return moved / best.seconds(f"copy_bytes_per_s.{level}", lambda: np.copyto(rows, source))


def _copy_rate(best: Best, level: str, size: int) -> float:
    """Bytes read and written a second by a copy, or by a product of two such vectors: it reads twice what it
    writes, which many memories do faster."""
    import torch

    source = torch.ones(size // 4, device=best.device.name)
    other, target = torch.ones_like(source), torch.empty_like(source)
    once, name = 4 * (size // 4), f"copy_bytes_per_s.{level}"
    copied = 2 * once / best.seconds(name, lambda: target.copy_(source))
    return max(copied, 3 * once / best.seconds(name, lambda: torch.mul(source, other, out=target)))


def _device_levels(device: Device) -> Iterator[tuple[str, int, int]]:
    """The device's memory levels: name, bytes to copy so as to stay in it, and what it holds (0: unknown)."""
    facts = device.facts()
    cache_bytes = int(facts.get("l2_bytes", 0))
    if cache_bytes:
        yield "L2", cache_bytes // 4, cache_bytes
    yield "memory", min(max(2**28, 4 * cache_bytes), int(facts.get("memory_bytes", 0)) // 8 or 2**28), 0


def _product_rates(best: Best) -> Iterator[tuple[str, float]]:
    """The best matrix product of each dtype that the device has, in floating-point operations a second.

    `tf32` is that of float32 where the device rounds it to 10 bits; `float32` is not rounded.
    """
    import torch

    if cuda_extras.has_tf32(best.device.name):
        with cuda_extras.products_in("tf32"):
            yield "tf32", max(_products(best, torch.float32, "flops_per_s.tf32"))
        with cuda_extras.products_in("ieee"):
            yield from _plain_product_rates(best)
    else:
        yield from _plain_product_rates(best)


def _plain_product_rates(best: Best) -> Iterator[tuple[str, float]]:
    import torch

    dtypes = [torch.float32, torch.float64, torch.bfloat16]
    if best.device.is_accelerator:
        dtypes.append(torch.float16)
    for dtype in dtypes:
        name = str(dtype).removeprefix("torch.")
        try:
            yield name, max(_products(best, dtype, f"flops_per_s.{name}"))
        except (RuntimeError, TypeError):  # what this device has no product of
            continue


def _products(best: Best, dtype: Any, name: str) -> Iterator[float]:
    import torch

    for n in (256, 512, 1024, 2048, 4096, 8192):
        a = torch.randn(n, n, device=best.device.name).to(dtype)
        out = torch.empty_like(a)
        once_s = best.seconds(name, lambda: torch.mm(a, a, out=out))  # noqa: B023 - used in this turn only
        yield 2 * n**3 / once_s
        if once_s > MAX_CALL_S:
            return


def _numpy_product_rates(best: Best) -> Iterator[tuple[str, float]]:
    import numpy as np

    n = 512
    for dtype in ("float32", "float64"):
        a = np.random.default_rng(1).random((n, n)).astype(dtype)
        out = np.empty_like(a)
        once_s = best.seconds(f"flops_per_s.{dtype}", lambda: np.matmul(a, a, out=out))  # noqa: B023 - at once
        yield dtype, 2 * n**3 / once_s


def _launch_s(best: Best) -> float:
    """The host's time for launching the smallest operation: the best of several, in long rows and short ones.

    One of them alone lay above cases that it bounds: a full queue makes the host wait.
    """
    import torch

    one = torch.ones(1, device=best.device.name)
    other = torch.ones_like(one)
    smallest = (lambda: one.add_(other), lambda: one.mul_(other), lambda: one.copy_(other), one.zero_)

    def row_of(call: Callable[[], object]) -> Loop:
        return lambda k: [call() for _ in range(k)]

    return min(
        best.host_seconds("launch_s", row_of(call), launches)
        for call in smallest
        for launches in (MAX_LAUNCHES, MAX_LAUNCHES // 10)
    )


def _synchronize_s(best: Best) -> float:
    """The host's time for synchronizing with a device that has nothing to do."""

    def run(k: int) -> None:
        for _ in range(k):
            best.device.synchronize()

    return best.host_seconds("synchronize_s", run, 100)


def _empty_pair_s(device: Device) -> float:
    """What a pair of events with nothing between them reads."""
    seconds = [device.time("device", lambda _: None, 1).device_s for _ in range(4 * CLEAN_BLOCKS)]
    return min((one for one in seconds if one is not None), default=math.nan)

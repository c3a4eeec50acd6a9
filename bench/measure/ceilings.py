"""Ceilings: what a machine's copies, products, launches and links can do at most, as measured on it."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.measure import devices
from bench.measure.devices import Device, Run

BLOCK_S = 5e-3
BLOCKS = 5
"""A ceiling is the best of so many blocks: others on the machine only ever take from it."""

LONGEST_CALL_S = 0.1
"""Sizes grow until a call takes this long, so that all ceilings of a device take a few seconds."""

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")

USUAL_CACHES = {"L1": 2**15, "L2": 2**20, "L3": 2**25}
"""Bytes of an ordinary processor's caches, where the system does not tell."""

Call = Callable[[], object]


def measure(device: Device) -> dict[str, Any]:
    """The ceilings of a device, in SI units; what cannot be measured there is left out.

    `copy_bytes_per_s` counts bytes read and written, by memory level; `flops_per_s` is the best matrix
    product by dtype; `launch_s` the host's time for the smallest operation; `event_s` what an empty pair
    of events reads; `to_device` and `to_host` are links: latency and bandwidth.
    """
    if not device.is_accelerator:
        return _processor(device)
    return {
        "copy_bytes_per_s": {level: _copy_rate(device, size) for level, size in _device_levels(device)},
        "flops_per_s": dict(_product_rates(device)),
        "launch_s": _launch_s(device),
        "synchronize_s": _synchronize_s(device),
        **({"event_s": _empty_pair_s(device)} if device.hold_cycles_per_s is not None else {}),
        "to_device": _link(device, towards_device=True),
        "to_host": _link(device, towards_device=False),
    }


def fit_link(sizes: Sequence[float], seconds: Sequence[float]) -> dict[str, float]:
    """Latency and bandwidth of a link, from t = latency + bytes / bandwidth by least squares.

    Errors count relative to each time, so that small copies decide the latency and large ones the
    bandwidth. The latency is never negative.
    """
    import numpy as np

    weights = 1 / np.asarray(seconds)
    rows = np.stack([weights, np.asarray(sizes) * weights], axis=1)
    (latency_s, s_per_byte), *_ = np.linalg.lstsq(rows, np.ones(len(weights)), rcond=None)
    return {"latency_s": max(0.0, float(latency_s)), "bytes_per_s": float(1 / s_per_byte)}


def _best_s(device: Device, call: Call) -> float:
    """Seconds of one call, back to back: by events where they serve, else by synchronized wall time."""

    def run(k: int) -> None:
        for _ in range(k):
            call()

    run(2)
    once_s = device.time("wall", run, 1).wall_s
    calls = max(1, min(devices.MAX_LAUNCHES, int(BLOCK_S / max(once_s, 1e-7))))
    seconds = [device.time("device", run, calls).device_s for _ in range(BLOCKS)]
    known = [one for one in seconds if one is not None]
    return min(known or [device.time("wall", run, calls).wall_s for _ in range(BLOCKS)]) / calls


def _processor(device: Device) -> dict[str, Any]:
    has_torch = find_spec("torch") is not None
    rates = _product_rates(device) if has_torch else _numpy_product_rates(device)
    levels = {}
    for level, size, per_core in processor_levels():
        levels[level] = _numpy_copy_rate(device, size)
        if has_torch:
            levels[level] = max(levels[level], _copy_rate(device, size * (_threads() if per_core else 1)))
    return {
        "copy_bytes_per_s": levels,
        "flops_per_s": dict(rates),
        **({"launch_s": _launch_s(device)} if has_torch else {}),
    }


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def processor_levels(caches: Path = CACHES) -> Iterator[tuple[str, int, bool]]:
    """The processor's memory levels: name, bytes to copy so as to stay in it, whether each core has its own.

    Source and target together fill half of a cache. Where the system does not tell, usual sizes stand.
    """
    found: dict[str, int] = {}
    for index in sorted(caches.glob("index*")):
        if (index / "type").read_text().strip() == "Instruction":
            continue
        kibibytes = (index / "size").read_text().strip().removesuffix("K")
        found["L" + (index / "level").read_text().strip()] = int(kibibytes) * 2**10
    for level, size in (found or USUAL_CACHES).items():
        yield level, size // 4, level in ("L1", "L2")
    yield "memory", max(2**26, 2 * max((found or USUAL_CACHES).values())), False


def _numpy_copy_rate(device: Device, size: int) -> float:
    """Bytes read and written a second by one thread; small copies repeat inside one call of numpy."""
    import numpy as np

    count = size // 8
    repeats = max(1, 2**20 // size)
    source = np.random.default_rng(1).random(count)
    target = np.empty(count)
    # Rows of stride 0: the same memory again and again, without a call from Python for each.
    rows = np.lib.stride_tricks.as_strided(target, (repeats, count), (0, 8))
    return 2 * 8 * count * repeats / _best_s(device, lambda: np.copyto(rows, source))


def _copy_rate(device: Device, size: int) -> float:
    import torch

    source = torch.rand(size // 4, device=device.name)
    target = torch.empty_like(source)
    return 2 * 4 * (size // 4) / _best_s(device, lambda: target.copy_(source))


def _device_levels(device: Device) -> Iterator[tuple[str, int]]:
    """The device's memory levels, with bytes to copy so as to stay in them."""
    facts = device.facts()
    cache_bytes = int(facts.get("l2_bytes", 0))
    if cache_bytes:
        yield "L2", cache_bytes // 4
    yield "memory", min(max(2**28, 4 * cache_bytes), int(facts.get("memory_bytes", 0)) // 8 or 2**28)


def _product_rates(device: Device) -> Iterator[tuple[str, float]]:
    """The best matrix product of each dtype that the device has, in floating-point operations a second."""
    import torch

    dtypes = [torch.float32, torch.float64, torch.bfloat16]
    if device.is_accelerator:
        dtypes.append(torch.float16)
    for dtype in dtypes:
        try:
            yield str(dtype).removeprefix("torch."), max(_products(device, dtype))
        except (RuntimeError, TypeError):  # what this device has no product of
            continue


def _products(device: Device, dtype: Any) -> Iterator[float]:
    import torch

    for n in (256, 512, 1024, 2048, 4096, 8192):
        a = torch.randn(n, n, device=device.name).to(dtype)
        out = torch.empty_like(a)
        run: Run = lambda k: [torch.mm(a, a, out=out) for _ in range(k)]  # noqa: E731, B023 - used in this turn only
        run(1)
        yield 2 * n**3 / _best_s(device, lambda: torch.mm(a, a, out=out))  # noqa: B023 - likewise
        if 8 * device.time("wall", run, 1).wall_s > LONGEST_CALL_S:
            return


def _numpy_product_rates(device: Device) -> Iterator[tuple[str, float]]:
    import numpy as np

    n = 512
    for dtype in ("float32", "float64"):
        a = np.random.default_rng(1).random((n, n)).astype(dtype)
        out = np.empty_like(a)
        yield dtype, 2 * n**3 / _best_s(device, lambda: np.matmul(a, a, out=out))  # noqa: B023 - used at once


def _launch_s(device: Device) -> float:
    """The host's time for launching the smallest operation."""
    import torch

    one = torch.ones(1, device=device.name)
    run: Run = lambda k: [one.add_(1) for _ in range(k)]  # noqa: E731 - named for what it is passed as
    run(10)
    timed = [device.time("wall", run, devices.MAX_LAUNCHES) for _ in range(BLOCKS)]
    return min(one.wall_s if one.host_s is None else one.host_s for one in timed) / devices.MAX_LAUNCHES


def _synchronize_s(device: Device) -> float:
    """The host's time for synchronizing with a device that has nothing to do."""

    def run(k: int) -> None:
        for _ in range(k):
            device.synchronize()

    return min(device.time("wall", run, 100).wall_s for _ in range(BLOCKS)) / 100


def _empty_pair_s(device: Device) -> float:
    """What a pair of events with nothing between them reads."""
    seconds = [device.time("device", lambda _: None, 1).device_s for _ in range(4 * BLOCKS)]
    return min((one for one in seconds if one is not None), default=math.nan)


def _link(device: Device, *, towards_device: bool) -> dict[str, float]:
    """A link between host and device; the host's memory is pinned where that can be."""
    import torch

    sizes, seconds = [], []
    for exponent in range(10, 29, 3):
        here = torch.rand(2**exponent // 4)
        with suppress(RuntimeError):  # not every device has pinned memory
            here = here.pin_memory()
        there = torch.rand(2**exponent // 4, device=device.name)
        target, source = (there, here) if towards_device else (here, there)
        copy: Run = lambda _, target=target, source=source: target.copy_(source)  # type: ignore[misc]  # noqa: E731
        copy(1)
        seconds.append(min(device.time("latency", copy, 1).wall_s for _ in range(2 * BLOCKS)))
        sizes.append(here.numel() * here.itemsize)
        if 8 * seconds[-1] > LONGEST_CALL_S:
            break
    return fit_link(sizes, seconds)

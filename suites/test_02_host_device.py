"""Moving tensors between the processor's memory (host) and the accelerator's (device).

Pinned memory cannot be swapped out, so the device fetches from it directly. A `non_blocking` copy returns
before it is done: every call here waits for the device, so that whole copies are timed. `bytes` counts
what crosses the link, once.
"""

import pytest

from .memory import host_tensor, random_tensor
from .sizes import ACROSS, WITHIN

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4
LARGE = 2**22  # 16 MiB of floats: long enough that the fixed cost of a copy is small beside it


@pytest.mark.crossover(axis="n", between="device")
@pytest.mark.parametrize("n", WITHIN)
def test_copy_within(benchmark, device, n):
    """A copy that stays within one memory, the processor's or the device's: the measure for copies across."""
    source = random_tensor(n, device=device)
    target = torch.ones(n, device=device)
    benchmark.extra_info |= {"bytes": 2 * n * FLOAT_BYTES}
    copy = benchmark(target.copy_, source)
    assert torch.equal(copy, source)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="memory")
@pytest.mark.parametrize("n", ACROSS)
@pytest.mark.parametrize("memory", ["pageable", "pinned", "pinned in the call"])
def test_to_device(benchmark, device, memory, n):
    """A tensor moved to the device with .to(device), as the course does; from pinned memory as well."""
    source = host_tensor(n, "pageable" if memory == "pageable" else "pinned")
    benchmark.extra_info |= across("to_device", n, "pageable" if memory == "pageable" else "pinned")
    if memory == "pinned in the call":
        source = source.clone()  # not pinned
        moved = benchmark(lambda: source.pin_memory().to(device))
    else:
        moved = benchmark(source.to, device)
    assert torch.equal(moved.cpu(), source)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="destination")
@pytest.mark.parametrize("n", ACROSS)
@pytest.mark.parametrize("destination", ["fresh", "pinned"])
def test_to_host(benchmark, device, destination, n):
    """A tensor fetched from the device with .cpu(), or into pinned memory that is ready for it."""
    source = random_tensor(n, device=device)
    target = host_tensor(n, "pinned") if destination == "pinned" else None
    benchmark.extra_info |= across("to_host", n, "pinned" if destination == "pinned" else "pageable")
    fetched = benchmark(source.cpu) if target is None else benchmark(target.copy_, source)
    assert torch.equal(fetched, source.cpu())


@pytest.mark.accelerator
@pytest.mark.parametrize("memory", ["pageable", "pinned"])
@pytest.mark.parametrize("destination", ["fresh", "preallocated"])
@pytest.mark.parametrize("waiting", ["blocking", "non_blocking"])
def test_ways_to_device(benchmark, device, memory, destination, waiting):
    """Every way to move 16 MiB to the device."""
    source = host_tensor(LARGE, memory)
    target = random_tensor(LARGE, device=device) if destination == "preallocated" else None
    benchmark.extra_info |= across("to_device", LARGE, memory)
    moved = benchmark(
        copy_across, source, device, target, waiting, torch.get_device_module(device).synchronize
    )
    assert torch.equal(moved.cpu(), source)


@pytest.mark.accelerator
@pytest.mark.parametrize("destination", ["fresh", "pageable", "pinned"])
@pytest.mark.parametrize("waiting", ["blocking", "non_blocking"])
def test_ways_to_host(benchmark, device, destination, waiting):
    """Every way to fetch 16 MiB from the device."""
    source = random_tensor(LARGE, device=device)
    target = None if destination == "fresh" else host_tensor(LARGE, destination)
    fetched = benchmark(
        copy_across, source, "cpu", target, waiting, torch.get_device_module(device).synchronize
    )
    # A fresh non_blocking destination is pinned by torch itself: what a call costs includes getting it.
    memory = "pinned" if fetched.is_pinned() else "pageable"
    benchmark.extra_info |= across("to_host", LARGE, memory) | {"destination_memory": memory}
    assert torch.equal(fetched, source.cpu())


@pytest.mark.accelerator
@pytest.mark.parametrize("pieces", [1, 1000])
@pytest.mark.parametrize("memory", ["pageable", "pinned"])
@pytest.mark.parametrize("waiting", ["blocking", "non_blocking"])
def test_one_large_or_many_small(benchmark, device, pieces, memory, waiting):
    """A million numbers moved to the device as one tensor, or as a thousand small ones."""
    sources = [host_tensor(1_000_000 // pieces, memory) for _ in range(pieces)]
    synchronize = torch.get_device_module(device).synchronize
    benchmark.extra_info |= across("to_device", 1_000_000, memory)

    def move_all():
        moved = [source.to(device, non_blocking=waiting == "non_blocking") for source in sources]
        synchronize()
        return moved

    moved = benchmark(move_all)
    assert torch.equal(moved[-1].cpu(), sources[-1])


@pytest.mark.accelerator
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("pinned_cache", ["emptied", "kept"])
@pytest.mark.parametrize("n", [2**12, 2**18, 2**24])
def test_pin(benchmark, n, pinned_cache):
    """Copying a tensor into memory that is pinned for it and given back (emptied), or kept from before."""
    host_tensor(1, "pinned")
    source = torch.randn(n)
    empty = pinned_cache_emptier()
    benchmark.extra_info |= {"bytes": 2 * n * FLOAT_BYTES, "link": "within the processor's memory"}

    def pin_anew():
        source.pin_memory()  # freed at once, and so torch's to keep
        empty()

    benchmark(pin_anew if pinned_cache == "emptied" else source.pin_memory)
    pinned = source.pin_memory()
    assert pinned.is_pinned()
    assert torch.equal(pinned, source)


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.parametrize("way", ["in turn", "at once"])
@pytest.mark.parametrize("beside", ["compute", "the other way"])
def test_copy_beside(benchmark, device, beside, way):
    """64 MiB moved to the device beside a matrix product, or beside as much that comes back."""
    here, back = (host_tensor(2**24, "pinned") for _ in range(2))
    there, other = (random_tensor(2**24, device=device) for _ in range(2))
    a, product = (random_tensor(4096, 4096, device=device) for _ in range(2))
    side = side_stream(device)
    benchmark.extra_info |= across("to_device", 2**24, "pinned")

    def work():
        if beside == "compute":
            torch.matmul(a, a, out=product)
        else:
            back.copy_(other, non_blocking=True)

    if way == "in turn":
        benchmark(lambda: (there.copy_(here, non_blocking=True), work()))
    else:
        benchmark(at_once, device, side, lambda: there.copy_(here, non_blocking=True), work)
    assert torch.equal(there[:8].cpu(), here[:8])


def at_once(device, side, copy, work):
    """The copy on a stream of its own, which begins with the other and ends before the next call's."""
    module = torch.get_device_module(device)
    current = module.current_stream()
    side.wait_stream(current)
    with module.stream(side):
        copy()
    work()
    current.wait_stream(side)


def side_stream(device):
    """A stream besides the current one. Skips where the device has but one."""
    module = torch.get_device_module(device)
    if not hasattr(module, "Stream"):
        pytest.skip(f"{device} has no streams, so nothing runs beside anything")
    return module.Stream()


def across(way, n, memory):
    """What a copy of n numbers moves, and the link between host and device that it crosses."""
    link = way if memory == "pinned" else f"{way}_pageable"
    return {"bytes": n * FLOAT_BYTES, "bytes_counted": "once, as they cross the link", "link": link}


def copy_across(source, to, target, waiting, synchronize):
    """One copy to a device or to the host, finished when this returns."""
    non_blocking = waiting == "non_blocking"
    if target is None:
        copy = source.to(to, non_blocking=non_blocking)
    else:
        copy = target.copy_(source, non_blocking=non_blocking)
    if non_blocking:
        synchronize()
    return copy


def pinned_cache_emptier():
    """The function that gives pinned memory back to the operating system; torch keeps it for later calls."""
    if hasattr(torch.accelerator, "empty_host_cache"):
        return torch.accelerator.empty_host_cache
    if hasattr(torch._C, "_host_emptyCache"):  # torch 2.10 and 2.11 have no public name for it
        return torch._C._host_emptyCache
    return pytest.skip("this torch cannot empty its cache of pinned memory, so pinning anew cannot be timed")

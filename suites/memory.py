"""Tensors in the processor's memory, and calls that move them to a device and back."""

import os

import pytest

torch = pytest.importorskip("torch")

TRIPS = ["inputs pageable", "inputs pinned", "round_trip pageable", "round_trip pinned"]
"""What a call moves, the inputs alone or the result as well, and between which memory and the device."""


DRAWN = 65_521
"""How many random numbers are drawn. They repeat in what is larger, since drawing takes ten times as long as
copying; a prime number, so that no two rows of a matrix are the same."""


def random_tensor(*shape, device="cpu"):
    """Random numbers in memory of their own."""
    count = torch.Size(shape).numel()
    drawn = torch.randn(min(count, DRAWN), device=device)
    return drawn.repeat(-(-count // DRAWN))[:count].reshape(shape)


def last_level_cache_bytes(device):
    """What the device's last cache holds, as it says itself; 64 MiB where it does not say."""
    kind = torch.device(device).type
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(device).L2_cache_size)
    names = ("SC_LEVEL3_CACHE_SIZE", "SC_LEVEL2_CACHE_SIZE") if kind == "cpu" else ()
    known = [os.sysconf(name) for name in names if name in getattr(os, "sysconf_names", ())]
    return max([size for size in known if size > 0], default=2**26)


def skip_unless_it_fits(device, size):
    """Skips where the device has not so many bytes free."""
    kind = torch.device(device).type
    if kind == "cuda" and torch.cuda.is_available() and size > torch.cuda.mem_get_info(device)[0]:
        pytest.skip(f"{size / 1e9:.1f} GB do not fit into what is free on {device}")


def host_tensor(n, memory):
    """Random numbers in the processor's memory, pageable or pinned. Skips where nothing can be pinned."""
    return placed(random_tensor(n), memory)


def placed(tensor, memory):
    """The tensor in memory of that kind. Skips where nothing can be pinned."""
    if memory == "pageable":
        return tensor
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        pytest.skip(f"no memory can be pinned here: {str(error).partition('. ')[0]}")


def with_trip(function, inputs, device, trip):
    """A call of the function on a device, with inputs from the processor's memory that are moved in the call.

    From pinned memory they are moved without waiting, and the result comes into pinned memory that is ready
    for it; out of and into pageable memory as the course does it, by .to(device) and .cpu().
    """
    what, memory = trip.split()
    inputs = [placed(tensor, memory) for tensor in inputs]
    pinned = memory == "pinned"

    def there():
        return function(*(tensor.to(device, non_blocking=pinned) for tensor in inputs))

    if what == "inputs":
        return there
    if not pinned:
        return lambda: there().detach().cpu()
    ready = placed(torch.empty_like(there(), device="cpu", requires_grad=False), memory)
    return lambda: ready.copy_(there().detach(), non_blocking=True)

"""What only CUDA devices have: a cache that can be flushed by size, a driver, a reason not to work."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from bench.measure.host import torch_build
from bench.measure.host.system import output


@cache
def cache_flush(device: str) -> Callable[[], object] | None:
    """A function that queues a write of twice the second-level cache's size; None on other devices."""
    import torch

    if torch.device(device).type != "cuda":
        return None
    size = 2 * int(torch.cuda.get_device_properties(device).L2_cache_size)
    with torch.inference_mode(False):  # a tensor made in that mode could not be written to outside it
        buffer = torch.empty(size, dtype=torch.int8, device=device)
    return buffer.zero_


def facts(device: str) -> dict[str, str | int | float | bool]:
    """Compute capability, multiprocessors, cache, UUID and driver of a CUDA device."""
    import torch

    properties = torch.cuda.get_device_properties(device)
    facts: dict[str, str | int | float | bool] = {
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": int(properties.multi_processor_count),
        "l2_bytes": int(properties.L2_cache_size),
        "uuid": f"GPU-{properties.uuid}",
    }
    if torch.version.hip is None:
        facts["cuda_build"] = str(torch.version.cuda)
    return facts


def has_tf32(device: str) -> bool:
    """Whether the device can round float32 to 10 bits where it multiplies (TensorFloat-32): NVIDIA's do from
    compute capability 8.0 on."""
    import torch

    if torch.device(device).type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Matrix products of float32 on CUDA are meanwhile made in that precision, `ieee` or `tf32`."""
    import torch

    products: Any = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = precision
    try:
        yield
    finally:
        products.fp32_precision = before


def nominal_bytes_per_s(device: str) -> float | None:
    """The bandwidth that a CUDA device's memory clock and bus width allow; None where they are not stated."""
    import torch

    if torch.device(device).type != "cuda":
        return None
    properties = torch.cuda.get_device_properties(device)
    clock_khz = getattr(properties, "memory_clock_rate", 0)
    bus_bits = getattr(properties, "memory_bus_width", 0)
    return 2 * clock_khz * 1e3 * bus_bits / 8 or None  # two transfers a clock


def unusable() -> str | None:
    """Why this torch cannot use the GPU of this machine, and what to install; None where there is none.

    A GPU that the user hid through CUDA_VISIBLE_DEVICES is none.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    if _nvidia_gpu_is_there():
        return _why_not("NVIDIA GPU", "CUDA")
    if Path("/dev/kfd").exists():
        return _why_not("AMD GPU", "ROCm")
    return None


def _nvidia_gpu_is_there() -> bool:
    """By its device file, else (on WSL) by nvidia-smi: a container has neither for a GPU it may not use."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or "GPU 0" in (output("nvidia-smi", "-L") or "")


def _why_not(gpu: str, build: str) -> str:
    there, where = f"an {gpu} is there, but", f": {_where(build)}"
    try:
        import torch
    except ImportError:
        return f"{there} torch is not installed; install a {build} build{where}"
    if (torch.version.cuda if build == "CUDA" else torch.version.hip) is None:
        return f"{there} torch {torch.__version__} is built without {build}; install a {build} build{where}"
    version = torch.version.hip or torch.version.cuda
    return (
        f"{there} torch {torch.__version__} (built for {build} {version}) cannot use it: "
        f"{_init_error(torch)}; update the driver, or install a {build} build for an older driver{where}"
    )


def _where(build: str) -> str:
    """How to come to a build that the driver can use."""
    driver = torch_build.nvidia_driver()
    major = int(driver.partition(".")[0]) if driver else None
    return torch_build.remedy(major) if build == "CUDA" else torch_build.TORCH_BUILDS


def _init_error(torch: Any) -> str:
    """The first sentence of what torch says when it is made to start CUDA."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        return str(error).strip().partition("\n")[0].partition(". ")[0].rstrip(".")
    return "it finds no device"

"""Which devices this machine has."""

import warnings
from functools import cache

from bench.measure.devices import cuda_extras
from bench.measure.devices.device import Device


class DeviceError(Exception):
    """Which device was asked for, and which are there."""


def present() -> tuple[str, ...]:
    """The devices of this machine: `cpu`, and the accelerator that torch finds available."""
    try:
        import torch
    except ImportError:
        return ("cpu",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `unusable` says in one sentence what torch warns of
        accelerator = torch.accelerator.current_accelerator(check_available=True)
    return ("cpu",) if accelerator is None else ("cpu", accelerator.type)


@cache
def unusable() -> str | None:
    """Why a GPU that is there cannot be used, and what to install; None where there is no such GPU."""
    return cuda_extras.unusable() if present() == ("cpu",) else None


@cache
def get(name: str) -> Device:
    """The device that torch calls `name`: `cpu`, `cuda`, `cuda:1`, `mps`, an out-of-tree backend's.

    Raises DeviceError where torch does not know it or finds none available.
    """
    kind, _, index = name.partition(":")
    if kind == "cpu":
        return Device("cpu")
    there = f"there: {', '.join(present())}"
    try:
        import torch

        module = torch.get_device_module(torch.device(name))
    except ImportError:
        raise DeviceError(f"device {name!r} needs torch, which is not installed; {there}") from None
    except RuntimeError:
        raise DeviceError(f"device {name!r} is unknown to torch {torch.__version__}; {there}") from None
    if not module.is_available():
        reason = cuda_extras.unusable() if kind == "cuda" else None
        raise DeviceError(f"device {name!r} is not available; {there}" + (f". {reason}" if reason else ""))
    if index and int(index) >= module.device_count():
        raise DeviceError(f"device {name!r} is not there: {kind} has {module.device_count()} device(s)")
    return Device(name)

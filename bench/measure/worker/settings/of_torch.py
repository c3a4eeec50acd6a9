"""Settings of torch that a test may leave changed for those after it: how each is read and put back."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from bench.measure.worker.settings.of_process import Setting


def is_loaded() -> bool:
    """Whether torch is loaded: a project may have put something else, or None, into its place."""
    return hasattr(sys.modules.get("torch"), "get_float32_matmul_precision")


def _torch() -> Any:
    return sys.modules["torch"]


_guards: list[Any] = []
"""What keeps inference mode as it was put back: torch ends a mode when its object is let go."""


def _set_inference_mode(on: bool) -> None:
    _guards.append(guard := _torch().inference_mode(on))
    guard.__enter__()


AUTOCAST = ("cpu", "cuda")
"""The devices whose autocast is looked at: asking for another's may start its driver."""


def _autocast() -> list[tuple[bool, Any]]:
    return [(_torch().is_autocast_enabled(name), _torch().get_autocast_dtype(name)) for name in AUTOCAST]


def _set_autocast(values: Iterable[tuple[bool, Any]]) -> None:
    for name, (on, dtype) in zip(AUTOCAST, values, strict=True):
        _torch().set_autocast_enabled(name, on)
        _torch().set_autocast_dtype(name, dtype)


def _or_none(read: Callable[[], Any]) -> Any:
    """None where torch refuses to say, as it does of an older name while a newer one disagrees with it."""
    try:
        return read()
    except RuntimeError:
        return None


PRECISIONS = (
    "cudnn.allow_tf32", "cuda.matmul.fp32_precision",
    *(f"mkldnn.{kind}.fp32_precision" for kind in ("matmul", "conv", "rnn")),
    *(f"cudnn.{kind}.fp32_precision" for kind in ("conv", "rnn")),
)  # fmt: skip
"""Where torch.backends keeps the precision of float32; the older name, which sets newer ones, comes first."""


def _precision() -> list[Any]:
    read = [_torch().get_float32_matmul_precision]
    read += [partial(attrgetter(name), _torch().backends) for name in PRECISIONS]
    return [*map(_or_none, read)]


def _set_precision(values: Sequence[Any]) -> None:
    products, *others = values
    if products is not None:
        _torch().set_float32_matmul_precision(products)
    for place, value in zip(PRECISIONS, others, strict=True):
        owner, _, name = place.rpartition(".")
        if value is not None:
            setattr(attrgetter(owner)(_torch().backends), name, value)


def _kernels() -> list[bool]:
    """Switches of torch that say which kernels compute."""
    cudnn, mkldnn = _torch().backends.cudnn, _torch().backends.mkldnn
    return [cudnn.benchmark, cudnn.deterministic, cudnn.enabled, mkldnn.enabled]


def _set_kernels(values: Iterable[bool]) -> None:
    cudnn, mkldnn = _torch().backends.cudnn, _torch().backends.mkldnn
    cudnn.benchmark, cudnn.deterministic, cudnn.enabled, mkldnn.enabled = values


SMALLEST = 5e-324
"""A denormal number: nothing where the processor takes such numbers for zero."""


SETTINGS = (
    Setting("torch's threads", lambda: _torch().get_num_threads(),
            lambda count: _torch().set_num_threads(count)),
    Setting("torch's default dtype", lambda: _torch().get_default_dtype(),
            lambda dtype: _torch().set_default_dtype(dtype)),
    Setting("torch's inference mode", lambda: _torch().is_inference_mode_enabled(),
            _set_inference_mode),  # before the gradient mode, which comes with it
    Setting("torch's gradient mode", lambda: _torch().is_grad_enabled(),
            lambda on: _torch().set_grad_enabled(on)),
    Setting("torch's default device", lambda: str(_torch().get_default_device()),
            lambda name: _torch().set_default_device(None if name == "cpu" else name)),
    Setting("torch's deterministic mode", lambda: _torch().get_deterministic_debug_mode(),
            lambda mode: _torch().set_deterministic_debug_mode(mode)),
    Setting("torch's anomaly detection", lambda: _torch().is_anomaly_enabled(),
            lambda on: _torch().autograd.set_detect_anomaly(on)),
    Setting("torch's denormal numbers", lambda: SMALLEST * 1.0 != 0.0,
            lambda kept: _torch().set_flush_denormal(not kept)),
    Setting("torch's autocast", _autocast, _set_autocast),
    Setting("torch's precision of float32", _precision, _set_precision),
    Setting("torch's kernels", _kernels, _set_kernels),
)  # fmt: skip

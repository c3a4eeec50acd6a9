"""What a call is, in a line: where two tests have the same line, they time the same."""

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST = 300
"""Characters of an identity: a call of more arguments than that is nobody else's."""


def of_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The function, its arguments' kinds and shapes, and torch's settings; "" where it cannot be told.

    A function that a test makes for itself has no identity: what it does stands in its closure.
    """
    try:
        return _of_call(function, args, kwargs)
    except Exception:  # a suite's own objects raise what they like when they are looked at
        return ""


def _of_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    named = _function(function)
    operands = [getattr(function, "__self__", None), *args, *kwargs.values()]
    if not any(_is_operand(value) for value in operands):
        return ""  # what it works on stands elsewhere
    values = [_value(value) for value in args]
    values += [f"{name}={_value(value)}" for name, value in sorted(kwargs.items())]
    if not named or None in values or any(text.endswith("=None") for text in values if text):
        return ""
    line = f"{named}({', '.join(map(str, values))}) {_settings()}"
    return line if len(line) <= MOST else ""


def _function(function: Callable[..., Any]) -> str | None:
    if _is_module(function):
        return _network(function)
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__qualname__", getattr(function, "__name__", ""))
    if not name or "<" in name:  # a lambda, or a function made inside another
        return None
    module = getattr(function, "__module__", None)
    if owner is None or type(owner) is type(sys):  # no method, but a function of a module
        return f"{module}.{name}" if module else name
    return _method(owner, name.rpartition(".")[2])


def _method(owner: Any, name: str) -> str | None:
    of = _value(owner)
    return of and f"{of}.{name}"


def _value(value: Any) -> str | None:
    """What a call's time depends on in an argument; None where that cannot be told."""
    if isinstance(value, str | int | float | bool):
        return repr(value)
    if _is_module(value):
        return _network(value)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        dense = "" if value.is_contiguous() else f" strides {list(value.stride())}"
        learns = " with gradient" if value.requires_grad else ""
        pinned = " pinned" if value.device.type == "cpu" and _pinned(value) else ""
        name = f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        return f"{name} on {value.device.type}{dense}{learns}{pinned}"
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        dense = "" if value.flags.c_contiguous else f" strides {list(value.strides)}"
        return f"numpy {value.dtype}{list(value.shape)}{dense}"
    return None


def _is_operand(value: Any) -> bool:
    """A tensor or an array."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def _pinned(tensor: Any) -> bool:
    try:
        return bool(tensor.is_pinned())
    except RuntimeError:  # no accelerator to pin for
        return False


def _is_module(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _network(module: Any) -> str:
    weights = sum(weight.numel() for weight in module.parameters())
    dtypes = {str(weight.dtype).removeprefix("torch.") for weight in module.parameters()}
    made = f"{zlib.crc32(repr(module).encode()):x}"  # of layers and their options
    mode = "training" if module.training else "evaluation"
    return f"{type(module).__qualname__} {made} of {weights} {'/'.join(sorted(dtypes))} in {mode}"


def _settings() -> str:
    """Torch's settings on which times depend: threads, gradients, precision, kernels; "" without torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return ""
    grad = (
        "inference" if torch.is_inference_mode_enabled() else "grad" if torch.is_grad_enabled() else "no grad"
    )
    threads = torch.get_num_threads()
    settings = [f"{threads} thread{'s' * (threads != 1)}", grad]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        backends: Any = torch.backends
        precisions = backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision
        settings.append("products {}, convolutions {}".format(*precisions))
        settings.append(f"cudnn benchmark {backends.cudnn.benchmark}")
    if any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")):
        settings.append("autocast")
    return "; ".join(settings)

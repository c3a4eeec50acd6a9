"""Settings of the process that a test may leave changed for those after it: read, put back, and named."""

import gc
import importlib
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

from bench.measure.originals import os


@dataclass(frozen=True)
class Setting:
    """One setting: what it is called, how it is read and set; of torch only where that is loaded."""

    name: str
    read: Callable[[], Any]
    put: Callable[[Any], object]
    of_torch: bool = False


def _torch() -> Any:
    return sys.modules["torch"]


def _directory() -> str | None:
    """None where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _go_to(path: str | None) -> None:
    with suppress(OSError):  # it may be gone as well
        os.chdir(path or os.sep)


def _of_module(name: str) -> Setting:
    """What a module of the standard library holds, by the names that it has now: what is added stays."""
    module = importlib.import_module(name)
    names = tuple(vars(module))

    def put(values: Iterable[Any]) -> None:
        vars(module).update(zip(names, values, strict=True))

    return Setting(f"parts of {name}", lambda: [*map(vars(module).get, names)], put)


def _umask() -> int:
    """It can only be read by setting it."""
    os.umask(umask := os.umask(0o077))
    return umask


OF_PYTEST = "PYTEST_CURRENT_TEST"
"""The variable that says which test runs, as long as one does."""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != OF_PYTEST}


def _set_environment(values: Mapping[str, str]) -> None:
    for name in {*_environment()} - {*values}:
        del os.environ[name]
    os.environ.update(values)


SIGNALS = sorted(signal.valid_signals() - {getattr(signal, "SIGCHLD", None)})
"""Those whose handlers are a test's own: torch's DataLoader has one for its children, set once a process."""

TIMERS = tuple(getattr(signal, name) for name in dir(signal) if re.fullmatch("ITIMER_[A-Z]+", name))


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


def _set_handlers(handlers: Iterable[Any]) -> None:
    for number, handler in zip(SIGNALS, handlers, strict=True):
        if handler is not None and signal.getsignal(number) != handler:  # None: it is not Python's
            signal.signal(number, handler)


def _timers() -> list[bool]:
    """Which are running: one that goes off later would end, or delay, another test's visit."""
    return [signal.getitimer(timer) != (0.0, 0.0) for timer in TIMERS]


def _stop_timers(running: Iterable[bool]) -> None:
    for timer, runs in zip(TIMERS, running, strict=True):
        if not runs:
            signal.setitimer(timer, 0.0)


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


PROCESSORS = "the processors"
"""The setting that a gate's coordinator changes from outside, while a test is timed."""


SETTINGS = (
    Setting("the collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting("the collector's thresholds", gc.get_threshold, lambda counts: gc.set_threshold(*counts)),
    Setting("the collector's debugging", gc.get_debug, gc.set_debug),
    *map(_of_module, ("builtins", "io", "json", "os", "time")),
    Setting("the trace function", sys.gettrace, sys.settrace),
    Setting("the profile function", sys.getprofile, sys.setprofile),
    Setting("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("the umask", _umask, os.umask),
    Setting("the environment", lambda: _environment(), _set_environment),
    Setting("the module path", lambda: [*sys.path], lambda path: sys.path.__setitem__(slice(None), path)),
    Setting("the interval timers", _timers, _stop_timers),
    Setting("signal handlers", _handlers, _set_handlers),
    Setting("the working directory", lambda: _directory(), lambda path: _go_to(path)),
    Setting("torch's threads", lambda: _torch().get_num_threads(),
            lambda count: _torch().set_num_threads(count), of_torch=True),
    Setting("torch's default dtype", lambda: _torch().get_default_dtype(),
            lambda dtype: _torch().set_default_dtype(dtype), of_torch=True),
    Setting("torch's inference mode", lambda: _torch().is_inference_mode_enabled(), _set_inference_mode,
            of_torch=True),  # before the gradient mode, which comes with it
    Setting("torch's gradient mode", lambda: _torch().is_grad_enabled(),
            lambda on: _torch().set_grad_enabled(on), of_torch=True),
    Setting("torch's default device", lambda: str(_torch().get_default_device()),
            lambda name: _torch().set_default_device(None if name == "cpu" else name), of_torch=True),
    Setting("torch's deterministic mode", lambda: _torch().get_deterministic_debug_mode(),
            lambda mode: _torch().set_deterministic_debug_mode(mode), of_torch=True),
    Setting("torch's anomaly detection", lambda: _torch().is_anomaly_enabled(),
            lambda on: _torch().autograd.set_detect_anomaly(on), of_torch=True),
    Setting("torch's denormal numbers", lambda: SMALLEST * 1.0 != 0.0,
            lambda kept: _torch().set_flush_denormal(not kept), of_torch=True),
    Setting("torch's autocast", _autocast, _set_autocast, of_torch=True),
    Setting("torch's precision of float32", _precision, _set_precision, of_torch=True),
    Setting("torch's kernels", _kernels, _set_kernels, of_torch=True),
    *([Setting(PROCESSORS, lambda: os.sched_getaffinity(0), lambda on: os.sched_setaffinity(0, on))]
      if hasattr(os, "sched_getaffinity") else []),
)  # fmt: skip


def current() -> dict[str, Any]:
    """Every setting as it is now, by name."""
    return {each.name: each.read() for each in SETTINGS if not each.of_torch or "torch" in sys.modules}


@dataclass
class Kept:
    """The settings that a visit is to leave as it found them; `left` names those that it did not."""

    before: dict[str, Any] = field(default_factory=current)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def meant(self, *only: str) -> Iterator[None]:
        """What is changed meanwhile, of all settings or of these, is meant to last: it was not the test."""
        before = current()
        yield
        after = current()
        names = only or tuple(after)
        changed = (name for name in names if name in after and before.get(name) != after[name])
        self.before |= {name: after[name] for name in changed}

    def put_back(self) -> None:
        """Undoes what was left changed, and notes what that was."""
        for each in SETTINGS:  # read one by one: one that is put back may bring another with it
            if each.name in self.before and each.read() != self.before[each.name]:
                self.left.append(each.name)
                each.put(self.before[each.name])

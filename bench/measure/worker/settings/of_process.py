"""Settings of a process that a test may leave changed for those after it: how each is read and put back."""

import gc
import importlib
import re
import signal
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.measure.originals import os


@dataclass(frozen=True)
class Setting:
    """One setting: what it is called, how it is read and set."""

    name: str
    read: Callable[[], Any]
    put: Callable[[Any], object]


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


def _set_priority(nice: int) -> None:
    with suppress(OSError):  # to be less nice again takes a privilege
        os.setpriority(os.PRIO_PROCESS, 0, nice)


PROCESSORS = "the processors"
"""The setting that a gate's coordinator changes from outside, while a test is timed."""


SETTINGS = (
    Setting("the collector", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting("the collector's thresholds", gc.get_threshold, lambda counts: gc.set_threshold(*counts)),
    Setting("the collector's debugging", gc.get_debug, gc.set_debug),
    *map(_of_module, ("builtins", "io", "json", "os", "time")),
    Setting("the trace function", sys.gettrace, sys.settrace),
    Setting("the profile function", sys.getprofile, sys.setprofile),
    Setting("the trace function of threads", threading.gettrace,
            lambda function: threading.settrace(function)),
    Setting("the profile function of threads", threading.getprofile,
            lambda function: threading.setprofile(function)),
    Setting("the tracing of memory", tracemalloc.is_tracing,
            lambda on: tracemalloc.start() if on else tracemalloc.stop()),
    Setting("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("the umask", _umask, os.umask),
    Setting("the environment", lambda: _environment(), _set_environment),
    Setting("the module path", lambda: [*sys.path], lambda path: sys.path.__setitem__(slice(None), path)),
    Setting("the interval timers", _timers, _stop_timers),
    Setting("signal handlers", _handlers, _set_handlers),
    Setting("the signal mask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask)),
    Setting("the priority", lambda: os.getpriority(os.PRIO_PROCESS, 0), _set_priority),
    Setting("the working directory", lambda: _directory(), lambda path: _go_to(path)),
    *([Setting(PROCESSORS, lambda: os.sched_getaffinity(0), lambda on: os.sched_setaffinity(0, on))]
      if hasattr(os, "sched_getaffinity") else []),
)  # fmt: skip

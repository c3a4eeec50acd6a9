"""A template as a process: it has imported what launches import, computes nothing, and forks launches.

Run by `bench.measure.start.template`. A fork becomes the ordinary worker of `bench.measure.worker.main`, with
its own pytest session, channel, output, environment and process group; it is forked twice, so that the
coordinator adopts it. No code of ours or of the project stays loaded here: a launch loads its own.
"""

import ctypes
import gc
import importlib
import os
import signal
import socket
import sys
import time
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NoReturn

from bench.measure import compat
from bench.measure.host import kinship
from bench.measure.worker import code, protocol

TRIAL_SIDE = 512
"""Side of the matrices multiplied in a trial: enough for every library to use all of its threads."""


def main(descriptor: int, home: str, mark: str) -> None:
    """Imports what it is told over the connection at `descriptor`, then forks until that is closed.

    `home` is where launches find `bench`, `mark` the environment variable that marks a launch.
    """
    kinship.die_with_parent()
    for name in [name for name in sys.modules if name.partition(".")[0] == "bench"]:
        del sys.modules[name]
    before, place = set(sys.modules), _place(mark)
    channel = protocol.Channel(Connection(descriptor), protocol.FROM_TEMPLATE, protocol.TO_TEMPLATE)
    with suppress(EOFError, ConnectionError):
        loading: protocol.Load = channel.receive()
        _load(loading.modules)
        channel.send(protocol.Loaded(_problem(loading, before)))
        while True:
            request: protocol.Fork = channel.receive()
            with socket.socket(fileno=os.dup(channel.connection.fileno())) as end:
                descriptors = socket.recv_fds(end, 1, 2)[1]
            pid = _forked_twice(channel, request, loading.rewritten, home, place, descriptors)
            channel.send(protocol.Forked(pid))
    os._exit(0)  # taking torch apart would cost seconds


def _place(variable: str) -> int:
    """Where the value of an environment variable lies, as others see it in /proc; written over in a fork."""
    find = ctypes.CDLL(None).getenv
    find.argtypes, find.restype = [ctypes.c_char_p], ctypes.c_void_p
    place: int = find(variable.encode())
    return place


def _load(modules: tuple[str, ...]) -> None:
    """Imports what can be imported: what cannot here, a launch tries for itself."""
    # Or importing code that asks whether there is a GPU would start its driver, which no fork could use.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    gc.disable()
    for name in modules:
        try:
            importlib.import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever libraries raise: pytest's own are no Exceptions
            continue
    gc.collect()
    gc.freeze()


def _problem(loading: protocol.Load, before: set[str]) -> str:
    """Why nothing can be forked from here, if so. Modules that were there `before` do not count."""
    for name, file in code.loaded():
        foreign = not code.is_installed(file) or name.partition(".")[0] in loading.own
        if foreign and name not in before:
            # A journal is passed on: where a project lies on its machine is nothing to tell.
            shown = file.removeprefix(os.getcwd() + os.sep)
            return f"importing what the suites use loads {name!r} from {shown}, the project's own code"
    trial = _fork()
    if not trial:
        _compute_and_exit()
    until_s = time.monotonic() + loading.trial_s
    while not (ended := os.waitpid(trial, os.WNOHANG))[0]:
        if time.monotonic() > until_s:
            os.kill(trial, signal.SIGKILL)
            os.waitpid(trial, 0)
            return f"a product did not end in a fork within {loading.trial_s:g} s: an import has computed"
        time.sleep(0.002)
    status = os.waitstatus_to_exitcode(ended[1])
    if status < 0:
        return f"a fork that computes a product dies of {signal.Signals(-status).name}"
    return "an import has started an accelerator's driver, which no fork can use" if status else ""


def _compute_and_exit() -> NoReturn:
    """In a fork: exit status 0 where a product can be computed and no driver was started before; else 1."""
    kinship.die_with_parent()
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    status = 0
    with suppress(Exception):  # an exception is no hang, and a launch will say it better
        if numpy is not None:
            matrix = numpy.ones((TRIAL_SIDE, TRIAL_SIDE), dtype=numpy.float32)
            matrix @ matrix
        if torch is not None:
            status = int(compat.in_bad_fork(torch))
            ones = torch.ones(TRIAL_SIDE, TRIAL_SIDE)
            (ones @ ones).add(ones)
    os._exit(status)


def _fork() -> int:
    """os.fork, of which Python 3.12 and later warn where there are threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)
        return os.fork()


def _forked_twice(
    channel: protocol.Channel,
    request: protocol.Fork,
    rewritten: tuple[str, ...],
    home: str,
    place: int,
    descriptors: list[int],
) -> int:
    """The process of a new launch, whose parent has ended when this returns."""
    reading, writing = os.pipe()
    between = _fork()
    if not between:
        launch = _fork()
        if launch:
            os.write(writing, str(launch).encode())
            os._exit(0)
        try:
            for each in (reading, writing):
                os.close(each)
            channel.connection.close()
            _become_worker(request, rewritten, home, place, descriptors)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(1)
    os.waitpid(between, 0)
    for each in (writing, *descriptors):
        os.close(each)
    with os.fdopen(reading) as pipe:
        return int(pipe.read())


def _become_worker(
    request: protocol.Fork, rewritten: tuple[str, ...], home: str, place: int, descriptors: list[int]
) -> None:
    """Makes this process what a fresh start of a worker would be, and runs the worker."""
    os.setsid()
    kinship.be_adopted_by(request.coordinator)
    channel, output = descriptors
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.chdir(request.directory)
    ctypes.memmove(place, request.mark.encode(), len(request.mark))
    os.environ.clear()
    os.environ.update(request.environment)
    _seed()
    for name in rewritten:  # an installed plugin of pytest that something else has imported: too late
        if module := sys.modules.get(name):
            module.__doc__ = f"{module.__doc__ or ''}\nPYTEST_DONT_REWRITE"
    sys.argv = ["-c", *request.arguments]
    sys.path.insert(0, home)
    worker = importlib.import_module("bench.measure.worker.main")
    sys.path.remove(home)
    worker.main(channel, list(request.arguments))


def _seed() -> None:
    """Gives numpy and torch random states of their own, as a fresh process has; Python sees to `random`."""
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()  # the processor's: devices have theirs when they start

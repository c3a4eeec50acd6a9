"""A worker as its coordinator sees it: a process that answers, or died, or takes too long."""

import atexit
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from bench.events import Outcome
from bench.measure.worker import protocol

HOME = Path(__file__).resolve().parents[3]
"""Where the package `bench` lies: a worker finds it there, installed or not."""

BOOTSTRAP = (
    "import sys; sys.path.insert(0, {home!r}); from bench.measure.worker import main; "
    "sys.path.remove({home!r}); main.main({descriptor}, sys.argv[1:])"
)

DEVICE_FACTS = (
    "import json, sys; sys.path.insert(0, {home!r}); from bench.measure.devices import available; "
    "print(json.dumps([{{'device': name, **available.get(name).facts()}} for name in sys.argv[1:]]))"
)

IDLE_PLUGINS = ("unraisableexception",)
"""pytest's own that a worker has no use for and that has no options: it collects garbage at the end, five
times, which takes half a second a launch."""

POLL_S = 0.1
"""How often a silent worker is looked at; a message ends the wait at once."""

USAGE_ERROR, INTERNAL_ERROR = 4, 3
"""pytest's exit statuses for arguments that it does not understand, and for an error in a plugin."""

ERROR, INTERNAL = re.compile(r"ERROR: |\S+: error: "), "INTERNALERROR> "
"""How pytest's own lines of these begin."""

LAST_WORDS = 1500
"""Characters of a dead worker's output that are kept."""


class WorkerError(Exception):
    """The worker died, hung, or could not start. `outcome` is `died`, `timeout` or `refused`."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Spec:
    """What a worker collects, and how it is started."""

    paths: tuple[str, ...]
    keyword: str = ""
    python: str = sys.executable
    directory: Path = field(default_factory=Path.cwd)
    rootdir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    home: Path = HOME

    def command(self, descriptor: int) -> list[str]:
        bootstrap = BOOTSTRAP.format(home=str(self.home), descriptor=descriptor)
        pytest = [*self.paths, *self.arguments, *(f"-pno:{name}" for name in IDLE_PLUGINS)]
        if self.keyword:
            pytest += ["-k", self.keyword]
        if self.rootdir:
            pytest.append(f"--rootdir={self.rootdir}")
        # -P: a package named `bench` in the directory of the suite must not shadow ours.
        return [self.python, "-P", "-c", bootstrap, *pytest]


@cache
def bytecode() -> Mapping[str, str]:
    """Lets workers share compiled modules where there are none and Python keeps none.

    Containers may be set up so, and compiling torch takes each worker 4 s. What is compiled goes with this
    process.
    """
    if not sys.dont_write_bytecode or sys.pycache_prefix or is_compiled("torch") is not False:
        return {}
    folder = tempfile.mkdtemp(prefix="bench-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}


def is_compiled(package: str) -> bool | None:
    """Whether an installed package has its compiled modules beside it; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(importlib.util.cache_from_source(spec.origin)).exists()


class Worker:
    """A worker process, leading a process group of its own that ends as a whole with it."""

    def __init__(self, spec: Spec) -> None:
        ours, theirs = Pipe()
        self.channel = protocol.Channel(ours, protocol.COMMANDS, protocol.REPLIES)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self._started_s = time.monotonic()
        self.process = subprocess.Popen(
            spec.command(theirs.fileno()),
            cwd=spec.directory,
            env={**os.environ, **bytecode(), **spec.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def tell(self, command: protocol.Command) -> None:
        """Sends a command; raises WorkerError where the worker is gone."""
        try:
            self.channel.send(command)
        except OSError:
            raise self._death() from None

    def hear(self, timeout_s: float) -> Any:
        """The next message; raises WorkerError where none comes in time or the worker dies.

        It waits for the process, not for the channel's end, which forked children may hold open.
        """
        deadline_s = time.monotonic() + timeout_s
        try:
            while not self.channel.connection.poll(POLL_S):
                if self.process.poll() is not None and not self.channel.connection.poll(0):
                    raise self._death()
                if time.monotonic() > deadline_s:
                    raise WorkerError("timeout", f"no answer within {timeout_s:.0f} s")
            message = self.channel.receive()
        except (EOFError, ConnectionError):
            raise self._death() from None
        if isinstance(message, protocol.Ended):
            raise _ended(message, self.last_words())
        return message

    def ask(self, command: protocol.Command, timeout_s: float) -> Any:
        """The worker's reply, of the type that answers the command."""
        self.tell(command)
        return self.hear(timeout_s)

    def collected(self, timeout_s: float) -> protocol.Collected:
        """The worker's first message: its cases and the seconds from start to their collection."""
        collected: protocol.Collected = self.hear(timeout_s)
        return replace(collected, collect_s=time.monotonic() - self._started_s)

    def last_words(self) -> str:
        """The end of what the worker printed."""
        file = self._output.fileno()
        begin = max(0, os.fstat(file).st_size - LAST_WORDS)
        return os.pread(file, LAST_WORDS, begin).decode(errors="replace").strip()  # moves no shared offset

    def _death(self) -> WorkerError:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return WorkerError("died", "the worker closed its channel")
        if status == -signal.SIGKILL:
            return WorkerError("died", "the process was killed (signal 9), as a machine out of memory does")
        how = f"died of {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        return WorkerError("died", f"the process {how}\n{self.last_words()}")

    def end(self) -> None:
        """Ends the worker: politely, then its whole group, stopped or not."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.channel.send(protocol.Exit())
            self.process.wait(timeout=5)
        self.kill()

    def kill(self) -> None:
        """Ends the worker's whole process group at once."""
        self.signal_group(signal.SIGKILL)
        self.process.wait()
        self.channel.connection.close()
        self._output.close()

    def signal_group(self, number: int) -> None:
        """Signals the worker and its children, so that a partner can be stopped between turns."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has gone, with all of its group
            os.killpg(self.process.pid, number)


def _ended(message: protocol.Ended, words: str) -> WorkerError:
    """Why a worker ended by itself: pytest's own line where it refuses its arguments, else its last words."""
    if message.refusal:
        return WorkerError("refused", message.refusal)
    lines = words.splitlines()
    round_them = ""
    if message.addopts:
        way = "--pytest-args='-o addopts=' goes round them"
        round_them = f"; the project's own options are {message.addopts}: {way}"
    errors = [line.partition("error: ")[2] or line for line in lines if ERROR.match(line)]
    if errors and message.status == USAGE_ERROR:
        return WorkerError(
            "died", f"pytest refuses its arguments: {errors[-1].removeprefix('ERROR: ')}{round_them}"
        )
    internal = [line.removeprefix(INTERNAL) for line in lines if line.startswith(INTERNAL)]
    if internal and message.status == INTERNAL_ERROR:
        raised = next((line for line in reversed(internal) if line[:1].strip()), internal[-1])
        return WorkerError("died", f"pytest fails before any test: {raised}{round_them}")
    return WorkerError("died", f"pytest ended with status {message.status}:\n{words}{round_them}")


def start_together(spec: Spec, count: int, timeout_s: float) -> list[tuple[Worker, protocol.Collected]]:
    """Starts so many workers side by side, and waits until all are idle; each with what it collected.

    Their imports then disturb nobody's blocks. One that cannot is left out; WorkerError where none can.
    """
    starting, idle, failure = [Worker(spec) for _ in range(count)], [], None
    try:
        for worker in starting:
            try:
                idle.append((worker, worker.collected(timeout_s)))
            except WorkerError as error:
                failure = error
                worker.kill()
    except BaseException:
        for worker in starting:
            worker.kill()
        raise
    if failure and not idle:
        raise failure
    return idle


def device_facts(spec: Spec, names: Sequence[str]) -> list[dict[str, Any]]:
    """What accelerators say of themselves, asked in a process of its own: saying it initializes them."""
    if not names:
        return []
    asked = subprocess.run(
        [spec.python, "-P", "-c", DEVICE_FACTS.format(home=str(HOME)), *names],
        capture_output=True,
        text=True,
        env={**os.environ, **spec.environment},
        timeout=120,
    )
    facts: list[dict[str, Any]] = json.loads(asked.stdout.splitlines()[-1]) if asked.returncode == 0 else []
    return facts or [{"device": name, "name": name} for name in names]

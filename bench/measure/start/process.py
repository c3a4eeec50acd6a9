"""A worker as its coordinator sees it: a process that answers, or died, or takes too long."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Literal

from bench.events import Launch, Outcome
from bench.measure.start import adoption, bytecode, endings
from bench.measure.start.adoption import Adopted
from bench.measure.start.crashes import crash, where_it_hangs
from bench.measure.worker import protocol

HOME = Path(__file__).resolve().parents[3]
"""Where the package `bench` lies: a worker finds it there, installed or not."""

BOOTSTRAP = (
    "import sys; sys.path.insert(0, {home!r}); from bench.measure.worker import {module}; "
    "sys.path.remove({home!r}); {module}.main({arguments})"
)
"""Runs one of our modules, wherever its process is started."""

IDLE_PLUGINS = ("unraisableexception",)
"""pytest's own that a worker has no use for and that has no options: it collects garbage at the end, five
times, which takes half a second a launch."""

POLL_S = 0.1
"""How often a silent worker is looked at; a message ends the wait at once."""

STACK_BYTES = 1 << 16
"""How much of its output is read: a crash prints the stack of each thread, a hundred calls or more."""


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

    @property
    def pytest_arguments(self) -> tuple[str, ...]:
        keyword = ("-k", self.keyword) if self.keyword else ()
        root = (f"--rootdir={self.rootdir}",) if self.rootdir else ()
        return (*self.paths, *self.arguments, *(f"-pno:{name}" for name in IDLE_PLUGINS), *keyword, *root)

    def with_environment(self, **variables: str) -> "Spec":
        return replace(self, environment={**self.environment, **variables})

    @property
    def whole_environment(self) -> dict[str, str]:
        """What a worker finds in its environment: this process's, but for what is its own."""
        return {**os.environ, **bytecode.variables(), **self.environment}


Process = subprocess.Popen[bytes] | Adopted

Start = Callable[[Spec, int, int], Process]
"""Starts a worker's process, given the descriptors of its channel and of its output."""


def start_python(
    spec: Spec, module: str, arguments: str, channel: int, output: int, *further: str
) -> subprocess.Popen[bytes]:
    """A Python that calls `main(arguments)` of a module of the worker, in a session of its own."""
    code = BOOTSTRAP.format(home=str(spec.home), module=module, arguments=arguments)
    # -P: a package named `bench` in the directory of the suite must not shadow ours.
    return subprocess.Popen(
        [spec.python, "-P", "-c", code, *further],
        cwd=spec.directory,
        env=spec.whole_environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(channel,),
        start_new_session=True,
    )


def start_fresh(spec: Spec, channel: int, output: int) -> Process:
    """A worker's process that imports everything by itself."""
    return start_python(spec, "main", f"{channel}, sys.argv[1:]", channel, output, *spec.pytest_arguments)


class Worker:
    """A worker process, leading a process group of its own; with it ends whatever it has started.

    `template` is the number of the template that it was forked from, None for a fresh start, which
    `start_reason` explains where there could have been a fork.
    """

    def __init__(
        self, spec: Spec, start: Start = start_fresh, template: int | None = None, start_reason: str = ""
    ) -> None:
        self.template, self.start_reason = template, start_reason
        self._mark = adoption.new_mark()
        try:
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        except OSError as error:
            text = "no file for what a worker prints can be made; make room, or set TMPDIR"
            raise WorkerError("refused", f"{text} ({error.strerror or error})") from None
        ours, theirs = Pipe()
        self.channel = protocol.Channel(ours, protocol.COMMANDS, protocol.REPLIES)
        self._started_s = time.monotonic()
        marked = spec.with_environment(**{adoption.VARIABLE: self._mark})
        try:
            with theirs:
                self.process = start(marked, theirs.fileno(), self._output.fileno())
        except BaseException:
            ours.close()
            self._output.close()
            raise

    def began(self, launch: Launch) -> Launch:
        """The event that a launch of this worker begins, with how it was started."""
        start: Literal["fork", "fresh"] = "fresh" if self.template is None else "fork"
        return replace(launch, template=self.template, start=start, start_reason=self.start_reason)

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
            outcome: Outcome = "refused" if message.refusal else "died"
            raise WorkerError(outcome, endings.why(message, self.last_words()))
        return message

    def ask(self, command: protocol.Command, timeout_s: float) -> Any:
        """The worker's reply, of the type that answers the command."""
        self.tell(command)
        return self.hear(timeout_s)

    def collected(self, timeout_s: float) -> protocol.Collected:
        """The worker's cases, and the seconds from start to their collection.

        Raises WorkerError, with the file that was looked into where the worker came no further.
        """
        deadline_s, looked_into = time.monotonic() + timeout_s, ""
        try:
            while isinstance(message := self.hear(deadline_s - time.monotonic()), protocol.Collecting):
                looked_into = message.path
        except WorkerError as error:
            late = error.outcome == "timeout"
            seen = (
                f"collecting took more than {timeout_s:.0f} s{where_it_hangs(self.process, self._printed)}"
                if late
                else str(error)
            )
            raise WorkerError(error.outcome, _at(looked_into, seen) if looked_into else seen) from None
        collected: protocol.Collected = message
        return replace(collected, collect_s=time.monotonic() - self._started_s)

    def last_words(self) -> str:
        """The end of what the worker printed."""
        return endings.last_words(self._printed())

    def _printed(self) -> str:
        file = self._output.fileno()
        begin = max(0, os.fstat(file).st_size - STACK_BYTES)
        return os.pread(file, STACK_BYTES, begin).decode(errors="replace")  # moves no shared offset

    def _death(self) -> WorkerError:
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return WorkerError("died", "the worker closed its channel")
        if status == -signal.SIGKILL:
            return WorkerError("died", "the process was killed (signal 9), as a machine out of memory does")
        how = f"died of {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        if where := crash(self._printed()):
            return WorkerError("died", f"the process {how}: {where}")
        return WorkerError("died", f"the process {how}\n{self.last_words()}".strip())

    def end(self) -> None:
        """Ends the worker: politely, then its whole group, stopped or not."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.channel.send(protocol.Exit())
            self.process.wait(timeout=5)
        self.kill()

    def kill(self) -> None:
        """Ends the worker at once, its whole process group, and all else that it started."""
        self.signal_group(signal.SIGKILL)
        if self.process.poll() is None:  # a fork may not lead a group of its own yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if not self.channel.connection.closed:
            adoption.end(self._mark, self.process.pid)
        self.channel.connection.close()
        self._output.close()

    def signal_group(self, number: int) -> None:
        """Signals the worker and its children, so that a partner can be stopped between turns."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has gone, with all of its group
            os.killpg(self.process.pid, number)


def _at(path: str, seen: str) -> str:
    """What was seen of a worker while it looked into a file or folder, and how to go round that."""
    first, *rest = seen.splitlines()
    left_out = shlex.quote(f"--ignore={shlex.quote(path)}")
    told = (
        f"{first}, while it looked into {path}; leave that out by --pytest-args={left_out}, or name the "
        "folder that has the benchmarks"
    )
    return "\n".join([told, *rest])


def collect_together(workers: Sequence[Worker], timeout_s: float) -> list[tuple[Worker, protocol.Collected]]:
    """Waits until all workers are idle, which start side by side; each with what it collected.

    Their imports then disturb nobody's blocks. One that cannot is left out; WorkerError where none can.
    """
    idle, failure = [], None
    try:
        for worker in workers:
            try:
                idle.append((worker, worker.collected(timeout_s)))
            except WorkerError as error:
                failure = error
                worker.kill()
    except BaseException:
        for worker in workers:
            worker.kill()
        raise
    if failure and not idle:
        raise failure
    return idle

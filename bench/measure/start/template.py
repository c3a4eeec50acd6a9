"""A template as the coordinator sees it: a process that has imported what launches import, and forks them.

Importing torch takes seconds, a fork of a process that has imported it a fraction of one. What that process
does is in `bench.measure.worker.template`; it has one interpreter and one environment.
"""

import os
import signal
import socket
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from bench.measure.start import adoption
from bench.measure.start.adoption import Adopted
from bench.measure.start.process import Process, Spec, start_python
from bench.measure.worker import protocol
from bench.measure.worker.protocol import Load

LOAD_TIMEOUT_S = 300.0
"""Patience with a template's imports, as with a worker's."""

FORK_TIMEOUT_S = 20.0
"""Patience with a fork itself, which takes a fraction of a second."""


class TemplateError(Exception):
    """Why nothing could be forked."""


class Template:
    """A process that has imported what launches import, and forks them."""

    def __init__(self, spec: Spec, load: Load) -> None:
        """Starts importing; `wait` says when that is done."""
        ours, theirs = Pipe()
        self._channel = protocol.Channel(ours, protocol.TO_TEMPLATE, protocol.FROM_TEMPLATE)
        self._mark = adoption.new_mark()
        self._loaded = False
        with theirs, tempfile.TemporaryFile() as output:
            marked = spec.with_environment(**{adoption.VARIABLE: self._mark})
            arguments = f"{theirs.fileno()}, {str(spec.home)!r}, {adoption.VARIABLE!r}"
            self.process = start_python(marked, "template", arguments, theirs.fileno(), output.fileno())
        with suppress(OSError):  # it has ended already, as `wait` will find
            self._channel.send(load)

    def wait(self) -> None:
        """Waits until launches can be forked. Raises TemplateError where they cannot."""
        if not self._loaded and (problem := self._hear(LOAD_TIMEOUT_S).problem):
            raise TemplateError(problem)
        self._loaded = True

    def fork(self, spec: Spec, channel: int, output: int) -> Process:
        """A worker's process, forked: a `Start`. Raises TemplateError."""
        environment = spec.whole_environment
        mark = environment[adoption.VARIABLE]
        request = protocol.Fork(spec.pytest_arguments, str(spec.directory), environment, mark, os.getpid())
        try:
            self._channel.send(request)
            with socket.socket(fileno=os.dup(self._channel.connection.fileno())) as end:
                socket.send_fds(end, [b"f"], [channel, output])
        except OSError:
            raise self._death() from None
        return Adopted(self._hear(FORK_TIMEOUT_S).pid)

    def _hear(self, timeout_s: float) -> Any:
        try:
            if not self._channel.connection.poll(timeout_s):
                raise TemplateError(f"a template gave no answer within {timeout_s:.0f} s")
            return self._channel.receive()
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> TemplateError:
        self.end()
        status = self.process.returncode
        name = signal.Signals(-status).name if status is not None and status < 0 else f"status {status}"
        return TemplateError(f"a template ended ({name})")

    def end(self) -> None:
        """Ends it at once; launches go on."""
        if self._channel.connection.closed:
            return
        self._channel.connection.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        adoption.end(self._mark, self.process.pid)

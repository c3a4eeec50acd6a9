"""Processes that compete for the processors while something is measured: one for every two processors."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from bench.measure.host.interference import processors

SPINNER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # <linux/prctl.h>: end with whoever started it, even while stopped
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(10**6):
        pass
"""


class Company:
    """Competing processes, stopped except within `busy()`."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for _ in range(max(1, len(processors()) // 2)):
            self._processes.append(subprocess.Popen([sys.executable, "-S", "-c", SPINNER]))
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """The stretch of time in which they compute."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def _signal(self, number: int) -> None:
        for process in self._processes:
            process.send_signal(number)

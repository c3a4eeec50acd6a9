"""Processes that compete for the processors while something is measured: one for every two, or for each."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from bench.app.sides.calibrate import competing
from bench.measure.host.interference import processors


class Company:
    """Competing processes, stopped except within `busy()`: `everywhere` as many as there are processors."""

    def __init__(self, everywhere: bool = False) -> None:
        count = len(processors())
        self._competing = competing(count if everywhere else max(1, count // 2))

    def __enter__(self) -> Self:
        self._processes = self._competing.__enter__()
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._competing.__exit__(kind, error, trace)

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

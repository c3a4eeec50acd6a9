"""How long this process's threads waited for a processor, and how many of them ran."""

import math
import resource
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.measure.originals import os, time

RAN_SHARE = 0.01
"""Processor time, as a share of the block, above which a thread or child counts as running in it: idle
pools and helper processes wake up now and then, and compete with nobody."""

SWITCH_S = 0.001
"""What an involuntary context switch is taken to cost where no delay can be read: about the shortest
slice that the other process gets (Linux's base slice is 0.7 to 3 ms, macOS's quantum 10 ms)."""

HAND_OVER_S = 0.0001
"""Longest mean wait for a processor of threads that hand over to each other: a few microseconds, until the
one that wakes another sleeps. Another process holds a processor for a slice, 0.7 ms or more."""

UNBORN = [0, 0, 0]
"""The figures of a thread that was not there yet."""

FIGURES = len(UNBORN)

LAGGING_S = 0.01
"""Longest block for which the threads' clocks are asked, too: a running thread's figures lag by up to a tick
of the scheduler, 1 to 10 ms. See docs/measurements.md, "Threads' clocks in short blocks"."""


class Delay(NamedTuple):
    """What the threads did in a block: the longest delay of one, and how many ran.

    `team` is true where several ran that stay: the calling one, and others that were there before and after;
    `handing_over` where several ran, and the one that waited longest did so often and for moments.
    """

    delay_s: float
    threads: int
    team: bool = False
    handing_over: bool = False


class Threads:
    """The scheduler's figures for every thread: nanoseconds run and delayed, times put on a processor.

    Source: "/proc/<pid>/schedstat" in Linux's Documentation/scheduler/sched-stats.rst. Reading a file that is
    kept open takes 1 µs, and is most of what this costs. The figures of all threads are one flat list, which
    is parsed at once.
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._folder = os.open(tasks, os.O_RDONLY | os.O_DIRECTORY)
        self._links = 0
        self._threads: list[int] = []
        self._files: list[int] = []
        self._figures: list[int] = []
        self._clocks_then: list[int] = []
        self._process_ns = 0
        self._own = threading.get_native_id()
        self._read()

    def before(self, expected_s: float = math.inf) -> None:
        """Keep the figures that `after` counts from, of a block that is expected to last so long.

        All are read anew, however short ago the last block was: while a worker hears what to do next, its
        other threads wait now and then, which would count against every third block of a team of two.
        """
        self._read()
        self._clocks_then = self._clocks() if expected_s < LAGGING_S else []
        self._process_ns = time.process_time_ns()

    def after(self, elapsed_s: float, idle_s: float) -> Delay:
        """The longest delay of a thread since `before`, and how many threads ran.

        `idle_s` is how long the calling thread used no processor: it was stolen if the thread was never
        taken off its processor. Where no clocks were asked, what the calling thread ran is the rest: its
        figures lag most, since it always runs while they are read.
        """
        process_ns = time.process_time_ns() - self._process_ns
        threads, begun = self._threads, self._figures
        clocks = self._clocks() if self._clocks_then else []
        self._read()
        if self._threads is not threads:
            before = {thread: begun[FIGURES * place :][:FIGURES] for place, thread in enumerate(threads)}
            begun = [figure for thread in self._threads for figure in before.get(thread, UNBORN)]
        grown = list(map(int.__sub__, self._figures, begun))
        least_ns = RAN_SHARE * elapsed_s * 1e9
        ran, lag_ns = grown[::FIGURES], LAGGING_S * 1e9 * len(grown) / FIGURES
        own = self._threads.index(self._own)
        if clocks and self._threads is threads:
            ran, lag_ns = list(map(int.__sub__, clocks, self._clocks_then)), 0.0
        else:
            ran[own] = round((elapsed_s - idle_s) * 1e9)
        staying = sum(ran_ns > least_ns for ran_ns in ran)
        passing = math.ceil((process_ns - sum(ran) - lag_ns - least_ns) / (elapsed_s * 1e9))
        longest_ns, times = max(zip(grown[1::FIGURES], grown[2::FIGURES], strict=True))
        longest_s, count = longest_ns / 1e9, max(1, staying + max(passing, 0))
        stolen_s = idle_s if grown[FIGURES * own + 2] == 0 else 0.0
        return Delay(
            max(longest_s, stolen_s),
            count,
            team=staying > 1 and ran[own] > least_ns and passing <= 0,
            handing_over=count > 1 and longest_ns > 0 and stolen_s <= longest_s < HAND_OVER_S * times,
        )

    def close(self) -> None:
        for file in (self._folder, *self._files):
            os.close(file)

    def _read(self) -> None:
        """Reads every thread's figures."""
        # The folder has one link for each thread, besides its own.
        if os.fstat(self._folder).st_nlink != self._links:
            self._open()
        try:
            self._figures = list(map(int, b"".join([os.pread(file, 80, 0) for file in self._files]).split()))
        except ProcessLookupError:  # one thread went as another came
            self._open()
            self._read()

    def _clocks(self) -> list[int]:
        """What each thread has run, up to now; nothing where one has ended since its files were opened."""
        try:
            return [time.clock_gettime_ns(clock_of(thread)) for thread in self._threads]
        except OSError:
            return []

    def _open(self) -> None:
        """Opens the files of the threads that there are now."""
        for file in self._files:
            os.close(file)
        self._threads, self._files = [], []
        self._links = os.fstat(self._folder).st_nlink
        for thread in os.listdir(self._tasks):
            with suppress(FileNotFoundError, ProcessLookupError):  # ended since it was listed
                self._files.append(os.open(self._tasks / thread / "schedstat", os.O_RDONLY))
                self._threads.append(int(thread))


def clock_of(thread: int) -> int:
    """The number of a thread's clock: MAKE_THREAD_CPUCLOCK of Linux's include/linux/posix-timers_types.h."""
    return ~thread << 3 | 6


class Switches:
    """What every Unix counts, where the scheduler's figures are missing: involuntary context switches."""

    def before(self, expected_s: float) -> None:  # noqa: ARG002 - as in Threads
        """Keep the figures that `after` counts from."""
        self._switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        self._process_s = time.process_time()

    def after(self, elapsed_s: float, idle_s: float) -> Delay:  # noqa: ARG002 - as in Threads
        """The switches' likely cost since `before`, and the threads that the processor time needed."""
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - self._switches
        busy = (time.process_time() - self._process_s) / elapsed_s
        return Delay(switches * SWITCH_S, max(1, math.ceil(busy - RAN_SHARE)))

    def close(self) -> None:
        """Nothing is open."""


def schedstat_works(root: Path = Path("/")) -> bool:
    """True where the scheduler keeps figures of threads; a kernel that keeps none writes only noughts."""
    try:
        return any(map(int, (root / "proc/self/schedstat").read_bytes().split()))
    except OSError:
        return False

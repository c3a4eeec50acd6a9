"""What others took from a block: run-queue delay, stolen and foreign processor time, throttling.

`Readings` is opened once in a worker and read around every block, outside the timed stretch. Which reading
tells that a block was disturbed depends on the case (`bench.records.Block.disturbs_itself`), never on how
long the block took.
"""

import math
import os
import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.measure.control_groups import control_groups, quota_processors, throttled_s

Source = Literal["schedstat", "context switches"]

RAN_SHARE = 0.01
"""Processor time, as a share of the block, above which a thread or child counts as running in it: idle
pools and helper processes wake up now and then, and compete with nobody."""

FOREIGN_LEAST_S = 0.5
"""Shortest block whose foreign time is read: processor time comes in ticks of 10 ms a processor, so that
over less than half a second a single tick would be over 2 %."""

SWITCH_S = 0.001
"""What an involuntary context switch is taken to cost where no delay can be read: about the shortest
slice that the other process gets (Linux's base slice is 0.7 to 3 ms, macOS's quantum 10 ms)."""


@dataclass(frozen=True)
class Interference:
    """An interference is what was read around one block: the fields of `Block` with the same names.

    `delay_s` is the longest that one thread of the process was ready to run and did not: its run-queue
    delay, or what was stolen from the calling thread by a hypervisor or by interrupts where that is more
    and can be told, since the thread never left its processor. `foreign_s` is None for a block under
    `FOREIGN_LEAST_S`. `threads` and `children` count those that ran; all children that ended in the block
    and were reaped count as one.
    """

    delay_s: float | None
    foreign_s: float | None
    throttled_s: float | None
    threads: int
    children: int
    processors: int


class Readings:
    """Open files and last values behind the readings; `source` names where the delay comes from.

    Open and read it in the thread that times. Files are kept open: that costs a tenth of opening them anew.
    """

    source: Source

    def __init__(self) -> None:
        self._threads = Threads() if schedstat_works() else Switches()
        self.source = self._threads.source
        groups = control_groups()
        self._quotas = [
            os.open(group / "cpu.stat", os.O_RDONLY) for group in groups if quota_processors(group)
        ]
        self._quotas_known = bool(groups)

    def before(self, expected_s: float = math.inf) -> None:
        """Read ahead of a block that is expected to last `expected_s`; by default it may be long."""
        self._children_s = descendants_run_s()
        self._reaped_s = reaped_s()
        self._foreign_s = None
        if expected_s >= FOREIGN_LEAST_S:
            self._foreign_s = foreign_s(processors(), self._children_s)
        self._throttled_s = self._withheld_s()
        self._threads.before()
        self._thread_s = time.thread_time()
        self._start_s = time.perf_counter()

    def after(self) -> Interference:
        """Read behind the block that `before` was called for."""
        elapsed_s = time.perf_counter() - self._start_s
        idle_s = elapsed_s - (time.thread_time() - self._thread_s)
        delay_s, threads = self._threads.after(elapsed_s, idle_s)
        withheld_s = self._withheld_s() - self._throttled_s
        own = processors()
        begun_s, self._children_s = self._children_s, descendants_run_s()
        grown_s = [s - begun_s.get(child, 0.0) for child, s in self._children_s.items()]
        grown_s.append(reaped_s() - self._reaped_s)
        foreign = None
        if self._foreign_s is not None and elapsed_s >= FOREIGN_LEAST_S:
            foreign = max(0.0, foreign_s(own, self._children_s) - self._foreign_s)
        return Interference(
            delay_s=delay_s,
            foreign_s=foreign,
            throttled_s=withheld_s if self._quotas_known else None,
            threads=threads,
            children=sum(s > RAN_SHARE * elapsed_s for s in grown_s),
            processors=len(own),
        )

    def close(self) -> None:
        """Close the files."""
        self._threads.close()
        for file in self._quotas:
            os.close(file)

    def _withheld_s(self) -> float:
        """Seconds since boot that quotas withheld, summed over processors and groups."""
        return sum(throttled_s(os.pread(file, 1024, 0)) for file in self._quotas)


UNBORN = b"0 0 0"
"""The figures of a thread that was not there yet."""


class Threads:
    """The scheduler's figures for every thread: nanoseconds run and delayed, times put on a processor.

    Source: "/proc/<pid>/schedstat" in Linux's Documentation/scheduler/sched-stats.rst.
    """

    source: Source = "schedstat"

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._folder = os.open(tasks, os.O_RDONLY | os.O_DIRECTORY)
        self._links = 0
        self._files: dict[int, int] = {}
        self._own = threading.get_native_id()
        self._figures = self._read()
        self._awake = set(self._figures)

    def before(self) -> None:
        """Keep the figures that `after` counts from.

        Only those of threads that were awake in the last block are read again, which halves the cost: the
        others have slept since, and count from then.
        """
        try:
            if os.fstat(self._folder).st_nlink == self._links:
                for thread in self._awake:
                    self._figures[thread] = os.pread(self._files[thread], 80, 0)
                return
        except ProcessLookupError:
            pass
        self._figures = self._read()

    def after(self, elapsed_s: float, idle_s: float) -> tuple[float, int]:
        """The longest delay of a thread since `before`, and how many threads ran.

        `idle_s` is how long the calling thread used no processor: it was stolen if the thread was never
        taken off its processor.
        """
        begun, self._figures = self._figures, self._read()
        grown = {
            thread: growth(begun.get(thread, UNBORN), figures)
            for thread, figures in self._figures.items()
            if figures != begun.get(thread)
        }
        self._awake = set(grown)
        _, _, own_slices = grown.get(self._own, (0, 0, 0))
        longest_s = max((delay for _, delay, _ in grown.values()), default=0) / 1e9
        least_ns = RAN_SHARE * elapsed_s * 1e9
        threads = sum(ran > least_ns for ran, _, _ in grown.values())
        return longest_s if own_slices else max(longest_s, idle_s), max(1, threads)

    def close(self) -> None:
        """Close the files."""
        for file in (self._folder, *self._files.values()):
            os.close(file)

    def _read(self) -> dict[int, bytes]:
        """The figures by thread."""
        # The folder has one link for each thread, besides its own.
        if os.fstat(self._folder).st_nlink != self._links:
            self._open()
        try:
            return {thread: os.pread(file, 80, 0) for thread, file in self._files.items()}
        except ProcessLookupError:  # one thread went as another came
            self._open()
            return self._read()

    def _open(self) -> None:
        """Open the files of the threads that there are now."""
        for file in self._files.values():
            os.close(file)
        self._files = {}
        self._links = os.fstat(self._folder).st_nlink
        for thread in os.listdir(self._tasks):
            with suppress(FileNotFoundError, ProcessLookupError):  # ended since it was listed
                self._files[int(thread)] = os.open(self._tasks / thread / "schedstat", os.O_RDONLY)


class Switches:
    """What every Unix counts, where the scheduler's figures are missing: involuntary context switches."""

    source: Source = "context switches"

    def before(self) -> None:
        """Keep the figures that `after` counts from."""
        self._switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        self._process_s = time.process_time()

    def after(self, elapsed_s: float, idle_s: float) -> tuple[float, int]:  # noqa: ARG002 - as in Threads
        """The switches' likely cost since `before`, and the threads that the processor time needed."""
        switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - self._switches
        busy = (time.process_time() - self._process_s) / elapsed_s
        return switches * SWITCH_S, max(1, math.ceil(busy - RAN_SHARE))

    def close(self) -> None:
        """Nothing is open."""


def growth(begun: bytes, ended: bytes) -> tuple[int, int, int]:
    """How far the three figures of a thread rose."""
    ran, delay, slices = begun.split()
    ran_now, delay_now, slices_now = ended.split()
    return int(ran_now) - int(ran), int(delay_now) - int(delay), int(slices_now) - int(slices)


def schedstat_works(root: Path = Path("/")) -> bool:
    """True where the scheduler keeps figures of threads; a kernel that keeps none writes only noughts."""
    try:
        return any(map(int, (root / "proc/self/schedstat").read_bytes().split()))
    except OSError:
        return False


def processors() -> tuple[int, ...]:
    """The processors that the calling thread may run on, by number."""
    if sys.platform == "linux":
        return tuple(os.sched_getaffinity(0))
    return tuple(range(os.cpu_count() or 1))


def reaped_s() -> float:
    """Processor time of all children that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def descendants_run_s() -> dict[int, float]:
    """Processor time of every living descendant of this process, by process id.

    On Linux the main thread's, to the nanosecond; elsewhere the process's.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # the one question that costs next to nothing
        return {}
    if schedstat_works():
        with suppress(FileNotFoundError):  # a kernel without CONFIG_PROC_CHILDREN, or a thread just ended
            return dict(_run_s(os.getpid()))
    import psutil

    found = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = child.cpu_times()
            found[child.pid] = times.user + times.system
    return found


def _run_s(process: int) -> Iterator[tuple[int, float]]:
    """The descendants of a process, each with its processor time."""
    for task in os.listdir(f"/proc/{process}/task"):
        for child in Path(f"/proc/{process}/task/{task}/children").read_text().split():
            with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
                yield int(child), int(Path(f"/proc/{child}/schedstat").read_text().split()[0]) / 1e9
                yield from _run_s(int(child))


def foreign_s(on: tuple[int, ...], descendants: Iterable[int]) -> float:
    """Processor time since boot that `on` gave to others than this process and its `descendants`.

    Interrupts and what a hypervisor stole count as others'. In ticks of 10 ms, so that only differences
    over `FOREIGN_LEAST_S` mean something.
    """
    import psutil

    others_s = -time.process_time() - reaped_s()
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        if number in on:
            # user and nice hold guest and guest_nice already
            idle = ("idle", "iowait", "guest", "guest_nice")
            others_s += sum(s for name, s in times._asdict().items() if name not in idle)
    for descendant in descendants:
        with suppress(psutil.Error):  # ended meanwhile
            times = psutil.Process(descendant).cpu_times()
            others_s -= times.user + times.system + times.children_user + times.children_system
    return others_s

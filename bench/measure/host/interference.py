"""What others took from a block: run-queue delay, stolen and foreign processor time, throttling.

`Readings` is opened once in a worker and read around every block, outside the timed stretch. Which reading
shows that a block was disturbed depends on the case (`bench.disturbance`), never on how
long the block took.
"""

import math
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil  # before any test, which may leave no path to it

from bench.disturbance import HANDING_OVER, MIN_FOREIGN_S
from bench.measure.host import priority
from bench.measure.host.delays import RAN_SHARE, Switches, Threads, schedstat_works
from bench.measure.host.others import SAMPLES, Others, busy_s
from bench.measure.host.processor import control_groups, quota_processors, throttled_s
from bench.measure.originals import opening, os, time

RECENT_S = 0.005
"""How long what was read after a block holds for the next: less than a case's set-up takes, or a partner's
block, in which anything may have happened."""

TOLD_S = MIN_FOREIGN_S / SAMPLES
"""Block from which a crowd has what others held of late, where it has no half a second of its own: as long
as what `Others` waits between two readings, so that one comes behind the block."""

TEAM = "team"
"""The note of a block whose threads are a team: the calling one worked, and others that stay."""

NUMBERS = [1] * 400
"""What is summed to read the processor's pace: 2 µs of work that stays in the first cache and in the
interpreter's own code. It is one number, so that a cold cache costs little."""

PACE_TRIES = 2
"""The first try after a block brings the loop back into the cache; the fastest counts."""


@dataclass(frozen=True)
class Interference:
    """An interference is what was read around one block: the fields of `Block` with the same names.

    `delay_s` is the longest that one thread of the process was ready to run and did not: its run-queue
    delay, or what was stolen from the calling thread by a hypervisor or by interrupts where that is more
    and can be read, since the thread never left its processor. `foreign_s` is None for a block under
    `MIN_FOREIGN_S`, unless it had several threads and no priority, or was a crowd's of `TOLD_S`: then it is
    what others held of late;
    `pace_s` the slower of before and after. `threads` and `children` count those that ran;
    all children that ended in the block count as one.
    """

    delay_s: float | None
    foreign_s: float | None
    throttled_s: float | None
    pace_s: float
    threads: int
    children: int
    processors: int
    notes: tuple[str, ...] = ()

    @property
    def is_crowd(self) -> bool:
        """Whether threads or processes of its own waited for each other, so that its delay says nothing."""
        return self.children > 0 or self.threads > self.processors or HANDING_OVER in self.notes


class Readings:
    """The open files and last values of the readings.

    Open and read it in the thread that times. Files are kept open: that costs a tenth of opening them anew.
    """

    def __init__(self) -> None:
        self._threads = Threads() if schedstat_works() else Switches()
        groups = control_groups()
        self._quotas = [
            os.open(group / "cpu.stat", os.O_RDONLY) for group in groups if quota_processors(group)
        ]
        self._quotas_known = bool(groups)
        self._read_s = -math.inf  # when it last read after a block
        self._throttled_s = 0.0
        self._children_s: dict[int, float] = {}
        self._others = Others()
        self._outranked = priority.nice() >= 0

    @opening()
    def before(self, expected_s: float = math.inf) -> None:
        """Read ahead of a block that is expected to last `expected_s`; by default it may be long.

        Right after another block what was read there holds, except for the threads' figures and
        for children, which may work meanwhile.
        """
        recent = time.monotonic() - self._read_s < RECENT_S
        if not recent or self._children_s:
            self._children_s = descendants_run_s()
        if not recent:
            self._processors = processors()
            self._reaped_s = reaped_s()
            self._pace_s = pace_s()
            if self._quotas:
                self._throttled_s = self._withheld_s()
        if expected_s >= TOLD_S or (self._outranked and not recent):
            self._others.share(len(self._processors))
        self._foreign_s = None
        if expected_s >= MIN_FOREIGN_S:
            self._foreign_s = foreign_s(self._processors, self._children_s)
        self._threads.before(expected_s)
        self._thread_s = time.thread_time()
        self._start_s = time.perf_counter()

    @opening()
    def after(self) -> Interference:
        """Read after the block that `before` was called for."""
        elapsed_s = time.perf_counter() - self._start_s
        idle_s = elapsed_s - (time.thread_time() - self._thread_s)
        delay = self._threads.after(elapsed_s, idle_s)
        begun = self._pace_s, self._throttled_s, self._children_s, self._reaped_s
        self._pace_s, self._children_s, self._reaped_s = pace_s(), descendants_run_s(), reaped_s()
        if self._quotas:
            self._throttled_s = self._withheld_s()
        self._read_s = time.monotonic()
        pace_before_s, withheld_s, children_s, reaped_before_s = begun
        grown_s = [s - children_s.get(child, 0.0) for child, s in self._children_s.items()]
        grown_s.append(self._reaped_s - reaped_before_s)
        taken = Interference(
            delay_s=delay.delay_s,
            foreign_s=None,
            throttled_s=self._throttled_s - withheld_s if self._quotas_known else None,
            pace_s=max(pace_before_s, self._pace_s),
            threads=delay.threads,
            children=sum(s > RAN_SHARE * elapsed_s for s in grown_s),
            processors=len(self._processors),
            notes=(*[TEAM] * delay.team, *[HANDING_OVER] * delay.handing_over),
        )
        foreign = None
        if self._foreign_s is not None and elapsed_s >= MIN_FOREIGN_S:
            foreign = max(0.0, foreign_s(self._processors, self._children_s) - self._foreign_s)
        elif (self._outranked and delay.threads > 1) or (taken.is_crowd and elapsed_s >= TOLD_S):
            share = self._others.share(len(self._processors))
            foreign = None if share is None else share * elapsed_s * len(self._processors)
        return taken if foreign is None else replace(taken, foreign_s=foreign)

    @opening()
    def stretch(self) -> Callable[[], float]:
        """Begins a stretch of time; what is returned ends it, and says which share of the processors others
        held in it. It goes on until it has lasted `MIN_FOREIGN_S`: less tells nothing."""
        on, begun_s = processors(), time.perf_counter()
        before_s = foreign_s(on, descendants_run_s())

        @opening()
        def ended() -> float:
            time.sleep(max(0.0, MIN_FOREIGN_S - (time.perf_counter() - begun_s)))
            length_s = time.perf_counter() - begun_s
            return max(0.0, foreign_s(on, descendants_run_s()) - before_s) / (length_s * len(on))

        return ended

    def close(self) -> None:
        self._threads.close()
        for file in self._quotas:
            os.close(file)

    def _withheld_s(self) -> float:
        """Seconds since boot that quotas withheld, summed over processors and groups."""
        return sum(throttled_s(os.pread(file, 1024, 0)) for file in self._quotas)


def pace_s() -> float:
    """Seconds that a fixed piece of work takes now in the calling thread.

    A neighbour on the same physical core and a clock that moves slow everything, while run-queue delay and
    stolen time stay at zero. See docs/measurements.md, "The processor's pace".
    """
    clock, least_s = time.perf_counter, math.inf
    for _ in range(PACE_TRIES):
        begun_s = clock()
        sum(NUMBERS)
        least_s = min(least_s, clock() - begun_s)
    return least_s


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
    run_s = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = child.cpu_times()
            run_s[child.pid] = times.user + times.system
    return run_s


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
    over `MIN_FOREIGN_S` mean something.
    """
    others_s = -time.process_time() - reaped_s()
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        if number in on:
            others_s += busy_s(times)
    for descendant in descendants:
        with suppress(psutil.Error):  # ended meanwhile
            times = psutil.Process(descendant).cpu_times()
            others_s -= times.user + times.system + times.children_user + times.children_system
    return others_s

"""What others hold of the processors: every process that is no part of this run.

The run is the coordinator, which is a worker's parent, and all that it started: another worker of a pair is
no stranger.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.disturbance import MIN_FOREIGN_S
from bench.measure.originals import os, time

SAMPLES = 4
"""In how many parts the time is taken that a share rests on."""


class Others:
    """The share of the processors that others held in the last `MIN_FOREIGN_S` or a little more.

    `used_s` gives the processor time since boot of others, on all processors together.
    """

    def __init__(self, used_s: Callable[[], float] | None = None) -> None:
        coordinator = os.getppid()
        self._used_s = used_s or (lambda: others_s(coordinator))
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES + 1)

    def share(self, processors: int) -> float | None:
        """The share now, of so many processors; None in the first `MIN_FOREIGN_S`."""
        now_s = time.monotonic()
        if not self._samples or now_s - self._samples[-1][0] >= MIN_FOREIGN_S / SAMPLES:
            self._samples.append((now_s, self._used_s()))
        ended_s, after_s = self._samples[-1]
        for begun_s, before_s in reversed(self._samples):
            if ended_s - begun_s >= MIN_FOREIGN_S:
                return max(0.0, after_s - before_s) / ((ended_s - begun_s) * processors)
        return None


def others_s(coordinator: int) -> float:
    """Processor time since boot, on all processors, of all but the coordinator's processes.

    Interrupts and what a hypervisor stole count as others'.
    """
    import psutil

    used_s = sum(busy_s(times) for times in psutil.cpu_times(percpu=True))
    for process in (coordinator, *descendants(coordinator)):
        with suppress(psutil.Error):  # ended meanwhile
            times = psutil.Process(process).cpu_times()
            used_s -= times.user + times.system + times.children_user + times.children_system
    return float(used_s)


def busy_s(times: Any) -> float:
    """The seconds that a processor was not idle, of what psutil says of it."""
    idle = ("idle", "iowait", "guest", "guest_nice")  # user and nice hold guest and guest_nice already
    return float(sum(seconds for name, seconds in times._asdict().items() if name not in idle))


def descendants(process: int) -> Iterator[int]:
    """The living descendants of a process, by number."""
    tasks, gone = Path(f"/proc/{process}/task"), (FileNotFoundError, ProcessLookupError)
    if sys.platform != "linux":
        import psutil

        with suppress(psutil.Error):
            yield from (child.pid for child in psutil.Process(process).children(recursive=True))
        return
    children: list[int] = []
    with suppress(*gone):  # the process just ended
        for task in os.listdir(tasks):
            with suppress(*gone):  # a thread just ended
                children += map(int, (tasks / task / "children").read_text().split())
    for child in children:
        yield child
        yield from descendants(child)

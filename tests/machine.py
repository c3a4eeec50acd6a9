"""Tests marked `machine` rest on the real scheduler or on elapsed time: a busy machine excuses them.

They run apart from the others, one after the other and in the order in which they are written:
`pytest -m machine -p no:randomly`. One that fails while others used the processors is an expected failure
that says how much they used; on an idle machine it fails.
"""

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pytest

MAX_SHARE = 0.1
"""Of one processor: what a system's own background stays below."""

RESOLUTION_S = 0.05
"""Processor times are counted in ticks of 10 ms, on each processor and for each process."""


@dataclass(frozen=True)
class Use:
    """A moment on the clock, and the processor time that others have used since the system started."""

    clock_s: float
    others_s: float


def use() -> Use:
    """What others have used until now: all that was busy or stolen, less this process and its children."""
    times = psutil.cpu_times()
    counted_twice = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is in the user's
    busy_s = sum(seconds for name, seconds in times._asdict().items() if name not in counted_twice)
    own_s = sum(psutil.Process().cpu_times()[:4])  # with the children that have ended
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            own_s += sum(child.cpu_times()[:4])
    return Use(time.monotonic(), busy_s - own_s)


def excuse(before: Use, after: Use) -> str:
    """Why a test that failed in between proves nothing; "" where others left the machine alone."""
    elapsed_s, others_s = after.clock_s - before.clock_s, after.others_s - before.others_s
    if others_s <= MAX_SHARE * elapsed_s + RESOLUTION_S:
        return ""
    return f"others used {others_s / elapsed_s:.1f} processors in its {elapsed_s:.1f} s"


def excused(report: pytest.TestReport, reason: str) -> pytest.TestReport:
    """The report of a failure as that of an expected one."""
    if report.failed and reason:
        report.outcome, report.wasxfail = "skipped", reason
    return report

"""What others hold of the processors: over a window of its own, and less what the run itself uses."""

import os
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import psutil
import pytest

from bench.disturbance import MIN_FOREIGN_S, disturbed
from bench.measure import originals
from bench.measure.host import interference, others
from bench.measure.host.delays import Delay
from bench.measure.host.interference import Readings
from bench.measure.host.others import Others, descendants, others_s
from bench.records import Block


class Clock:
    """Time, and the processor time of others, that pass when somebody says so."""

    now_s = used_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def pass_by(self, seconds: float, share: float, processors: int = 2) -> None:
        self.now_s += seconds
        self.used_s += seconds * share * processors


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(others, "time", clock)
    return clock


def test_the_share_is_that_of_the_last_half_second(clock: Clock) -> None:
    held = Others(lambda: clock.used_s)
    assert held.share(2) is None
    for share in [0.0] * 9 + [0.5] * 9:
        clock.pass_by(MIN_FOREIGN_S / 4, share)
        latest = held.share(2)
    assert latest == pytest.approx(0.5)
    clock.pass_by(MIN_FOREIGN_S / 8, 0.0)
    assert held.share(2) == pytest.approx(0.5), "the processors' ticks are too coarse to be asked so soon"


def test_nothing_is_said_before_half_a_second_has_passed(clock: Clock) -> None:
    held = Others(lambda: clock.used_s)
    held.share(2)
    clock.pass_by(MIN_FOREIGN_S * 0.9, 1.0)
    assert held.share(2) is None
    clock.pass_by(MIN_FOREIGN_S * 0.9, 1.0)
    assert held.share(2) == pytest.approx(1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_run_s_own_processes_are_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 s on two processors 40 were idle; this process and its child used 13 of the others."""
    processor = namedtuple("processor", "user idle guest")
    process = namedtuple("process", "user system children_user children_system")
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in descendants(os.getpid())
        monkeypatch.setattr(others, "descendants", lambda _process: [child.pid])  # other tests may have some
        used_s = {os.getpid(): process(1, 2, 3, 4), child.pid: process(3, 0, 0, 0)}
        monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [processor(30, 20, 5)] * 2)  # noqa: ARG005 - as psutil's
        monkeypatch.setattr(
            psutil, "Process", lambda number: SimpleNamespace(cpu_times=lambda: used_s[number])
        )
        assert others_s(os.getpid()) == 60 - 13
    finally:
        child.kill()
        child.wait()


def test_the_share_is_not_that_of_long_before(clock: Clock) -> None:
    """A worker asks only beside some blocks: what others held minutes ago is none of the latest one's."""
    held = Others(lambda: clock.used_s)
    for seconds, share in ((0.0, 0.0), (60.0, 1.0), (0.3, 0.0), (0.3, 0.0)):
        clock.pass_by(seconds, share)
        latest = held.share(2)
    assert latest == 0.0


def test_descendants_are_found_on_systems_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the run's own workers would count as others."""
    monkeypatch.setattr(others, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(others, "Path", lambda _path: SimpleNamespace())
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert child.pid in descendants(os.getpid())
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("outranked", "expected_s", "threads", "told"),
    [
        pytest.param(True, 0.01, 2, True, id="a team that others outrank"),
        pytest.param(True, 0.01, 1, False, id="one thread that others outrank"),
        pytest.param(False, 0.01, 9, False, id="a crowd's block too short to have a reading behind it"),
        pytest.param(False, 0.2, 9, True, id="a crowd's block"),
        pytest.param(False, 0.2, 1, False, id="one thread with priority is judged by its delay"),
    ],
)
def test_which_blocks_have_what_others_held_of_late(
    monkeypatch: pytest.MonkeyPatch, outranked: bool, expected_s: float, threads: int, told: bool
) -> None:
    """Of blocks under half a second, that have no reading of their own."""
    monkeypatch.setattr(interference, "priority", SimpleNamespace(nice=lambda: 0 if outranked else -20))
    monkeypatch.setattr(interference, "Threads", lambda: Ran(threads))
    monkeypatch.setattr(interference, "schedstat_works", lambda: True)
    monkeypatch.setattr(interference, "Others", lambda: SimpleNamespace(share=lambda _processors: 0.25))
    monkeypatch.setattr(interference, "foreign_s", lambda *_: 0.0)
    now = iter([0.0, expected_s])
    monkeypatch.setattr(originals.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(interference, "pace_s", lambda: 2e-6)
    monkeypatch.setattr(interference, "processors", lambda: (0, 1))
    monkeypatch.setattr(interference, "descendants_run_s", dict)
    readings = Readings()
    readings.before(expected_s)
    assert readings.after().foreign_s == (pytest.approx(0.25 * expected_s * 2) if told else None)


@dataclass
class Ran:
    """Figures of so many threads."""

    threads: int

    def before(self, expected_s: float) -> None:
        """Nothing is read."""

    def after(self, elapsed_s: float, idle_s: float) -> Delay:  # noqa: ARG002 - as in Threads
        return Delay(0.0, self.threads)


def test_a_team_without_priority_is_judged_by_what_others_hold() -> None:
    """No delay shows, and yet the block may take twice as long."""
    assert disturbed(Block("wall", 0, 1, 0.01, delay_s=0, foreign_s=0.0011, threads=2, processors=2), False)
    assert not disturbed(
        Block("wall", 0, 1, 0.01, delay_s=0, foreign_s=0.0009, threads=2, processors=2), False
    )
    assert not disturbed(Block("wall", 0, 1, 0.01, delay_s=0, foreign_s=0.01, processors=2), False)
    assert not disturbed(Block("wall", 0, 1, 0.9, delay_s=0, foreign_s=0.5, threads=2, processors=2), False)

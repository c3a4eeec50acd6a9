"""What others took from a block, and what it used, read off this process, its threads and its children."""

import contextlib
import dataclasses
import hashlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from types import SimpleNamespace

import psutil
import pytest

from bench.disturbance import disturbed, disturbs_itself
from bench.measure import originals
from bench.measure.host import interference
from bench.measure.host.delays import Switches, schedstat_works
from bench.measure.host.interference import Readings, descendants_run_s, foreign_s
from bench.records import Block

needs_schedstat = pytest.mark.skipif(not schedstat_works(), reason="this kernel keeps no figures of threads")


def test_without_figures_switches_and_processor_time_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interference, "schedstat_works", lambda: False)
    readings = Readings()
    assert isinstance(readings._threads, Switches)
    readings.before()
    assert readings.after().delay_s is not None


def compute(seconds: float) -> None:
    """Uses a processor, without Python's lock, for about so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 5000)


@pytest.fixture
def readings() -> Iterator[Readings]:
    opened = Readings()
    yield opened
    opened.close()


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Pins this process, and what it starts, to one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def child(code: str) -> subprocess.Popen[str]:
    """A child process that says when it has begun."""
    started = subprocess.Popen(
        [sys.executable, "-S", "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    started.stdout.readline()
    return started


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.machine
@needs_schedstat
@pytest.mark.usefixtures("one_processor")
def test_a_competitor_on_the_same_processor_shows_as_delay(readings: Readings) -> None:
    competitor = child("while True: pass")
    try:
        readings.before(0.1)
        compute(0.1)
        taken = readings.after()
    finally:
        end(competitor)
    assert taken.delay_s is not None
    assert taken.delay_s > 0.01
    assert taken.processors == 1
    assert taken.children == 1


@pytest.mark.machine
@needs_schedstat
def test_a_working_child_counts_and_a_sleeping_one_does_not(readings: Readings) -> None:
    sleeper, worker = child("import time; time.sleep(99)"), child("while True: pass")
    try:
        assert {sleeper.pid, worker.pid} <= descendants_run_s().keys()
        readings.before(0.05)
        time.sleep(0.05)
        assert readings.after().children == 1
    finally:
        end(sleeper)
        end(worker)


@pytest.mark.machine
def test_a_child_that_came_and_went_counts(readings: Readings) -> None:
    readings.before(0)
    subprocess.run([sys.executable, "-S", "-c", "sum(range(10**6))"], check=True)
    assert readings.after().children == 1


@pytest.mark.machine
@needs_schedstat
def test_threads_that_compute_count_and_those_that_wait_do_not(readings: Readings) -> None:
    begin, computed, leave = threading.Event(), threading.Barrier(3), threading.Event()

    def work() -> None:
        begin.wait()
        compute(0.5)  # long against what the waiting thread spends on a slow machine around its readings
        computed.wait()
        leave.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    threads.append(threading.Thread(target=leave.wait))
    for thread in threads:
        thread.start()
    readings.before(0.5)
    begin.set()
    computed.wait()
    taken = readings.after()
    leave.set()
    for thread in threads:
        thread.join()
    assert taken.threads == 2
    readings.before(0)
    assert readings.after().threads == 1


@pytest.mark.machine
@needs_schedstat
def test_threads_that_live_as_long_as_a_call_count(readings: Readings) -> None:
    def call() -> None:
        threads = [threading.Thread(target=compute, args=(0.2,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    readings.before(0.2)
    call()
    taken = readings.after()
    assert taken.threads > 1
    assert interference.TEAM not in taken.notes  # they are gone: no other team meets them in the next block


@pytest.mark.machine
@needs_schedstat
def test_threads_that_hand_over_to_each_other_are_disturbed_by_nobody(readings: Readings) -> None:
    there, back = queue.SimpleQueue[int](), queue.SimpleQueue[int]()

    def answer() -> None:
        for each in iter(there.get, 0):
            back.put(each)

    partner = threading.Thread(target=answer)
    partner.start()
    readings.before(0.6)
    start_s = time.perf_counter()
    while (wall_s := time.perf_counter() - start_s) < 0.6:
        there.put(1)
        back.get()
    block = Block("wall", 0.0, 1, wall_s, **dataclasses.asdict(readings.after()))
    there.put(0)
    partner.join()
    assert block.threads == 2
    assert not disturbed(block, disturbs_itself(block, 2))


def test_descendants_are_found_without_the_kernels_list_of_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interference, "schedstat_works", lambda: False)
    sleeper = child("import time; time.sleep(99)")
    try:
        assert sleeper.pid in descendants_run_s()
    finally:
        end(sleeper)


Times = namedtuple("Times", "user nice system idle iowait irq softirq steal guest guest_nice")


def test_foreign_time_is_all_busy_time_that_is_not_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    processors = [Times(10, 1, 2, 500, 50, 0.25, 0.5, 3, 4, 0), Times(100, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: processors)  # noqa: ARG005 - psutil's name
    monkeypatch.setattr(originals.time, "process_time", lambda: 6.0)
    monkeypatch.setattr(interference, "reaped_s", lambda: 0.5)
    child_times = SimpleNamespace(user=1.0, system=0.5, children_user=0.25, children_system=0.125)
    monkeypatch.setattr(psutil, "Process", lambda _: SimpleNamespace(cpu_times=lambda: child_times))
    assert foreign_s((0,), []) == pytest.approx(16.75 - 6.5)
    assert foreign_s((0, 1), [77]) == pytest.approx(116.75 - 6.5 - 1.875)


def test_foreign_time_is_read_only_over_blocks_long_enough_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read = iter([5.0, 5.25, 7.0, 6.9, 8.0])
    monkeypatch.setattr(interference, "foreign_s", lambda *_: next(read))
    monkeypatch.setattr(interference, "pace_s", lambda: 2e-6)
    now = iter([0.0, 0.6, 1.0, 1.7, 2.0, 2.1, 3.0, 3.01])
    monkeypatch.setattr(originals.time, "perf_counter", lambda: next(now))
    readings = Readings()
    readings.before(0.6)
    assert readings.after().foreign_s == pytest.approx(0.25)
    readings.before()
    assert readings.after().foreign_s == 0, "rounding never makes it negative"
    readings.before(0.6)
    assert readings.after().foreign_s is None, "the block was shorter than expected"
    readings.before(0.01)
    assert readings.after().foreign_s is None


def test_a_stretch_tells_what_others_held_and_lasts_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks of 10 ms tell nothing of less: a shorter one is watched a little longer."""
    used, now_s = iter([5.0, 5.3, 6.0, 6.2]), 0.0

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(interference, "foreign_s", lambda *_: next(used))
    monkeypatch.setattr(interference, "processors", lambda: (0, 1))
    monkeypatch.setattr(originals.time, "perf_counter", lambda: now_s)
    monkeypatch.setattr(originals.time, "sleep", sleep)
    readings = Readings()
    ended = readings.stretch()
    sleep(0.6)
    assert (ended(), now_s) == (pytest.approx(0.3 / (0.6 * 2)), 0.6)
    ended = readings.stretch()
    sleep(0.1)
    assert (ended(), now_s) == (pytest.approx(0.2 / (0.5 * 2)), pytest.approx(1.1))


@pytest.mark.parametrize(("recent_s", "second"), [(0.0, 3e-6), (1e9, 4e-6)])
def test_the_pace_beside_a_block_is_the_slower_of_before_and_after(
    monkeypatch: pytest.MonkeyPatch, recent_s: float, second: float
) -> None:
    """Right behind a block, what was read there is the pace before the next one."""
    read = iter([2e-6, 4e-6, 3e-6, 2e-6])
    monkeypatch.setattr(interference, "RECENT_S", recent_s)
    monkeypatch.setattr(interference, "pace_s", lambda: next(read))
    with contextlib.closing(interference.Readings()) as readings:
        readings.before()
        assert readings.after().pace_s == 4e-6
        readings.before()
        assert readings.after().pace_s == second


def test_the_pace_is_the_fastest_try(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 5.0, 5.0, 7.0])
    monkeypatch.setattr(originals.time, "perf_counter", lambda: next(now))
    assert interference.pace_s() == 2.0

"""Threads' delays as the kernel counts them, on files and clocks of the tests' own."""

import os
import resource
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.measure import originals
from bench.measure.host import delays
from bench.measure.host.delays import Delay, Switches, Threads, schedstat_works

MS = 1_000_000  # nanoseconds


def schedule(tasks: Path, thread: int, ran_ms: float, delay_ms: float, slices: int) -> None:
    """Writes a thread's figures as the kernel does."""
    (tasks / str(thread)).mkdir(exist_ok=True)
    (tasks / str(thread) / "schedstat").write_text(f"{int(ran_ms * MS)} {int(delay_ms * MS)} {slices}\n")


@pytest.fixture
def own() -> int:
    return threading.get_native_id()


@pytest.fixture
def tasks(tmp_path: Path, own: int) -> Path:
    """A process of two threads: the calling one and number 2."""
    schedule(tmp_path, own, 100, 5, 10)
    schedule(tmp_path, 2, 50, 7, 20)
    return tmp_path


def test_delay_is_that_of_the_thread_that_waited_longest(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 110, 5.5, 11)
    schedule(tasks, 2, 58, 10, 21)
    seen = threads.after(elapsed_s=0.010, idle_s=0)
    assert seen.delay_s == pytest.approx(0.003)
    assert (seen.threads, seen.team) == (2, True)


@pytest.mark.parametrize(("times", "handing_over"), [(1000, True), (3, False)])
def test_threads_that_wait_often_and_for_moments_hand_over_to_each_other(
    tasks: Path, own: int, times: int, handing_over: bool
) -> None:
    """Of 10 ms one thread waits 0.8 ms in all: in a thousand moments, or in the slices of others."""
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 105, 5.3, 10 + times)
    schedule(tasks, 2, 55, 7.8, 20 + times)
    seen = threads.after(elapsed_s=0.010, idle_s=0.005)
    assert (seen.delay_s, seen.handing_over) == (pytest.approx(0.0008), handing_over)


def test_one_thread_alone_hands_over_to_nobody(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 105, 5.8, 1010)
    assert not threads.after(elapsed_s=0.010, idle_s=0.005).handing_over


def test_threads_that_only_woke_up_do_not_count_as_running(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 110, 5, 11)
    schedule(tasks, 2, 50.05, 7, 21)
    assert threads.after(elapsed_s=0.010, idle_s=0).threads == 1


def test_threads_that_leave_the_calling_one_idle_are_no_team(tasks: Path, own: int) -> None:
    schedule(tasks, 3, 0, 0, 1)
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 100.05, 5, 11)
    schedule(tasks, 2, 58, 7, 21)
    schedule(tasks, 3, 8, 0, 2)
    assert threads.after(elapsed_s=0.010, idle_s=0.00995) == Delay(0, 2, team=False)


def test_what_the_calling_thread_ran_before_a_block_counts_to_none(tasks: Path, own: int) -> None:
    """Its figures lag by a tick: 9 ms of work ahead of the block show up in it."""
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 109, 5, 11)
    schedule(tasks, 2, 550, 7, 21)
    assert threads.after(elapsed_s=0.5, idle_s=0.499) == Delay(0, 1)


@pytest.mark.parametrize(
    ("expected_s", "process_ms", "seen"),
    [
        (0.009, 36.1, Delay(0, 2, team=True)),
        (0.009, 39, Delay(0, 3)),
        (0.009, 76, Delay(0, 4)),
        (0.020, 55, Delay(0, 2, team=True)),  # no clocks were asked, and what the threads ran may lag
        (0.020, 76, Delay(0, 3)),
    ],
)
def test_threads_that_came_and_went_count_by_what_the_process_ran_beyond_the_others(
    tasks: Path, own: int, monkeypatch: pytest.MonkeyPatch, expected_s: float, process_ms: float, seen: Delay
) -> None:
    """Two threads that stay run for 18 ms each, in a block of 20 ms."""
    process_ns = iter([0, int(process_ms * MS)])
    monkeypatch.setattr(originals.time, "process_time_ns", lambda: next(process_ns))
    clocks = {delays.clock_of(thread): iter([0, 18 * MS]) for thread in (own, 2)}
    monkeypatch.setattr(originals.time, "clock_gettime_ns", lambda clock: next(clocks[clock]))
    threads = Threads(tasks)
    threads.before(expected_s)
    schedule(tasks, own, 118, 5, 11)
    schedule(tasks, 2, 68, 7, 21)
    assert threads.after(elapsed_s=0.020, idle_s=0) == seen


def test_a_thread_that_came_counts_from_its_own_start(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 101, 5, 11)
    schedule(tasks, 3, 9, 2, 4)
    seen = threads.after(elapsed_s=0.010, idle_s=0.010)
    assert (seen.delay_s, seen.threads) == (pytest.approx(0.002), 1)


def test_a_thread_that_went_is_forgotten(tasks: Path) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, 2, 58, 10, 21)
    (tasks / "2" / "schedstat").unlink()
    (tasks / "2").rmdir()
    assert threads.after(elapsed_s=0.010, idle_s=0) == Delay(0, 1)


@pytest.mark.parametrize("other", [False, True])
def test_delay_between_blocks_counts_to_none(tasks: Path, own: int, other: bool) -> None:
    threads, thread = Threads(tasks), 2 if other else own
    for block in range(1, 4):
        threads.before()
        schedule(tasks, thread, 50 + 10 * block, 100 * block, 20 + block)
        threads.after(elapsed_s=0.010, idle_s=0)
        schedule(tasks, thread, 50 + 10 * block, 100 * block + 99, 20 + block)
    threads.before()
    assert threads.after(elapsed_s=0.010, idle_s=0).delay_s == 0


def test_what_idle_threads_did_in_a_set_up_counts_to_no_block(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    threads.after(elapsed_s=0.010, idle_s=0)
    schedule(tasks, own, 900, 900, 90)
    schedule(tasks, 2, 900, 900, 90)
    schedule(tasks, 3, 900, 900, 90)
    threads.before()
    assert threads.after(elapsed_s=0.010, idle_s=0) == Delay(0, 1)


def test_idle_time_was_stolen_only_if_the_thread_never_left_its_processor(tasks: Path, own: int) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, own, 108, 5, 10)
    assert threads.after(elapsed_s=0.010, idle_s=0.002).delay_s == pytest.approx(0.002)
    threads.before()
    schedule(tasks, own, 116, 5, 11)
    assert threads.after(elapsed_s=0.010, idle_s=0.002).delay_s == 0


@pytest.mark.parametrize(
    ("figures", "works"), [("1 2 3\n", True), ("0 0 9\n", True), ("0 0 0\n", False), (None, False)]
)
def test_a_kernel_without_figures_is_known(tmp_path: Path, figures: str | None, works: bool) -> None:
    if figures is not None:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/schedstat").write_text(figures)
    assert schedstat_works(tmp_path) is works


def test_each_involuntary_switch_costs_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    usage, process_s = iter([7, 10]), iter([1.0, 1.018])
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_nivcsw=next(usage)))
    monkeypatch.setattr(originals.time, "process_time", lambda: next(process_s))
    switches = Switches()
    switches.before(0.010)
    seen = switches.after(elapsed_s=0.010, idle_s=0)
    assert (seen.delay_s, seen.threads) == (pytest.approx(3 * delays.SWITCH_S), 2)


def test_of_a_short_block_the_threads_clocks_are_asked(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_ns = dict.fromkeys(map(delays.clock_of, map(int, os.listdir(tasks))), 0)
    monkeypatch.setattr(originals.time, "clock_gettime_ns", run_ns.__getitem__)
    threads = Threads(tasks)
    for expected_s, ran in ((0.002, 2), (0.1, 1)):  # their figures stand still
        threads.before(expected_s)
        for clock in run_ns:
            run_ns[clock] += 1_900_000
        assert threads.after(elapsed_s=0.002, idle_s=0).threads == ran


@pytest.mark.skipif(sys.platform != "linux", reason="threads have clocks of their own on Linux")
def test_a_threads_clock_is_found_by_its_number(own: int) -> None:
    before_s = time.thread_time()
    clock_s = time.clock_gettime(delays.clock_of(own))
    assert before_s <= clock_s <= time.thread_time()

"""What others took from a block is read right, and what a block does to itself is told apart from it."""

import contextlib
import hashlib
import os
import resource
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench.measure.host import delays, interference
from bench.measure.host.delays import Seen, Switches, Threads, schedstat_works
from bench.measure.host.interference import Readings, descendants_run_s, foreign_s
from bench.measure.host.processor import control_groups, quota_processors, throttled_s

MS = 1_000_000  # nanoseconds

needs_schedstat = pytest.mark.skipif(not schedstat_works(), reason="this kernel keeps no figures of threads")


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
    assert seen == Seen(pytest.approx(0.003), 2, team=True)


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
    assert threads.after(elapsed_s=0.010, idle_s=0.00995) == Seen(0, 2, team=False)


@pytest.mark.parametrize(
    ("expected_s", "process_ms", "seen"),
    [
        (0.009, 36.1, Seen(0, 2, team=True)),
        (0.009, 39, Seen(0, 3)),
        (0.009, 76, Seen(0, 4)),
        (0.020, 55, Seen(0, 2, team=True)),  # no clocks were asked, and what the threads ran may lag
        (0.020, 76, Seen(0, 3)),
    ],
)
def test_threads_that_came_and_went_count_by_what_the_process_ran_beyond_the_others(
    tasks: Path,
    own: int,
    monkeypatch: pytest.MonkeyPatch,
    expected_s: float,
    process_ms: float,
    seen: Seen,
) -> None:
    """Two threads that stay run for 18 ms each, in a block of 20 ms."""
    process_ns = iter([0, int(process_ms * MS)])
    monkeypatch.setattr(time, "process_time_ns", lambda: next(process_ns))
    clocks = {delays.clock_of(thread): iter([0, 18 * MS]) for thread in (own, 2)}
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: next(clocks[clock]))
    threads = Threads(tasks)
    threads.before(expected_s)
    schedule(tasks, own, 118, 5, 11)
    schedule(tasks, 2, 68, 7, 21)
    assert threads.after(elapsed_s=0.020, idle_s=0) == seen


def test_a_thread_that_came_counts_from_its_own_start(tasks: Path) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, 3, 9, 2, 4)
    assert threads.after(elapsed_s=0.010, idle_s=0) == Seen(pytest.approx(0.002), 1)


def test_a_thread_that_went_is_forgotten(tasks: Path) -> None:
    threads = Threads(tasks)
    threads.before()
    schedule(tasks, 2, 58, 10, 21)
    (tasks / "2" / "schedstat").unlink()
    (tasks / "2").rmdir()
    assert threads.after(elapsed_s=0.010, idle_s=0) == Seen(0, 1)


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
    assert threads.after(elapsed_s=0.010, idle_s=0) == Seen(0, 1)


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


def test_without_figures_switches_and_processor_time_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interference, "schedstat_works", lambda: False)
    readings = Readings()
    assert readings.source == "context switches"
    readings.before()
    assert readings.after().delay_s is not None


def test_each_involuntary_switch_costs_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    usage, process_s = iter([7, 10]), iter([1.0, 1.018])
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_nivcsw=next(usage)))
    monkeypatch.setattr(time, "process_time", lambda: next(process_s))
    switches = Switches()
    switches.before(0.010)
    assert switches.after(elapsed_s=0.010, idle_s=0) == Seen(pytest.approx(3 * delays.SWITCH_S), 2)


def test_of_a_short_block_the_threads_clocks_are_asked(tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_ns = dict.fromkeys(map(delays.clock_of, map(int, os.listdir(tasks))), 0)
    monkeypatch.setattr(time, "clock_gettime_ns", run_ns.__getitem__)
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


# The real thing: this process, its threads and its children.


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


def test_a_child_that_came_and_went_counts(readings: Readings) -> None:
    readings.before(0)
    subprocess.run([sys.executable, "-S", "-c", "sum(range(10**6))"], check=True)
    assert readings.after().children == 1


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
    assert taken.notes == ()


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
    monkeypatch.setattr(time, "process_time", lambda: 6.0)
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
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    readings = Readings()
    readings.before(0.6)
    assert readings.after().foreign_s == pytest.approx(0.25)
    readings.before()
    assert readings.after().foreign_s == 0, "rounding never makes it negative"
    readings.before(0.6)
    assert readings.after().foreign_s is None, "the block was shorter than expected"
    readings.before(0.01)
    assert readings.after().foreign_s is None


# Control groups


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)
    return folder


def test_groups_of_version_2_up_to_the_top(tmp_path: Path) -> None:
    write(tmp_path / "proc/self").joinpath("cgroup").write_text("0::/user/app\n")
    top = tmp_path / "sys/fs/cgroup"
    app = write(top / "user/app", cpu_stat="throttled_usec 1500000\n", cpu_max="150000 100000\n")
    user = write(top / "user", cpu_stat="throttled_usec 0\n", cpu_max="max 100000\n")
    write(top)
    assert control_groups(tmp_path) == [app, user]
    assert [quota_processors(group) for group in (app, user)] == [1.5, None]
    assert throttled_s((app / "cpu.stat").read_bytes()) == 1.5


def test_groups_of_version_1_seen_from_inside_a_container(tmp_path: Path) -> None:
    lines = "5:cpuset:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc\n"
    write(tmp_path / "proc/self").joinpath("cgroup").write_text(lines)
    top = write(tmp_path / "sys/fs/cgroup/cpu,cpuacct", cpu_stat="nr_periods 9\nthrottled_time 2000000000\n")
    (top / "cpu.cfs_quota_us").write_text("50000\n")
    (top / "cpu.cfs_period_us").write_text("100000\n")
    assert control_groups(tmp_path) == [top]
    assert quota_processors(top) == 0.5
    assert throttled_s((top / "cpu.stat").read_bytes()) == 2.0
    (top / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota_processors(top) is None


def test_no_control_groups(tmp_path: Path) -> None:
    assert control_groups(tmp_path) == []


def test_what_a_quota_withheld(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = write(tmp_path, cpu_stat="throttled_usec 1000000\n", cpu_max="100000 100000\n")
    monkeypatch.setattr(interference, "control_groups", lambda: [group])
    readings = Readings()
    readings.before()
    (group / "cpu.stat").write_text("throttled_usec 1250000\n")
    assert readings.after().throttled_s == pytest.approx(0.25)


def test_nothing_is_withheld_without_a_quota_and_unknown_without_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = write(tmp_path, cpu_stat="throttled_usec 1000000\n", cpu_max="max 100000\n")
    for groups, expected in (([group], 0), ([], None)):
        monkeypatch.setattr(interference, "control_groups", lambda groups=groups: groups)
        readings = Readings()
        readings.before()
        assert readings.after().throttled_s == expected


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
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    assert interference.pace_s() == 2.0

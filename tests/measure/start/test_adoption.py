"""Processes that were adopted, and what launches leave: waited for, told apart by their marks, ended."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from bench.measure.start import adoption
from bench.measure.start.adoption import Adopted
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.skipif(not adoption.adopts(), reason="adoption is for Linux")

ORPHANED = """
import os, subprocess, sys
print(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid, flush=True)
os._exit(0)  # without waiting for it, as Python else does where it has ended
"""


def orphan(*command: str) -> Adopted:
    """A grandchild whose parent has ended."""
    between = subprocess.run([sys.executable, "-c", ORPHANED, *command], stdout=subprocess.PIPE, check=True)
    return Adopted(int(between.stdout))


def test_an_orphan_is_adopted_and_waited_for() -> None:
    process = orphan("sleep", "1000")
    assert psutil.Process(process.pid).ppid() == os.getpid()
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait() == process.returncode == process.poll() == -signal.SIGTERM


def test_the_exit_status_of_an_orphan_is_told() -> None:
    wait = f"while os.getppid() != {os.getpid()}: time.sleep(0.01)"
    process = orphan(sys.executable, "-c", f"import os, time\n{wait}\nraise SystemExit(3)")
    assert process.wait(timeout=PATIENCE_S) == 3


def test_one_that_somebody_else_has_waited_for_counts_as_killed() -> None:
    process = orphan("sleep", "1000")
    os.kill(process.pid, signal.SIGTERM)
    os.waitpid(process.pid, 0)
    assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL


def test_marks_are_as_long_as_each_other_and_never_the_same() -> None:
    """A fork writes its own over its template's."""
    marks = {adoption.new_mark() for _ in range(200)}
    assert len(marks) == 200
    assert len({len(mark) for mark in marks}) == 1


def test_only_what_bears_the_mark_is_ended() -> None:
    ours, other = adoption.new_mark(), adoption.new_mark()
    started = {
        mark: subprocess.Popen(
            ["sleep", "1000"], start_new_session=True, env={**os.environ, adoption.VARIABLE: mark}
        )
        for mark in (ours, other, "")
    }
    try:
        leader = subprocess.Popen(["true"], start_new_session=True)
        leader.wait()
        adoption.end(ours, leader.pid)
        assert not psutil.pid_exists(started[ours].pid)
        assert started[other].poll() is None
        assert started[""].poll() is None
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def test_members_of_a_killed_group_are_waited_for() -> None:
    """A launch's children die with it, and become zombies of the coordinator."""
    leader = subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1001"], start_new_session=True)
    children = until(lambda: psutil.Process(leader.pid).children(), "the shell started nothing")
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    adoption.end(adoption.new_mark(), leader.pid)
    assert not any(psutil.pid_exists(child.pid) for child in children)

"""Processes that this one did not start itself but has to end: launches that were forked, and what they left.

Every launch has a mark, which stands in its environment and so in that of all that it starts. What a launch
leaves behind, in whatever session, becomes this process's child (bench.measure.host.kinship), where it is
known by that mark. A guard ends all of it where this process is killed. Linux only: elsewhere a launch's
process group is all that is ended.
"""

import atexit
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from functools import cache
from uuid import uuid4

import psutil

from bench.measure.host import kinship

VARIABLE = "BENCH_LAUNCH"
"""The environment variable that marks a launch. All marks of a process begin alike, and all are as long."""

POLL_S = 0.002
LOOKS = 5
"""How often a process without an environment is looked at: one that begins a program has none at first."""

GUARD = """
import os, sys, time
mark = b"%(variable)s=" + sys.argv[1].encode()
sys.stdin.buffer.read()  # it ends with the process that started this one
found = True
while found:
    found = False
    time.sleep(0.01)
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                if any(each.startswith(mark) for each in file.read().split(b"\\0")):
                    os.kill(int(process), 9)
                    found = True
        except OSError:
            pass
"""

_numbers = itertools.count(1)


@cache
def adopts() -> bool:
    """Whether orphans of this process's descendants become its children, from now on."""
    return kinship.adopt_orphans()


@cache
def _family() -> str:
    """How the marks of this process begin; its descendants are guarded from now on."""
    family = uuid4().hex
    if adopts():
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", GUARD % {"variable": VARIABLE}, family],
            env={name: value for name, value in os.environ.items() if name != VARIABLE},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(guard.communicate)
    return family


def new_mark() -> str:
    """The mark of one more launch of this process."""
    return f"{_family()}{next(_numbers):08d}"


def end(mark: str, group: int) -> None:
    """Ends what a launch has left, its process group having been killed, and waits for it."""
    if not adopts():
        return
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
    while strays := [child for child in psutil.Process().children() if _mark(child) == mark]:
        for stray in strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                stray.kill()
        psutil.wait_procs(strays)


def _mark(process: psutil.Process) -> str:
    """A process's mark; "" where it has none, or ended, or is another user's."""
    for _ in range(LOOKS):
        try:
            if environment := process.environ():
                return str(environment.get(VARIABLE, ""))
            if process.status() == psutil.STATUS_ZOMBIE:
                break
        except (psutil.Error, OSError):
            break
        time.sleep(POLL_S)
    return ""


class Adopted:
    """A process that this one has adopted, seen as `subprocess.Popen` shows one that it started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._take(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status once it has ended. Raises subprocess.TimeoutExpired."""
        until_s = time.monotonic() + (timeout or 0.0)
        while (status := self._take(0 if timeout is None else os.WNOHANG)) is None:
            if time.monotonic() > until_s:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(POLL_S)
        return status

    def _take(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                ended, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # somebody else has waited for it
                ended, status = self.pid, signal.SIGKILL
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

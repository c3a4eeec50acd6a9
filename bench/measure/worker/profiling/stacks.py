"""Python stacks during calls, which py-spy samples from outside."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.measure.devices.device import Device
from bench.measure.worker.calls import Calls
from bench.measure.worker.protocol import Record, Recorded

STACKS = "stacks.speedscope.json"
"""The file that a recording leaves in its folder."""

SAMPLES_PER_S = 200
"""py-spy's samples a second: a few hundred of them in the shortest recording, a load of a few percent."""

STACKS_S = 1.5
"""The least time that stacks are sampled for."""

PY_SPY_START_S = 10.0
"""Patience with py-spy's first word and its last; it takes 0.03 s and, to write, about as long."""


def sample(target: Device, calls: Calls, command: Record) -> Recorded:
    """Lets py-spy sample this process and its children during calls; `missing` says why it could not."""
    file = Path(command.folder) / STACKS
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_let_be_read)
        _let_be_read()
    spy = subprocess.Popen(
        [command.py_spy, "record", "--pid", str(os.getpid()), "--subprocesses", "--nonblocking",
         "--rate", str(SAMPLES_PER_S), "--format", "speedscope", "--output", str(file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert spy.stdout is not None
        first_words = spy.stdout.readline()
        if "Sampling" not in first_words:
            return Recorded(missing=_why_not(first_words + _rest_of(spy)))
        _call_repeatedly(target, calls, command.calls)
        spy.send_signal(signal.SIGINT)  # it writes its file then
        last_words = _rest_of(spy)
    finally:
        spy.kill()
        spy.wait()
    return Recorded(missing="" if file.is_file() else _why_not(last_words))


def _call_repeatedly(target: Device, calls: Calls, at_once: int) -> None:
    """Calls, for as long as stacks are to be sampled, and as often as the test allows."""
    until_s = time.monotonic() + STACKS_S
    calls.time(target, "wall", at_once)
    while time.monotonic() < until_s and (calls.left is None or calls.left >= at_once):
        calls.time(target, "wall", at_once)


def _rest_of(spy: "subprocess.Popen[str]") -> str:
    try:
        return spy.communicate(timeout=PY_SPY_START_S)[0]
    except subprocess.TimeoutExpired:
        return "it did not end"


def _why_not(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"py-spy could not read this process: {lines[-1] if lines else 'it said nothing'}"


def _let_be_read() -> None:
    """Lets py-spy read this process, where Linux would let only ancestors (Yama)."""
    pr_set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)  # <linux/prctl.h>
    ctypes.CDLL(None).prctl(pr_set_ptracer, any_process, 0, 0, 0)

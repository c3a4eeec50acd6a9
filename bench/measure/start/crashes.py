"""Where a process crashed or hangs, from the stack that Python's faulthandler printed as it died.

pytest switches faulthandler on. Its stack has a line for each call, a hundred with pytest's own, the last one
first; what tells is the last one in a file of the project's.
"""

import os
import re
import resource
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench import plain
from bench.measure.start.adoption import Adopted

FATAL = "Fatal Python error: "

FRAME = re.compile(r'  File "(?P<file>.+)", line \d+ in ')

OURS = str(Path(__file__).parents[2])

LIBRARY = re.compile(rf"{plain.LIBRARY.pattern}|^{re.escape(OURS)}/")
"""What paths have of files that are installed, ours, or none."""


def crash(words: str) -> str:
    """The error and the project's last call, as in 'Segmentation fault in File "test_it.py", line 3 in test';
    empty where a process's last words hold no such stack."""
    _, fatal, stack = words.rpartition(FATAL)
    if not fatal:
        return ""
    what, *lines = stack.splitlines() or [""]
    frames = [(found["file"], line.strip()) for line in lines if (found := FRAME.match(line))]
    own = [line for file, line in frames if not LIBRARY.search(file)] or [line for _, line in frames]
    return f"{what.strip()} in {own[0]}" if own else what.strip()


def where_it_hangs(process: subprocess.Popen[bytes] | Adopted, printed: Callable[[], str]) -> str:
    """Ends a process that does not answer, by what makes it print its stack; where it stood, as in
    ', at last in File "test_it.py", line 1 in <module>', or nothing where it printed none."""
    with suppress(OSError, subprocess.TimeoutExpired):
        if hasattr(resource, "prlimit"):  # elsewhere no core is left unless one asks for it
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
        os.kill(process.pid, signal.SIGABRT)
        process.wait(timeout=5)
    _, stood, where = crash(printed()).partition(" in ")
    return f", at last in {where}" if stood else ""

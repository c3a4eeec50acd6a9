"""Whose child a process is, as far as Linux lets one say: dying with a parent, adopting orphans.

Elsewhere nothing here does anything: a worker then notices at its channel that its coordinator is gone.
"""

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>; prctl(2) has what they do."""

ADOPTION_S = 10.0
"""Patience with an adoption: the process between has only to end."""


def die_with_parent() -> None:
    """Ends this process when its parent is killed, even in the middle of a call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> bool:
    """Makes this process the parent of all orphans among its descendants; False where that cannot be had."""
    if sys.platform != "linux":
        return False
    failed: int = ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return not failed


def be_adopted_by(parent: int) -> None:
    """Waits until `parent` has adopted this process, which from then on dies with it; ends it otherwise."""
    until_s = time.monotonic() + ADOPTION_S
    while os.getppid() != parent and time.monotonic() < until_s:
        time.sleep(0.0005)
    die_with_parent()
    if os.getppid() != parent:  # it was gone before it could be asked
        os._exit(1)

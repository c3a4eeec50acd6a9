"""A worker's priority: as high as the system lets it be, so that other programs take less from what is timed.

Raising it takes root, or CAP_SYS_NICE; elsewhere a worker stays as polite as its user. What it changes is in
docs/measurements.md, "A worker's priority".
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "BENCH_NICE"
"""The environment variable that says how nice workers are, from -20, which is usual, to 19."""

AUTOGROUP = Path("/proc/self/autogroup")
"""On Linux, sessions share the processors among each other, and niceness counts within a session only; this
file holds that of the session. Source: sched(7), "The autogroup feature"."""


class PriorityError(Exception):
    """What `BENCH_NICE` holds, and what was expected there."""


def raise_priority() -> None:
    """Makes this process, and what it starts, as urgent as `BENCH_NICE` says and the system allows.

    Raises PriorityError where that is no number.
    """
    asked = os.environ.get(VARIABLE, "-20")
    try:
        wanted = int(asked)
    except ValueError:
        raise PriorityError(
            f"{VARIABLE}={asked!r}; expected a whole number from -20, the most urgent, to 19"
        ) from None
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, wanted)
        AUTOGROUP.write_text(str(wanted))


@contextmanager
def urgent() -> Iterator[None]:
    """Makes this thread as urgent as its workers meanwhile, where the system allows: they wait for its word.

    `BENCH_NICE` holds for both; a value that is no number is the workers' to refuse.
    """
    usual = nice()
    with suppress(OSError, ValueError):
        os.setpriority(os.PRIO_PROCESS, 0, min(usual, int(os.environ.get(VARIABLE, "-20"))))
    try:
        yield
    finally:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, usual)


def nice() -> int:
    """How nice the calling thread is: -20 the most urgent, 0 as any program."""
    return os.getpriority(os.PRIO_PROCESS, 0)

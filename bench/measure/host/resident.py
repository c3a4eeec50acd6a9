"""How much memory this process has in the machine: now, and at most during a stretch. Linux alone tells."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from bench.measure.host.system import field

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

FORGET_THE_PEAK = "5"
"""What makes Linux begin its record of the most resident memory anew (proc(5), clear_refs)."""


def data() -> int | None:
    """Bytes of resident memory that the process has written, files and programs it has mapped left out, and
    what the C library keeps of freed memory; None where nobody says.

    Exact to some hundred kilobytes: Linux counts pages by processor and adds them up now and then.
    """
    _give_back()
    return _bytes("RssAnon")


def rise_during(call: Callable[[], object]) -> int | None:
    """How far resident memory rises at most during a call; None where that cannot be told."""
    _give_back()
    try:
        with CLEAR.open("w") as file:
            file.write(FORGET_THE_PEAK)
    except OSError:  # not Linux, or a container that forbids it
        return None
    before = _bytes("VmRSS")
    call()
    peak = _bytes("VmHWM")
    return None if before is None or peak is None else max(peak - before, 0)


def _bytes(name: str) -> int | None:
    value = field(STATUS, name)
    return int(value.removesuffix("kB")) * 1024 if value else None


@cache
def _trim() -> Callable[[int], object]:
    with suppress(OSError, AttributeError):  # not glibc
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
        return trim
    return lambda _: None


def _give_back() -> None:
    """Has the C library return what it keeps of freed memory, which else would count as the next case's."""
    _trim()(0)

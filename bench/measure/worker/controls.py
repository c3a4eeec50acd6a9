"""Controls: benchmarks of ours whose code is the same on both sides of a comparison, whatever was changed.

They take their turns like any case. Where one of them moves, the machine treated the sides differently
(another clock, a neighbour on the same core or the same memory), and nothing that was measured then is
evidence against a change. They never divide a result: a slowdown common to all cases would vanish.
"""

from collections.abc import Callable

from bench.records import Case

SUITE = "control"

NUMBERS = list(range(200))

COPIED = bytearray(4 << 20)
"""Four megabytes: beyond a core's own caches, so that the copy meets what others do to memory."""


def _interpreter() -> int:
    """What Python code does all day: a loop, calls, small objects."""
    total = 0
    sums = {}
    for number in NUMBERS:
        total += abs(number - 100)
        sums[number] = (number, total)
    return len(sums)


def _memory() -> bytes:
    """A large copy."""
    return bytes(COPIED)


FUNCTIONS: dict[str, Callable[[], object]] = {
    f"{SUITE}::interpreter": _interpreter,
    f"{SUITE}::memory": _memory,
}
"""By the id of the case. On an accelerator's worker they watch over its host."""


CASES = [
    Case(name, SUITE, name.rpartition("::")[2], doc=(function.__doc__ or "").strip())
    for name, function in FUNCTIONS.items()
]

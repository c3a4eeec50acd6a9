"""The pace of the processor beside a block: how long a fixed piece of work takes in the thread that times.

A neighbour on the same physical core (another virtual machine's hyperthread) and a clock that moves slow
everything, while run-queue delay and stolen time stay at zero. On a virtual machine whose neighbour came and
went the loop read 2.2 and 3.9 µs; a 128 × 128 product beside it took 53 and 70 µs.
"""

import time

NUMBERS = [1] * 400
"""What is summed: 2 µs of work that stays in the first cache and in the interpreter's own code. It is one
number, so that a cold cache costs little."""

TRIES = 2
"""The first try behind a block brings the loop back into the cache; the fastest counts."""


def pace_s() -> float:
    """Seconds that the fixed work takes now."""
    clock, least_s = time.perf_counter, float("inf")
    for _ in range(TRIES):
        begun_s = clock()
        sum(NUMBERS)
        least_s = min(least_s, clock() - begun_s)
    return least_s

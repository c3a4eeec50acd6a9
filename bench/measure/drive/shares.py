"""How a run shares the time it has left among its kinds of worker and the rounds to come."""

import math
from collections.abc import Mapping

MAX_STARTING_SHARE = 0.5
"""The largest share of the time left that may go into starting workers."""


def launch_until_s(
    kind: str, costs_s: Mapping[str, float], begun_s: float, deadline_s: float, start_s: float, later: int
) -> float:
    """When a launch of this kind of worker that began at `begun_s` is to end, in seconds of the run.

    `costs_s` is what one pass takes by kind, in the order of a round; `start_s` what starting a round's
    workers takes, side by side. The time left is shared by cost with the kinds behind it and `later` rounds
    more. What no launch has measured may thus take the time of the rounds to come, but never another kind's;
    and there are no more rounds than leave most of the time to what is measured.
    """
    left_s = deadline_s - begun_s
    if math.isinf(left_s):
        return math.inf
    kinds = list(costs_s)
    here = kinds[kinds.index(kind) :] if kind in costs_s else []
    later = max(0, min(later, int(MAX_STARTING_SHARE * left_s / max(start_s, 1e-9))))
    to_come_s = sum(costs_s[name] for name in here) + later * sum(costs_s.values())
    share = costs_s.get(kind, 0.0) / max(to_come_s, 1e-9)
    return min(begun_s + (left_s - later * start_s) * share, deadline_s)

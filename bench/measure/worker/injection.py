"""Slowdowns of a known size, to learn which ones a gate finds: every so many calls is made twice.

Never by sleeping, which takes many times what was asked for. Both sides go through the same wrapper, which
costs a tenth of a microsecond a call: without it on the other side that would look like a slowdown, too.
"""

import os
from collections.abc import Callable
from typing import Any

VARIABLE = "BENCH_TWICE_EVERY"
"""The environment variable that sets a worker's period; unset, nothing is wrapped."""

NEVER = 1 << 30
"""The period of a side that is not slowed down: as much work for the wrapper as any other."""


def period(slowdown: float) -> int:
    """Every which call is made twice for a slowdown, a share such as 0.05."""
    return round(1 / slowdown) if slowdown else NEVER


def injected(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, slowed down as this process's environment says."""
    asked = os.environ.get(VARIABLE)
    if asked is None:
        return function
    every, calls = int(asked), 0

    def slowed(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % every == 0:
            function(*args, **kwargs)
        return function(*args, **kwargs)

    return slowed

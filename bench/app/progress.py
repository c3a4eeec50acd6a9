"""How a run shows that it goes on: a line that moves on a terminal, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measure.drive.plan import Progress

PLAIN_EVERY_S = 15.0


@contextmanager
def shown(deadline_s: float = math.inf) -> "Iterator[Progress]":
    """A Progress that shows itself on stderr while the block runs."""
    from bench.measure.drive.plan import Progress

    if not sys.stderr.isatty():
        yield Progress(_plain_lines(deadline_s))
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield Progress(lambda progress: status.update(_line(progress, deadline_s)))


def _plain_lines(deadline_s: float):  # type: ignore[no-untyped-def]  # a closure over the last line's time
    last_s = -math.inf

    def say(progress: "Progress") -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PLAIN_EVERY_S:
            last_s = time.monotonic()
            print(_line(progress, deadline_s), file=sys.stderr, flush=True)

    return say


def _line(progress: "Progress", deadline_s: float) -> str:
    left_s = min(deadline_s - progress.elapsed_s, progress.left_s)
    limit = "at most" if math.isfinite(deadline_s) else "about"
    left = "" if math.isinf(left_s) else f", {limit} {max(0.0, left_s):.0f} s left"
    return f"launch {progress.round}/{progress.rounds}{left}: {progress.case}"

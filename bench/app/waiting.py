"""What a command says while it does what shows no progress of its own: to load, to draw a report."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows `what` beside a spinner on stderr, and takes it away again; a job's log needs none of it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # only a terminal needs it

    with Console(stderr=True).status(what):
        yield

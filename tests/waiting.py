"""Waiting for other processes, however long they take: a busy machine must not fail a test."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest

from bench.measure.start import process

T = TypeVar("T")

PATIENCE_S = 300.0
"""To start a process that imports torch takes a busy machine 20 s, and several times as long beside a run,
whose workers have a higher priority; only what hangs takes so long."""


def until(condition: Callable[[], T], what: str) -> T:
    """The first value of `condition` that is true. Raises AssertionError, with `what`, if none comes."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} in {PATIENCE_S:g} s")


def skip_hangs(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """An expression that hangs, and notes it time and again. What waits for workers then loses its patience
    at once, on a clock that jumps ahead with each note, whether it began to wait before the first one or
    later: nobody waits for what hangs, however long others take."""
    noted = folder / "hangs"

    def monotonic() -> float:
        return time.monotonic() + (1e4 * noted.stat().st_size if noted.exists() else 0)

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=monotonic))
    note = f"(open({str(noted)!r}, 'a').write('.'), __import__('time').sleep(0.5))"
    return f"[{note} for _ in range(10**6)]"


def visited(out: Path, visits: int) -> Path:
    """Waits for so many visits in the journal of a run in `out`; the journal."""

    def journal() -> Path | None:
        journals = out.glob("*/journal.jsonl")
        return next((each for each in journals if each.read_text().count('"event":"visit"') >= visits), None)

    return until(journal, f"no {visits} visits were made")

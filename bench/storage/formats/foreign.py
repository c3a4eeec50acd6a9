"""What readers of other tools' files are made of: a run there as events of ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import plain
from bench.events import Event, Header, Launch, Visit
from bench.records import Block, Case

TOOL = "tool"
"""Among a header's arguments, the tool that recorded the run; ours have no such entry."""

Runs = Iterator[Sequence[Event]]
"""The runs that a document holds; a run's events begin with its header."""


@dataclass(frozen=True)
class Tool:
    """Another tool: its name, whether a document is its, and the runs in one; `path` is where it lies."""

    name: str
    owns: Callable[[Any], bool]
    runs: Callable[[Any, Path], Runs]


def case(id_: str, params: Mapping[str, Any] | None = None) -> Case:
    """The identity of a benchmark, from its file or suite, `::`, its name and its parameters."""
    path, _, test = id_.rpartition("::")
    operation = (test.partition("[")[0] or test).removeprefix("test_")
    scalars = {plain.text(name): plain.scalar(value) for name, value in (params or {}).items()}
    device = str(scalars.pop("device", "cpu"))  # as our own `benchmark.json` names it
    return Case(id_, Path(path.partition("::")[0]).stem, operation, device, scalars)


def visit(of: Case, launch: int, seconds: Sequence[float], calls: int = 1, **further: Any) -> Visit:
    """A visit from seconds per call, each those of one block of so many calls."""
    blocks, start_s = [], 0.0
    for per_call_s in seconds:
        blocks.append(Block("wall", start_s, calls, per_call_s * calls))
        start_s += per_call_s * calls
    return Visit(of.id, launch, blocks=tuple(blocks), **further)


def header(run: str, created: str, environment: Mapping[str, Any], commit: Mapping[str, Any]) -> Header:
    """A header with what is known; what is None is left out, and so is a date that is none. Dates become UTC,
    where they say how far they are from it."""
    known = {name: value for name, value in environment.items() if value is not None}
    try:
        instant = datetime.fromisoformat(created)
    except ValueError:
        return Header(run=run, environment=known, commit=commit)
    day = (instant.astimezone(UTC) if instant.tzinfo else instant).isoformat()
    return Header(run=run, created=day, environment=known, commit=commit)


def launches(count: int) -> list[Event]:
    return [Launch(number) for number in range(count)]

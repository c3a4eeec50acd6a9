"""What a run knows while it goes on, and how that is taken up again from the events of a run that was cut."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.events import (
    CeilingsMeasured,
    Event,
    Initialized,
    Launch,
    Launched,
    Sizes,
    SizesAdded,
    Skip,
    Visit,
)
from bench.measure.drive.policy import Known
from bench.records import Case


@dataclass
class Spent:
    """Where the seconds of a run went."""

    timed: float = 0.0
    warmup: float = 0.0
    setup: float = 0.0
    imports: float = 0.0
    other: float = 0.0

    def add(self, *visits: Visit) -> None:
        """Takes in a visit, in every session: they set the test up side by side."""
        self.setup += max(each.setup_s for each in visits)
        for block in itertools.chain.from_iterable(each.blocks for each in visits):
            if block.kind in ("first", "warmup"):
                self.warmup += block.wall_s
            else:
                self.timed += block.wall_s


@dataclass
class State:
    """What a run knows while it goes on; `past` events, of a run that was cut, restore it."""

    known: dict[str, Known] = field(default_factory=dict)
    done: set[tuple[str, int]] = field(default_factory=set)
    launches: int = 0
    side_tasks: set[str] = field(default_factory=set)
    ceilings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    elapsed_s: float = 0.0
    spent: Spent = field(default_factory=Spent)
    problems: set[str] = field(default_factory=set)
    sizes: dict[int, Sizes] = field(default_factory=dict)  # asked for after each round


def restored(past: Iterable[Event]) -> State:
    """The state of a run that was cut, from its events; the launch in hand then stays a launch of its own."""
    state = State()
    for event in past:
        state.elapsed_s = max(state.elapsed_s, getattr(event, "elapsed_s", 0.0))
        match event:
            case Case() if "::" in event.id:
                state.known[event.id] = Known(event)
            case Case():
                state.problems.add(event.id)
            case Launch():
                state.launches = event.launch + 1
            case Launched():
                state.done.add((event.worker, event.round))
            case SizesAdded():
                state.sizes[event.round] = event.sizes
            case Initialized():
                state.side_tasks.add(event.device)
            case CeilingsMeasured():
                state.side_tasks.add(event.device)
                state.ceilings[event.device] = event.ceilings
            case Skip() if event.case in state.known:
                state.known[event.case].closed = "skipped"
            case Visit() if event.case in state.known:
                _recall(state.known[event.case], event)
    return state


def _recall(known: Known, visit: Visit) -> None:
    """Takes in a visit of a run that was cut."""
    known.enter(visit.launch)
    known.learn(visit.blocks)
    known.calls = max([known.calls, *(block.calls for block in visit.blocks if block.kind == "wall")])
    if visit.outcome in ("died", "timeout") or (visit.outcome != "passed" and known.visits == 1):
        known.closed = visit.outcome

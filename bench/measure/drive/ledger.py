"""What a run knows while it goes on, and how that is taken up again from the events of a run that was cut."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.measure.drive.policy import Known
from bench.measure.drive.session import Visited, as_block
from bench.measure.drive.sizes import Sizes
from bench.records import Case

Event = dict[str, Any]


@dataclass
class Spent:
    """Where the seconds of a run went."""

    timed: float = 0.0
    warmup: float = 0.0
    setup: float = 0.0
    imports: float = 0.0
    other: float = 0.0

    def add(self, *visited: Visited) -> None:
        """Takes in a visit, in every session: they set the test up side by side."""
        self.setup += max(each.setup_s for each in visited)
        for block in itertools.chain.from_iterable(each.blocks for each in visited):
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
    ceilings: dict[str, dict[str, Any]] = field(default_factory=dict)
    elapsed_s: float = 0.0
    spent: Spent = field(default_factory=Spent)
    problems: set[str] = field(default_factory=set)
    sizes: dict[int, Sizes] = field(default_factory=dict)  # asked for after each round


def restored(past: Iterable[Event]) -> State:
    """The state of a run that was cut, from its events; the launch in hand then stays a launch of its own."""
    state = State()
    for event in past:
        state.elapsed_s = max(state.elapsed_s, event.get("elapsed_s", 0.0))
        match event["event"]:
            case "case":
                fields = {name: value for name, value in event.items() if name != "event"}
                case = Case(**fields)
                if "::" in case.id:
                    state.known[case.id] = Known(case)
                else:
                    state.problems.add(case.id)
            case "launch":
                state.launches = event["launch"] + 1
            case "launched":
                state.done.add((event["worker"], event["round"]))
            case "sizes":
                state.sizes[event["round"]] = event["sizes"]
            case "initialize":
                state.side_tasks.add(event["device"])
            case "ceilings":
                state.side_tasks.add(event["device"])
                state.ceilings[event["device"]] = event["ceilings"]
            case "skip" if event["case"] in state.known:
                state.known[event["case"]].closed = "skipped"
            case "visit" if event["case"] in state.known:
                _recall(state.known[event["case"]], event)
    return state


def _recall(known: Known, event: Event) -> None:
    """Takes in a visit of a run that was cut."""
    blocks = [as_block({"notes": (), **block}) for block in event["blocks"]]
    known.enter(event["launch"])
    known.learn(blocks)
    known.calls = max([known.calls, *(block.calls for block in blocks if block.kind == "wall")])
    if event["outcome"] in ("died", "timeout") or (event["outcome"] != "passed" and known.visits == 1):
        known.closed = event["outcome"]

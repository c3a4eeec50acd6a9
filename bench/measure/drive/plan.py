"""What a run measures and how thoroughly, and how far it has come."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from bench.events import Sizes, Visit
from bench.measure.start.process import Spec
from bench.records import Case

COLLECT_TIMEOUT_S = 300.0
"""Patience with the imports of a suite: torch alone takes 7 s on a busy machine, network drives far more."""

REFINING = 1 / 6
"""The largest part of a run's time that is kept for sizes near crossovers: about what the default keeps."""


@dataclass(frozen=True)
class Preset:
    """How thorough a run is: its most launches, its deadline, the half interval that a case aims at, as a
    share, the longest call, the patience.

    `refining_s` of the deadline are kept for further launches at sizes near crossovers; 0: none are added. A
    preset without a deadline adds them if it is more.
    `templates` take turns in forking launches behind the first, which is a fresh start; `report_s` is what
    the report takes after the deadline.
    """

    name: str
    launches: int
    deadline_s: float
    target: float
    longest_call_s: float
    timeout_s: float
    refining_s: float = 0.0
    templates: int = 2
    report_s: float = 30.0

    def within(self, minutes: int) -> "Preset":
        """The same, but over in so many minutes, its report included."""
        deadline_s = 60.0 * minutes - self.report_s
        return replace(self, deadline_s=deadline_s, refining_s=min(self.refining_s, deadline_s * REFINING))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("quick", 3, 78, 0.10, 2.0, 30, templates=1, report_s=12),
        Preset("default", 12, 330, 0.05, 2.5, 120, refining_s=50),
        Preset("thorough", 30, math.inf, 0.02, math.inf, 900, refining_s=600, templates=5),
    )
}


def preset_of(name: str, minutes: int | None) -> Preset:
    """The preset of that name, over within so many minutes where they are given."""
    return PRESETS[name].within(minutes) if minutes else PRESETS[name]


@dataclass(frozen=True)
class Plan:
    """What a run measures, and how thoroughly: in so many launches, or in as many as the planner finds worth
    their time."""

    spec: Spec
    preset: Preset = PRESETS["default"]
    launches: int | None = None
    seed: int = 1
    ceilings: bool = True


@dataclass
class Progress:
    """Where a run stands; `say` is called with it whenever it moves.

    `done` of the `cases` were visited. `last` is what was read last: a case, and seconds per call.
    """

    say: Callable[["Progress"], None] = lambda _progress: None
    round: int = 0
    rounds: int = 0
    case: str = ""
    cases: int = 0
    done: int = 0
    elapsed_s: float = 0.0
    left_s: float = math.inf
    last: tuple[str, float] = ("", math.nan)

    def read(self, visit: Visit) -> None:
        """Takes in what a visit read, where it read anything that counts."""
        seconds = [block.wall_s / block.calls for block in visit.blocks if block.kind == "wall"]
        if seconds:
            self.last = visit.case, median(seconds)

    def move(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self.say(self)


def file_as_case(path: str) -> Case:
    """What stands for the cases of a file that could not be collected."""
    suite = path.rpartition("/")[2].removesuffix(".py")
    return Case(path, suite, suite, doc="the file could not be collected")


def sizes_variable(added: Iterable[Sizes]) -> dict[str, str]:
    """What tells a worker's plugin of all sizes that were ever asked for; empty where none were."""
    merged: dict[str, dict[str, list[float]]] = {}
    for sizes in added:
        for test, axes in sizes.items():
            for axis, values in axes.items():
                of_axis = merged.setdefault(test, {}).setdefault(axis, [])
                of_axis += [value for value in values if value not in of_axis]
    return {"BENCH_SIZES": json.dumps(merged)} if merged else {}

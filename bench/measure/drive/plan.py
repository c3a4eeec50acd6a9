"""What a run measures and how thoroughly, and how far it has come."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.measure.drive.policy import PRESETS, Preset
from bench.measure.drive.process import Spec
from bench.records import Case

COLLECT_TIMEOUT_S = 300.0
"""Patience with the imports of a suite: torch alone takes 7 s on a busy machine, network drives far more."""


@dataclass(frozen=True)
class Plan:
    """What a run measures, and how thoroughly."""

    spec: Spec
    preset: Preset = PRESETS["default"]
    launches: int = 5
    seed: int = 1
    ceilings: bool = True


@dataclass
class Progress:
    """Where a run stands; `say` is called with it whenever it moves."""

    say: Callable[["Progress"], None] = lambda _progress: None
    round: int = 0
    rounds: int = 0
    case: str = ""
    cases: int = 0
    done: int = 0
    elapsed_s: float = 0.0
    left_s: float = math.inf

    def move(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        self.say(self)


def file_as_case(path: str) -> Case:
    """What stands for the cases of a file that could not be collected."""
    suite = path.rpartition("/")[2].removesuffix(".py")
    return Case(path, suite, suite, doc="the file could not be collected")

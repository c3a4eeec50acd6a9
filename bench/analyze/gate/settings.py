"""What a gate is asked to hold: its settings and its budgets, as plain records that fit into a header."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Budget:
    """A budget is what cases that match a pattern may cost; fields that are None ask for nothing.

    `max_time_s` is seconds per call on `machine` ("" for any machine), `max_memory_bytes` the most that a
    call may need, `max_regression` the smallest slowdown that matters, `min_ceiling_share` a share of the
    ceiling that binds, `max_ratio` the time over that of the case that matches `to`. `device` narrows the
    cases; "" does not. `line` is where it stands in its file.
    """

    pattern: str
    device: str = ""
    max_time_s: float | None = None
    machine: str = ""
    max_regression: float | None = None
    min_ceiling_share: float | None = None
    max_ratio: float | None = None
    max_memory_bytes: float | None = None
    to: str = ""
    line: int = 0


@dataclass(frozen=True)
class Settings:
    """What `[tool.bench.gate]` and `[tool.bench.budgets]` say.

    `max_regression` is a share; `confidence` that of a whole table without a false alarm; `undecided` and
    `faster` say whether a gate with such cases passes; `install` are commands that install a side; `renamed`
    maps old names to new ones; `removed` are patterns.
    """

    max_regression: float = 0.05
    confidence: float = 0.99
    undecided: Literal["pass", "fail"] = "pass"
    install: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    budgets: tuple[Budget, ...] = ()
    faster: Literal["pass", "fail"] = "pass"


def of_header(entry: Mapping[str, Any]) -> Settings:
    """The settings that a run's header keeps: `asdict(settings)`, read back from JSON."""
    lists = {name: tuple(entry.get(name) or ()) for name in ("install", "removed")}
    budgets = tuple(Budget(**budget) for budget in entry.get("budgets") or ())
    return Settings(**{**entry, **lists, "budgets": budgets})

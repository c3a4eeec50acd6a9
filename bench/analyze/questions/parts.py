"""Where the time of a training step goes: its parts, each timed alone, beside the whole step.

The parts are those of the course: forward pass, loss, backward pass, optimizer. They are matched by
operation, device, network and batch (the declared `items`); nothing is said where one of them is missing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from bench.analyze.estimates.confidence import Confidence, of_interval

PARTS = {"forward": "forward_modes", "loss": "loss", "backward": "backward", "optimizer": "optimizer_step"}
"""The operation that times a part."""

VARIANT = {"mode": ("train",), "way": (".backward()", "eager")}
"""Of what else an operation is timed in, what belongs to training as the course has it."""

WHOLE, COURSE = "training_step", "mlp"
"""The whole step's operation, that of another network than the course's with the name behind it."""

WAYS = "ways_to_training_step"
"""The operation that times the whole step at the batch of its parts, in the ways of today's torch."""

ADDS_UP = 1.10
"""Ratio of the parts' sum to the whole step up to which they add up: a part timed alone finds its data in
the cache, and pays for its own return."""


@dataclass(frozen=True)
class Part:
    """Seconds per call of a case, back to back, with the 95 % interval."""

    name: str
    seconds: float
    low_s: float
    high_s: float
    case: str


@dataclass(frozen=True)
class Step:
    """A training step of one network on one device; `whole` is None where it was not timed at this batch."""

    device: str
    network: str
    items: float
    parts: tuple[Part, ...]
    whole: Part | None

    @property
    def total_s(self) -> float:
        return sum(part.seconds for part in self.parts)

    @property
    def shares(self) -> dict[str, float]:
        """Each part's share of the parts' sum."""
        return {part.name: part.seconds / self.total_s for part in self.parts}

    @property
    def sum_to_whole(self) -> tuple[float, float, float] | None:
        """The ratio of the parts' sum to the whole step with its 95 % interval; None where one has none."""
        if self.whole is None or not self.whole.low_s > 0:
            return None
        half_s = math.hypot(*((part.high_s - part.low_s) / 2 for part in self.parts))
        whole = math.log(self.whole.high_s / self.whole.low_s) / 2
        ratio, half = self.total_s / self.whole.seconds, math.hypot(half_s / self.total_s, whole)
        return (ratio, ratio * math.exp(-half), ratio * math.exp(half)) if math.isfinite(half) else None

    @property
    def adds_up(self) -> bool:
        """False where the parts and the whole differ by more than they are known to."""
        known = self.sum_to_whole
        return known is None or (known[1] <= ADDS_UP and known[2] >= 1 / ADDS_UP)

    @property
    def confidence(self) -> Confidence:
        """That of the largest part: it decides the shares."""
        largest = max(self.parts, key=lambda part: part.seconds)
        return of_interval(largest.low_s, largest.high_s) if self.adds_up else "unsettled"


def steps(cases: pd.DataFrame) -> tuple[Step, ...]:
    """The step of every device and network of which all parts were timed."""
    return tuple(_steps(cases[cases["median_s"].notna()]))


def unmeasured(cases: pd.DataFrame) -> tuple[str, ...]:
    """Why each case of a step's parts that has no time has none."""
    missing = cases[cases["operation"].isin(PARTS.values()) & cases["median_s"].isna()]
    return tuple(map(str, missing["reason"]))


def _steps(cases: pd.DataFrame) -> Iterator[Step]:
    if "network" not in cases:
        return
    backward = cases[cases["operation"] == PARTS["backward"]]
    for row in backward.drop_duplicates(["device", "network"]).to_dict("records"):
        same = cases[(cases["device"] == row["device"]) & (cases["network"] == row["network"])]
        found = {name: _part(name, same[same["operation"] == operation]) for name, operation in PARTS.items()}
        parts = tuple(part for part in found.values() if part)
        if len(parts) == len(PARTS):
            whole = _whole(cases, str(row["device"]), str(row["network"]), float(row["items"]))
            yield Step(str(row["device"]), str(row["network"]), float(row["items"]), parts, whole)


def _whole(cases: pd.DataFrame, device: str, network: str, items: float) -> Part | None:
    name = WHOLE if network == COURSE else f"{WHOLE}_{network}"
    same = cases[(cases["device"] == device) & (cases["items"] == items)]
    in_ways = (same["operation"] == WAYS) & (same["network"] == network)
    rows = same[(same["operation"] == name) | in_ways]
    return _part("whole", rows)


def _part(name: str, rows: pd.DataFrame) -> Part | None:
    """The first of the rows that belongs to training."""
    for parameter, values in VARIANT.items():
        if parameter in rows and rows[parameter].isin(values).any():
            rows = rows[rows[parameter].isin(values)]
    if rows.empty:
        return None
    row = rows.iloc[0]
    seconds, low_s, high_s = (float(row[each]) for each in ("median_s", "low_s", "high_s"))
    return Part(name, seconds, low_s, high_s, str(row["case"]))

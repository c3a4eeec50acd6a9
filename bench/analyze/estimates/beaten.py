"""Ceilings that cases beat. A ceiling is the best that was seen, by whatever means: one that a case beats was
measured too low, and is raised to what the case shows, which the report says.

Not every case may raise one. Work that is declared too high beats any ceiling, and so does a product in a
precision that is not on record: these are told apart, and reported without raising anything.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.declared import number
from bench.analyze.estimates.roofs import DEFAULT_DTYPE, Roof, best_of, roofs
from bench.storage.tables import Run

ERROR = 0.05
"""How far a ceiling may be off: on a quiet machine two measurements of one lie some per cent apart."""

PLAUSIBLE = 3.0
"""How many times too low a ceiling may have been measured: a case that shows more does less than it says."""

MISCOUNTED = 0.05
"""How far declared FLOPs may be from those that torch counts: bias and activations are not in its count."""


@dataclass(frozen=True)
class Beaten:
    """A ceiling of a device that cases beat: what it was measured as, what the best `case` shows, and whether
    it was raised to that. `kind` and `name` are the roof's; both values are seconds of `launch`, else a rate.
    `rows` are those of all cases that beat it.
    """

    device: str
    kind: str
    name: str
    measured: float
    seen: float
    raised: bool
    case: str
    rows: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """How many times better the case is than the ceiling."""
        return self.measured / self.seen if self.kind == "launch" else self.seen / self.measured


@dataclass(frozen=True)
class _Beat:
    row: int
    roof: Roof
    ratio: float
    raises: bool


def beaten(frame: pd.DataFrame, cases: pd.DataFrame, run: Run) -> list[Beaten]:
    """Every ceiling that a case beats by more than `ERROR`."""
    by_ceiling: dict[tuple[str, str, str, bool], list[_Beat]] = {}
    for beat in _beats(frame, cases, run):
        device = str(frame["device"].iat[beat.row])
        key = device, beat.roof.kind, beat.roof.name, beat.raises
        by_ceiling.setdefault(key, []).append(beat)
    found = []
    for (device, kind, name, raises), beats in by_ceiling.items():
        best = max(beats, key=lambda beat: beat.ratio)
        measured = _value((run.ceilings or {})[device], kind, name)
        seen = measured / best.ratio if kind == "launch" else measured * best.ratio
        rows = tuple(beat.row for beat in beats)
        case = str(frame["case"].iat[best.row])
        found.append(Beaten(device, kind, name, measured, seen, raises, case, rows))
    return found


def raised(run: Run, found: Sequence[Beaten]) -> Mapping[str, Mapping[str, Any]]:
    """The run's ceilings by device, those that cases beat raised to what these show."""
    ceilings: dict[str, Any] = copy.deepcopy(dict(run.ceilings or {}))
    for each in found:
        if each.raised:
            _raise(ceilings[each.device], each)
    return ceilings


def _beats(frame: pd.DataFrame, cases: pd.DataFrame, run: Run) -> Iterator[_Beat]:
    columns = ("device", "median_s", "device_s", "flops", "bytes")
    rows = zip(*(frame[name].to_numpy() for name in columns), cases["extra"], cases["params"], strict=True)
    for row, (device, median_s, device_s, flops, bytes_, extra, params) in enumerate(rows):
        ceilings, facts = (run.ceilings or {}).get(device), {**extra, **params}
        if not ceilings or not np.isfinite(median_s):
            continue
        for roof in roofs(flops, bytes_, facts, ceilings):
            on_device = roof.kind in ("compute", "memory") and np.isfinite(device_s)
            ratio = roof.seconds / (device_s if on_device else median_s)
            if ratio > 1 + ERROR and (roof.kind != "launch" or _launches(device, flops, bytes_, device_s)):
                yield _Beat(
                    row, roof, float(ratio), ratio <= PLAUSIBLE and _raises(roof, device, flops, facts)
                )


def _launches(device: str, flops: float, bytes_: float, device_s: float) -> bool:
    """Whether a call is sure to launch something: on the processor it may be another engine's, or none."""
    return device != "cpu" and (flops > 0 or bytes_ > 0) and device_s != 0


def _raises(roof: Roof, device: str, flops: float, facts: Mapping[str, Any]) -> bool:
    """Whether what a case shows can be the ceiling's own fault alone."""
    if roof.kind != "compute":
        return True
    counted = number(facts, "counted_flops")
    if not counted or not abs(flops / counted - 1) <= MISCOUNTED:
        return False
    # On a GPU convolutions of float32 are rounded to TensorFloat-32 unless that is turned off.
    return device == "cpu" or roof.name != DEFAULT_DTYPE or "tf32" in facts


def _value(ceilings: Mapping[str, Any], kind: str, name: str) -> float:
    match kind:
        case "launch":
            return float(ceilings["launch_s"])
        case "compute":
            return float(ceilings["flops_per_s"][name])
        case "memory":
            return float(ceilings["copy_bytes_per_s"][name])
        case _:
            return best_of(ceilings[name])


def _raise(ceilings: dict[str, Any], each: Beaten) -> None:
    match each.kind:
        case "launch":
            ceilings["launch_s"] = each.seen
        case "compute":
            ceilings["flops_per_s"][each.name] = each.seen
        case "memory":
            # No memory is faster than a nearer one; the levels are listed from the nearest on.
            rates = ceilings["copy_bytes_per_s"]
            names = list(rates)
            for level in names[: names.index(each.name) + 1]:
                rates[level] = max(rates[level], each.seen)
        case _:
            ceilings[each.name]["best_bytes_per_s"] = each.seen

"""Items a second of every contender at every size, with whom the best cannot be told from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analyze.contests.contests import Choice

SHOWN = ["case", "items", "median_s", "low_s", "high_s", "status"]
"""Columns of the cases frame that make a rate."""


@dataclass(frozen=True)
class Rate:
    """A contender's items a second at a size, back to back, with the 95 % interval; NaN where it has none.

    `leads` is true of those that are not known to be slower than another there.
    """

    contender: str
    items_per_s: float
    low: float
    high: float
    case: str
    ok: bool
    leads: bool


def rates(choice: Choice, cases: pd.DataFrame) -> dict[float, tuple[Rate, ...]]:
    """By size, ascending, the rates of all contenders that declare their items, in the contenders' order."""
    frame = cases.drop_duplicates("case")
    frame = frame[(frame["suite"] == choice.suite) & (frame["operation"] == choice.operation)]
    if choice.axis not in frame or choice.between not in frame:
        return {}
    frame = frame[(frame["items"] > 0) & (frame["median_s"] > 0)]
    for name, value in choice.fixed.items():
        if name in frame:
            frame = frame[frame[name].astype("str") == str(value)]
    found = {}
    for size, at_size in frame.groupby(choice.axis):
        names = at_size[choice.between].astype("str")
        rows = dict(zip(names, at_size[SHOWN].to_dict("records"), strict=True))
        leading = choice.may_be_best.get(float(size), ())
        found[float(size)] = tuple(
            _rate(name, rows[name], name in leading) for name in choice.contenders if name in rows
        )
    return found


def _rate(name: str, row: Mapping[str, Any], leads: bool) -> Rate:
    items, median, low, high = (float(row[each]) for each in ("items", "median_s", "low_s", "high_s"))
    ends = (items / high, items / low) if low > 0 and math.isfinite(high) else (math.nan, math.nan)
    return Rate(name, items / median, *ends, str(row["case"]), row["status"] == "ok", leads)

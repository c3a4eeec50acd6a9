"""Which of the machine's measured ceilings holds a case back, and how near to it the case comes.

One rule: under each ceiling the declared work has a shortest possible time. The longest of these binds,
and its share is that time over the measured one. Two exceptions, both named `host`, for what Python and
the framework take: an accelerator that idles for more than half of the time, and a case for which launching
is the longest of all and still explains little of its time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.estimates.roofs import memory_level, roofs

IDLE = 0.5
"""Share of the time that the device works, below which its host holds it back."""

EXPLAINS = 0.2
"""Share of the time from which the cost of one launch is an explanation of it."""


def bounds(
    frame: pd.DataFrame, cases: pd.DataFrame, ceilings_of: Mapping[str, Mapping[str, Any]]
) -> dict[str, pd.Series]:
    """`ceiling_share`, `bound` and `memory_level` for every row; NaN and "" where nothing is known.

    `ceilings_of` are the ceilings by device, raised where cases beat them: `bench.analyze.estimates.beaten`.
    """
    shares = np.full(len(frame), np.nan)
    names = np.full(len(frame), "", dtype=object)
    levels = np.full(len(frame), "", dtype=object)
    columns = ("device", "median_s", "device_s", "flops", "bytes")
    rows = zip(*(frame[name].to_numpy() for name in columns), cases["extra"], cases["params"], strict=True)
    for row, (device, median_s, device_s, flops, bytes_, extra, params) in enumerate(rows):
        ceilings, facts = ceilings_of.get(device), {**extra, **params}
        if ceilings and np.isfinite(median_s):
            shortest = {roof.kind: roof.seconds for roof in roofs(flops, bytes_, facts, ceilings)}
            if shortest.get("launch", 0.0) > median_s:
                del shortest["launch"]  # it launches nothing: a view, or what shares memory
            shares[row], names[row] = _bound(shortest, median_s, device_s)
            levels[row] = memory_level(bytes_, facts, ceilings)
    return {
        "ceiling_share": pd.Series(shares),
        "bound": pd.Series(names, dtype="str"),
        "memory_level": pd.Series(levels, dtype="str"),
    }


def _bound(shortest: Mapping[str, float], median_s: float, device_s: float) -> tuple[float, str]:
    """The share of the ceiling that binds, and its name. `device_s` is NaN where it is not known."""
    if not shortest:
        return np.nan, ""
    name = max(shortest, key=lambda each: shortest[each])
    works = name in ("compute", "memory")
    if works and device_s < IDLE * median_s:
        return shortest[name] / median_s, "host"
    if name == "launch" and shortest[name] < EXPLAINS * median_s:
        return (np.nan, "") if len(shortest) == 1 else (shortest[name] / median_s, "host")
    return shortest[name] / (device_s if works and np.isfinite(device_s) else median_s), name

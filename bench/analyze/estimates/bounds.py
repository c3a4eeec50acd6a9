"""Which of the machine's measured ceilings holds a case back, and how near to it the case comes.

One rule: under each ceiling the declared work has a shortest possible time. The longest of these binds,
and its share is that time over the measured one. Two exceptions, both named `host`, for what Python and
the framework take: an accelerator that idles for more than half of the time, and a case for which launching
is the longest of all and still explains little of its time.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.storage.tables import Run

DEFAULT_DTYPE = "float32"
"""What torch computes in by default."""

IDLE = 0.5
"""Share of the time that the device works, below which its host holds it back."""

EXPLAINS = 0.2
"""Share of the time from which the cost of one launch is an explanation of it."""


def bounds(frame: pd.DataFrame, cases: pd.DataFrame, run: Run) -> dict[str, pd.Series]:
    """`ceiling_share` and `bound` for every row; NaN and "" where no ceiling or no work is known."""
    shares = np.full(len(frame), np.nan)
    names = np.full(len(frame), "", dtype=object)
    columns = ("device", "median_s", "device_s", "flops", "bytes")
    rows = zip(*(frame[name].to_numpy() for name in columns), cases["extra"], cases["params"], strict=True)
    for row, (device, median_s, device_s, flops, bytes_, extra, params) in enumerate(rows):
        ceilings = (run.ceilings or {}).get(device)
        if ceilings and np.isfinite(median_s):
            shortest = ideal_times(flops, bytes_, {**extra, **params}, ceilings)
            if shortest.get("launch", 0.0) > median_s:
                del shortest["launch"]  # it launches nothing: a view, or what shares memory
            shares[row], names[row] = _bound(shortest, median_s, device_s)
    return {"ceiling_share": pd.Series(shares), "bound": pd.Series(names, dtype="str")}


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


def ideal_times(
    flops: float, bytes_: float, facts: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> dict[str, float]:
    """The shortest time a call could take under each ceiling, in seconds.

    What crosses a link between host and device (`link` in `extra_info` names it) is held back by that alone,
    or by the launch: back to back a link's latency is no bound.
    """
    times: dict[str, float | None] = {"launch": ceilings.get("launch_s")}
    rate = (ceilings.get("flops_per_s") or {}).get(str(facts.get("dtype", DEFAULT_DTYPE)))
    if rate and flops > 0:
        times["compute"] = flops / rate
    bandwidth = _bandwidth(bytes_, ceilings) if bytes_ > 0 else None
    if bandwidth:
        times["memory"] = bytes_ / bandwidth
    link = ceilings.get(str(facts.get("link")))
    if link and bytes_ > 0:
        times = {"launch": ceilings.get("launch_s"), "transfer": bytes_ / link["bytes_per_s"]}
    return {name: seconds for name, seconds in times.items() if seconds}


def _bandwidth(bytes_: float, ceilings: Mapping[str, Any]) -> float | None:
    """The copy bandwidth of memory that holds all that a call moves: calls back to back find it there again.

    The fastest that holds it: a near level is at least as fast as those further away, whatever was measured.
    """
    rates, caches = ceilings.get("copy_bytes_per_s") or {}, ceilings.get("level_bytes") or {}
    size_of = {"memory": math.inf, **caches}
    return max((rate for level, rate in rates.items() if size_of.get(level, 0) >= bytes_), default=None)

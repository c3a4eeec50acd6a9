"""Which of the machine's measured ceilings holds a case back, and how near to it the case comes.

One rule: under each ceiling the declared work has a shortest possible time. The longest of these binds,
and its share is that time over the measured one. On an accelerator that idles for more than half of the
time no ceiling of its own binds: the host does not feed it (`launch` where launching alone explains the
host's time, else `host`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.tables import Run

DEFAULT_DTYPE = "float32"
"""What torch computes in unless told otherwise."""

IDLE = 0.5
"""Share of the time that the device works, below which its host holds it back."""


def bounds(frame: pd.DataFrame, cases: pd.DataFrame, run: Run) -> dict[str, pd.Series]:
    """`ceiling_share` and `bound` for every row; NaN and "" where no ceiling or no work is known."""
    shares = np.full(len(frame), np.nan)
    names = np.full(len(frame), "", dtype=object)
    for device, ceilings in (run.ceilings or {}).items():
        for row in np.flatnonzero((frame["device"] == device) & frame["median_s"].notna()):
            facts = {**cases["extra"].iat[row], **cases["params"].iat[row]}
            shares[row], names[row] = _bound(frame.iloc[row], facts, ceilings)
    return {"ceiling_share": pd.Series(shares), "bound": pd.Series(names, dtype="str")}


def _bound(row: pd.Series, facts: Mapping[str, Any], ceilings: Mapping[str, Any]) -> tuple[float, str]:
    shortest = ideal_times(row["flops"], row["bytes"], facts, ceilings)
    if not shortest:
        return np.nan, ""
    name = max(shortest, key=lambda each: shortest[each])
    if row["device_s"] < IDLE * row["median_s"] and name in ("compute", "memory"):
        name = "host"
    seconds = (
        row["median_s"]
        if name in ("launch", "host", "transfer") or np.isnan(row["device_s"])
        else row["device_s"]
    )
    return max(shortest.values()) / seconds, name


def ideal_times(
    flops: float, bytes_: float, facts: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> dict[str, float]:
    """The shortest time a call could take under each ceiling, in seconds."""
    times = {"launch": ceilings.get("launch_s")}
    rate = (ceilings.get("flops_per_s") or {}).get(str(facts.get("dtype", DEFAULT_DTYPE)))
    if rate and flops > 0:
        times["compute"] = flops / rate
    bandwidth = (ceilings.get("copy_bytes_per_s") or {}).get("memory")
    if bandwidth and bytes_ > 0:
        times["memory"] = bytes_ / bandwidth
    link = ceilings.get(str(facts.get("direction")))
    if link and bytes_ > 0:
        times = {"transfer": link["latency_s"] + bytes_ / link["bytes_per_s"]}
    return {name: seconds for name, seconds in times.items() if seconds}

"""What a profile says: operators by their own time, phases, and how busy the device was."""

import numpy as np
import pandas as pd

from bench.analyze.profiles.trace import ON_DEVICE, PHASES, REST, Trace

KEY = ["name", "kind", "within", "shapes", "types"]

SUMS = ["count", "self_s", "total_s", "device_s", "flops", "allocated_bytes"]

OTHER = "other"
"""What belongs to no phase."""

ORDER = [*PHASES[:2], REST, *PHASES[2:]]

PHASE_COLUMNS = ["phase", "host_s", "device_s", "share"]


def nothing() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Operators, memory and phases of a case that was not traced."""
    memory = pd.DataFrame(columns=["at_s", "device", "bytes", "allocated_bytes"])
    return pd.DataFrame(columns=[*KEY, *SUMS]), memory, pd.DataFrame(columns=PHASE_COLUMNS)


def operators(trace: Trace) -> pd.DataFrame:
    """A row for each operator within another, on inputs of the same shapes and types; most own time first.

    Columns: name, kind, within (what called it; what launched it on a device), shapes, types, count, self_s,
    total_s (with what it calls), device_s (of what it launched), flops, allocated_bytes; all over the whole
    recording. A `mark`'s own time is Python's.
    """
    spans = trace.spans
    outer = np.where(spans["kind"].isin(ON_DEVICE), spans["launcher"], spans["parent"])
    names = spans["name"].to_numpy(object)
    table = (
        spans.assign(within=np.where(outer >= 0, names[outer], ""), count=1, total_s=spans["duration_s"])
        .groupby(KEY, observed=True, sort=False)[SUMS]
        .sum()
        .reset_index()
    )
    return table.sort_values(["self_s", "name"], ascending=[False, True], ignore_index=True)


def phases(trace: Trace) -> pd.DataFrame:
    """A row for each phase in the order of a training step: phase, host_s, device_s, share of the wall time.

    Empty where the case has no phases. What belongs to none is `other`. The host's times, in which waiting
    for the device is included, add up to the wall time.
    """
    spans = trace.spans
    if not (spans["phase"] != "").any():
        return pd.DataFrame(columns=PHASE_COLUMNS)
    main = spans["track"] == spans["track"][spans["phase"] != ""].mode().iat[0]
    own = spans[main].groupby("phase")["self_s"].sum()
    launched = spans[spans["kind"].isin(ON_DEVICE)].groupby("phase")["duration_s"].sum()
    rows = [(name, own.get(name, 0.0), launched.get(name, 0.0)) for name in ORDER if name in own.index]
    rest_s = max(trace.wall_s - sum(host_s for _, host_s, _ in rows), 0.0)
    rows.append((OTHER, rest_s, float(launched.get("", 0.0))))
    table = pd.DataFrame(rows, columns=["phase", "host_s", "device_s"])
    return table.assign(share=table["host_s"] / trace.wall_s)


def device_use(trace: Trace) -> dict[str, float | int]:
    """How busy the device was: busy_s, idle_s between its first work and its last, the longest gap_s, gaps.

    Empty where nothing ran on a device. Work that overlaps, on several streams, counts once.
    """
    work = trace.spans[trace.spans["kind"].isin(ON_DEVICE)].sort_values("start_s")
    if work.empty:
        return {}
    ends = np.maximum.accumulate((work["start_s"] + work["duration_s"]).to_numpy())
    gaps = np.maximum(work["start_s"].to_numpy()[1:] - ends[:-1], 0.0)
    idle_s = float(gaps.sum())
    return {
        "busy_s": float(ends[-1] - work["start_s"].iat[0]) - idle_s,
        "idle_s": idle_s,
        "gap_s": float(gaps.max(initial=0.0)),
        "gaps": int((gaps > 0).sum()),
    }

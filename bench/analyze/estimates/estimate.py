"""Seconds per call of every case: centre, interval, what they rest on, and how far to trust them.

Three levels: the median of a visit's counted blocks, the mean of a launch's visits, the mean of launches, in
logarithms and without bursts. The interval is `scatter`'s: it counts what the run's other cases tell.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.analyze.declared import number
from bench.analyze.estimates import doubts
from bench.analyze.estimates.beaten import Beaten, beaten, raised
from bench.analyze.estimates.bounds import bounds
from bench.analyze.estimates.confidence import of_interval
from bench.analyze.estimates.contradictions import Checking, checkings
from bench.analyze.estimates.energy import energies
from bench.analyze.estimates.scatter import Centres
from bench.analyze.estimates.visits import centres_of, row_of_block
from bench.storage.formats.foreign import TOOL
from bench.storage.tables import FURTHER, IDENTITY, MEASURED, Run

FROM_CASES = (
    *IDENTITY, "side", "axis", "between", "isolate", "doc", "visits", "failed_visits", "outcome", "message",
)  # fmt: skip
WORK = ("flops", "bytes", "items")
PERCENTILES = ("latency_p50_s", "latency_p95_s", "latency_p99_s")
STATUS = {"failed": "failed", "died": "failed", "timeout": "timeout", "skipped": "skipped"}
ENDED = "the run ended before its turn"
NEVER_REACHED = f"not measured: {ENDED}"


@dataclass(frozen=True)
class Estimates:
    """A run's estimates, and what was found on the way to them.

    `cases` is the cases frame, one row a case and side, with the columns of `bench.storage.tables`; `beaten`
    are the ceilings that cases beat.
    """

    cases: pd.DataFrame
    centres: Centres
    beaten: tuple[Beaten, ...]
    checkings: tuple[Checking, ...]


def estimates(run: Run, blocks: pd.DataFrame) -> Estimates:
    """The estimates of a run, from its marked blocks."""
    blocks = blocks.assign(row=row_of_block(run, blocks))
    cases, centres = run.cases.reset_index(drop=True), centres_of(run, blocks)
    frame = _times(blocks, _known(run, centres)).join(_work(cases))
    frame = frame.assign(**{name: cases[name] for name in FROM_CASES})
    for name in WORK:
        frame[f"{name}_per_s"] = frame[name] / frame["median_s"]
    frame = frame.assign(**_status(frame, cases), run=run.name, machine=run.machine)
    frame = frame.assign(**energies(run, blocks, frame))
    parameters = _parameters(cases["params"])
    beat = tuple(beaten(frame, cases, run))
    frame = frame.assign(**bounds(frame, cases, raised(run, beat)))
    checked = checkings(run, cases, frame, blocks, beat)
    frame["warnings"] = doubts.warnings(run, cases, frame, blocks, beat, checked)
    columns = [*IDENTITY, *parameters, *MEASURED, *FURTHER]
    return Estimates(frame.join(parameters)[columns], centres, beat, checked)


def _known(run: Run, centres: Centres) -> Centres:
    """The centres; without an error where another tool's file has one launch. It says nothing of how the
    launches of that machine scatter, and what others do is no guess at it."""
    if TOOL not in run.header.arguments:
        return centres
    return replace(centres, error=np.where(centres.launches > 1, centres.error, np.nan))


def launch_medians(blocks: pd.DataFrame, value: str) -> pd.Series:
    """Seconds per call by row and launch: the median of `value` over the blocks given."""
    return (blocks[value] / blocks["calls"]).groupby([blocks["row"], blocks["launch"]]).median()


def _centre(blocks: pd.DataFrame, value: str) -> pd.Series:
    return launch_medians(blocks, value).groupby(level=0).median()


def _times(blocks: pd.DataFrame, centres: Centres) -> pd.DataFrame:
    """Every column that comes from blocks alone."""
    rows = len(centres.log)
    kind, counted = blocks["kind"], blocks[blocks["counted"]]
    all_wall, wall = blocks[kind == "wall"], counted[counted["kind"] == "wall"]
    device = counted[(counted["kind"] == "device") & ~counted["notes"].str.contains("queue_ran_dry")]
    # A cold block's wall time has flushes and holds in it: without the device's own time there is no figure.
    cold = counted[(counted["kind"] == "cold") & ~counted["notes"].str.contains("queue_ran_dry")]
    # Later visits of a launch begin with calls that are not counted: these are no part of the warm-up.
    first_visit = blocks["pass"] == blocks.groupby(["row", "launch"])["pass"].transform("min")
    warmup = blocks[(kind == "warmup") & first_visit].groupby(["row", "launch"])["wall_s"].sum()
    per_row = all_wall.groupby("row")
    frame = pd.DataFrame(
        {
            **_intervals(centres),
            "latency_s": _centre(counted[counted["kind"] == "latency"], "wall_s"),
            "device_s": _centre(device, "device_s"),
            "host_s": _centre(wall, "host_s"),
            "cold_s": _centre(cold, "device_s"),
            "first_s": _centre(blocks[kind == "first"], "wall_s"),
            "warmup_s": warmup.groupby(level=0).median(),
            "launches_made": per_row["launch"].nunique(),
            "disturbed_share": per_row["disturbed"].mean(),
        },
        index=range(rows),
    )
    for name, source in (("blocks", all_wall), ("clean_blocks", wall)):
        frame[name] = source.groupby("row").size().reindex(range(rows), fill_value=0)
    frame["launches"] = wall.groupby("row")["launch"].nunique().reindex(range(rows), fill_value=0)
    # Better a doubtful figure, marked noisy and without an interval, than none.
    frame["median_s"] = frame["median_s"].fillna(_centre(all_wall, "wall_s"))
    frame["launches_made"] = frame["launches_made"].fillna(0)
    return frame


def _intervals(centres: Centres) -> dict[str, pd.Series]:
    half = centres.half()
    ends = {"median_s": centres.log, "low_s": centres.log - half, "high_s": centres.log + half}
    return {name: pd.Series(np.exp(logs)) for name, logs in ends.items()}


def _work(cases: pd.DataFrame) -> pd.DataFrame:
    """Declared work per call and peak memory as numbers, and all of extra_info as JSON."""
    numbers = {
        name: pd.Series([number(extra, name) for extra in cases["extra"]])
        for name in (*WORK, "peak_memory_bytes", "kept_bytes", *PERCENTILES)
    }
    frame = pd.DataFrame(numbers, dtype=float)
    return frame.assign(extra=pd.Series([json.dumps(extra) for extra in cases["extra"]], dtype="str"))


def _status(frame: pd.DataFrame, cases: pd.DataFrame) -> dict[str, pd.Series]:
    """ok or noisy where there are times, else why there are none; and how well the times are known.

    A case without a clean block is noisy, and so is one whose interval does not tell the order of its time.
    """
    known = [of_interval(low, high) for low, high in zip(frame["low_s"], frame["high_s"], strict=True)]
    confidence = pd.Series(known, dtype="str")
    unknown = frame["low_s"].isna() & (frame["clean_blocks"] > 0)
    measured = pd.Series(np.where((confidence == "unsettled") & ~unknown, "noisy", "ok"))
    unmeasured = cases["outcome"].map(STATUS).fillna("skipped")
    reason = cases["message"].where(cases["outcome"] != "", NEVER_REACHED)
    broken = unmeasured.isin(("failed", "timeout")) & (cases["failed_visits"] >= cases["visits"])
    has_times = (frame["blocks"] > 0) & ~broken  # what failed in every visit, timed or not
    return {
        "status": measured.where(has_times, unmeasured),
        "reason": reason.where(~has_times, "").fillna(""),
        "confidence": confidence.where(has_times & ~unknown, ""),
    }


def _parameters(params: pd.Series) -> pd.DataFrame:
    """A column for each parameter, of one type: numbers, truth values, or text where they are mixed."""
    names = dict.fromkeys(name for each in params for name in each)
    taken = {*IDENTITY, *MEASURED, *FURTHER}
    columns = {}
    for name in names:
        values = [each.get(name) for each in params]
        columns[f"param_{name}" if name in taken else name] = _column(values)
    return pd.DataFrame(columns, index=params.index)


def _column(values: list[object]) -> pd.Series:
    types = {type(value) for value in values if value is not None}
    if types == {bool}:
        return pd.Series(values, dtype="boolean")
    if types == {int}:
        return pd.Series(values, dtype="Int64")
    if types <= {int, float}:
        return pd.Series(values, dtype=float)
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")

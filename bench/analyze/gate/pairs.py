"""What a launch tells of a change: the median of ln(head/base) over pairs in which both blocks are clean.

Blocks of the two sides alternate, so that the i-th block of a visit on one side belongs to the i-th on
the other: what slows both down cancels. A launch is one number, since its blocks agree more than launches.
"""

import numpy as np
import pandas as pd

from bench.analyze.estimates.estimate import launch_medians
from bench.analyze.estimates.visits import row_of_block
from bench.disturbance import MIN_PAIRS, MIN_PAIRS_S
from bench.storage.tables import Run

KINDS = ("wall", "device")
"""Kinds of block that are compared: what a caller waits for, and what the device itself takes."""


def launch_ratios(blocks: pd.DataFrame) -> pd.DataFrame:
    """ln(head/base) with one row a case and kind, one column a launch; NaN where a launch cannot tell.

    `blocks` are marked by `bench.analyze.blocks.clean.marked`.
    """
    pairs = paired(blocks)
    by_launch = pairs.groupby(["case", "kind", "launch"], observed=True)
    clean = pairs["log_ratio"].where(pairs["clean"]).groupby([pairs["case"], pairs["kind"], pairs["launch"]])
    needed = (MIN_PAIRS_S / by_launch["seconds"].median()).round().clip(1, MIN_PAIRS)
    enough = clean.count() >= needed.clip(upper=by_launch.size())
    return clean.median().where(enough).unstack("launch").sort_index(axis="columns")


def paired(blocks: pd.DataFrame) -> pd.DataFrame:
    """One row a pair: case, kind, launch, seconds of the base, log_ratio, clean or not, ratio of paces."""
    timed = blocks[blocks["kind"].isin(KINDS) & blocks["side"].isin(("base", "head"))]
    seconds = timed["wall_s"].where(timed["kind"] == "wall", timed["device_s"]) / timed["calls"]
    visit = ["case", "kind", "launch", "pass"]
    timed = timed.astype({"case": "str", "kind": "str"})[[*visit, "side", "counted", "pace_s"]]
    timed = timed.assign(seconds=seconds)
    timed["nth"] = timed.groupby([*visit, "side"], observed=True).cumcount()
    by_side = [timed[timed["side"] == side].set_index([*visit, "nth"]) for side in ("base", "head")]
    base, head = (each[["seconds", "counted", "pace_s"]] for each in by_side)
    pairs = base.join(head.add_suffix("_head"), how="inner").reset_index()
    log_ratio = np.log(pairs["seconds_head"] / pairs["seconds"])
    clean = pairs["counted"] & pairs["counted_head"] & log_ratio.notna()
    pace_ratio = pairs["pace_s_head"] / pairs["pace_s"]
    return pairs[["case", "kind", "launch", "seconds"]].assign(
        log_ratio=log_ratio, clean=clean, pace_ratio=pace_ratio
    )


def launch_logs(run: Run, blocks: pd.DataFrame) -> dict[int, pd.Series]:
    """ln(seconds per call) by launch, for each row of a run's cases that has clean blocks."""
    counted = blocks[blocks["counted"] & (blocks["kind"] == "wall")]
    counted = counted.assign(row=row_of_block(run, counted))
    medians = np.log(launch_medians(counted, "wall_s"))
    return {int(row): logs.droplevel(0) for row, logs in medians.groupby(level=0)}

"""Which blocks count: those that others left alone. The rule never looks at how long a block took."""

import numpy as np
import pandas as pd

from bench.analyze.blocks.gpus import noted
from bench.records import DELAY_LIMIT, FOREIGN_LIMIT, MISFIT, PACE_LIMIT, TELLING_S
from bench.storage.tables import Run

UNSTEADY = "allocated|throttled|foreign_device_use"
"""Notes of a block during which the device asked for memory, slowed down, or served others."""

SELF_DISTURBING_SHARE = 0.5
"""Share of a case's blocks from which the case counts as one that disturbs itself: a library's thread that
wakes up once is not enough."""

ONE_PACE_SHARE = 0.5
"""Share of a run's blocks that must be made at one pace for the others to be odd."""

PACED_BELOW_S = 0.5
"""Blocks from here on are not judged by pace: read at both ends, it says little of the middle."""

ENOUGH_BLOCKS = 3
"""Blocks at the run's pace from which a case's others do not count: a median needs three."""

STEADY_KINDS = ("wall", "latency", "device", "cold")


def marked_blocks(run: Run) -> pd.DataFrame:
    """A run's blocks, marked with all that is known of them: what GPUs did meanwhile, too.

    Those of a case that failed whenever it was visited are left out: what it timed may be anything.
    """
    cases, blocks = run.cases, noted(run)
    failed = cases[(cases["failed_visits"] > 0) & (cases["failed_visits"] >= cases["visits"])]
    if not failed.empty:
        keys = pd.MultiIndex.from_frame(blocks[["case", "side"]].astype("str"))
        blocks = blocks[~keys.isin(list(zip(failed["case"], failed["side"], strict=True)))]
    return marked(blocks)


def marked(blocks: pd.DataFrame) -> pd.DataFrame:
    """The blocks with `disturbed` and `counted`; a reading that the system does not offer disturbs nothing.

    A case that disturbs itself in most wall blocks (children, more threads than processors) is judged by
    the processor time that others took, where that was read, every other case by its own run-queue delay;
    both by what a control group withheld. A device block whose queue stayed full does not depend on its
    host. `off_pace` is true for blocks that are clean, but were made while the processor ran at another pace
    than for most of the run.
    """
    case = blocks.groupby("case", observed=True, sort=False).ngroup()
    series = blocks.groupby(["case", "kind"], observed=True, sort=False).ngroup()
    # The most a case had: in lock step it may be held on one of its processors.
    processors = blocks["processors"].groupby(case).transform("max")
    itself = (blocks["children"] > 0) | (blocks["threads"] > processors)
    telling = (blocks["wall_s"] >= TELLING_S) & (blocks["kind"] == "wall")
    disturbs_itself = (
        itself.astype(float).where(telling).groupby(case).transform("mean") >= SELF_DISTURBING_SHARE
    )
    foreign = blocks["foreign_s"] / (blocks["wall_s"] * blocks["processors"]) > FOREIGN_LIMIT
    delayed = blocks["delay_s"] / blocks["wall_s"] > DELAY_LIMIT
    throttled = blocks["throttled_s"] / blocks["wall_s"] > DELAY_LIMIT
    on_device = (blocks["kind"] == "device") & blocks["device_s"].notna()
    by_foreign = disturbs_itself & blocks["foreign_s"].notna()
    by_host = (foreign.where(by_foreign, delayed) | throttled) & ~on_device
    disturbed = by_host | blocks["notes"].str.contains(UNSTEADY)
    clean = ~disturbed & blocks["kind"].isin(STEADY_KINDS)
    clean &= ~_misfit(blocks, clean, series)
    off_pace = _off_pace(blocks, clean, series) & clean & ~on_device & ~disturbs_itself
    return blocks.assign(disturbed=disturbed | off_pace, counted=clean & ~off_pace, off_pace=off_pace)


def _misfit(blocks: pd.DataFrame, clean: pd.Series, series: pd.Series) -> pd.Series:
    """Blocks of far fewer calls than the latest of their series, where that has enough clean ones.

    Their calls were chosen beside others who held the first ones up; what a block costs shows in them.
    """
    few = blocks["calls"] * MISFIT <= blocks["calls"].groupby(series).transform("last")
    kept = (clean & ~few).groupby(series).transform("sum")
    return few & (kept >= ENOUGH_BLOCKS)


def _off_pace(blocks: pd.DataFrame, clean: pd.Series, series: pd.Series) -> pd.Series:
    """Blocks to leave out because the processor ran at another pace than for most of the run.

    Only where their series, a case's blocks of one kind, has enough at that pace; a case that was never
    measured at it keeps the others, and gets a warning (`bench.analyze.estimates.doubts`). Blocks of two
    sides alternate: a change of pace slows both down, and cancels.
    """
    low_s, high_s = pace_of_run(blocks)
    other = ~blocks["pace_s"].between(low_s, high_s) & blocks["pace_s"].notna()
    other &= (blocks["wall_s"] < PACED_BELOW_S) & (blocks["side"] == "")
    kept = (clean & ~other).groupby(series).transform("sum")
    return other & (kept >= ENOUGH_BLOCKS)


def pace_of_run(blocks: pd.DataFrame) -> tuple[float, float]:
    """The paces, in seconds, at which most of a run's blocks were made: a window of `PACE_LIMIT`.

    From 0 to infinity where there is no such window, or no pace was read.
    """
    paces_s = np.sort(blocks["pace_s"].dropna().to_numpy())
    within = np.searchsorted(paces_s, paces_s * PACE_LIMIT, side="right") - np.arange(len(paces_s))
    if not len(paces_s) or within.max() < ONE_PACE_SHARE * len(paces_s):
        return 0.0, np.inf
    low_s = float(paces_s[np.argmax(within)])
    return low_s, low_s * PACE_LIMIT


def unread(blocks: pd.DataFrame) -> pd.Series:
    """True for a block whose disturbance nothing on this system shows."""
    return blocks["delay_s"].isna() & blocks["foreign_s"].isna()

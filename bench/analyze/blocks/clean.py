"""Which blocks count: those that others left alone, by `bench.disturbance`."""

import numpy as np
import pandas as pd

from bench.analyze.blocks.gpus import noted
from bench.disturbance import MISFIT, disturbed, disturbs_itself, tells
from bench.storage.tables import Run

PACE_LIMIT = 1.2
"""Ratio of two readings of the processor's pace up to which they are the same: a neighbour on the physical
core makes it 1.7, while on a quiet one nine in ten readings lie within 6 %."""

SELF_DISTURBING_SHARE = 0.5
"""Share of a case's blocks from which the case counts as one that disturbs itself: a library's thread that
wakes up once is not enough."""

ONE_PACE_SHARE = 0.5
"""Share of a run's blocks that must be made at one pace for the others to be odd."""

ENOUGH_BLOCKS = 3
"""Blocks from which a case's others, of far fewer calls, do not count: a median needs three."""

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
    """The blocks with `disturbed` and `counted`; a case disturbs itself if most of its wall blocks do.

    A processor whose pace changes disturbs none: `bench.analyze.estimates.pace` takes out what it did.
    """
    case = blocks.groupby("case", observed=True, sort=False).ngroup()
    series = blocks.groupby(["case", "kind"], observed=True, sort=False).ngroup()
    itself = disturbs_itself(blocks, blocks["processors"].groupby(case).transform("max"))
    shares = itself.astype(float).where(tells(blocks)).groupby(case).transform("mean")
    case_disturbs_itself = shares >= SELF_DISTURBING_SHARE
    by_others = disturbed(blocks, case_disturbs_itself)
    clean = ~by_others & blocks["kind"].isin(STEADY_KINDS)
    return blocks.assign(disturbed=by_others, counted=clean & ~_misfit(blocks, clean, series))


def _misfit(blocks: pd.DataFrame, clean: pd.Series, series: pd.Series) -> pd.Series:
    """Blocks of far fewer calls than the latest of their series, where that has enough clean ones.

    Their calls were chosen beside others who held the first ones up; what a block costs shows in them.
    """
    few = blocks["calls"] * MISFIT <= blocks["calls"].groupby(series).transform("last")
    kept = (clean & ~few).groupby(series).transform("sum")
    return few & (kept >= ENOUGH_BLOCKS)


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

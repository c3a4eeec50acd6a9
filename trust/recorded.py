"""What sides recorded: their estimates, their visits, how far their times differ; runs by their folders."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import trim_mean

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import PACE_LIMIT, marked_blocks
from bench.analyze.estimates.intervals import TRIM
from bench.analyze.gate.pairs import paired
from bench.disturbance import MIN_PAIRS
from bench.events import Visit
from bench.storage.journal import StoreError, events
from bench.storage.store import read_run
from bench.storage.tables import Run

Runs = dict[str, Run]
"""The runs of the sides, by their names."""


def estimates(runs: Runs) -> pd.DataFrame:
    """The cases frames of the sides under each other, as their reports would show them."""
    frames = [AnalyzedRun(run).cases.assign(side=side) for side, run in runs.items()]
    return pd.concat(frames, ignore_index=True)


def changes(runs: Runs, *, at_any_pace: bool = False) -> pd.Series:
    """By case, how many times the first side's time the second side's is, from `interleaved` runs.

    The trimmed mean over pairs of neighbouring blocks, one a side, both of which are clean, and made at the
    same pace: a neighbour on the physical core comes and goes on either side. What a launch's memory is like
    meets both, since they share its worker. `at_any_pace` counts the other pairs as well; so does a case
    that has hardly one at the same pace. NaN below three pairs.
    """
    sided = [
        replace(run, blocks=run.blocks.assign(side=side))
        for run, side in zip(runs.values(), ("base", "head"), strict=True)
    ]
    blocks = [marked_blocks(run) for run in sided]
    pairs = paired(pd.concat(blocks, ignore_index=True))
    pairs = pairs[pairs["clean"] & (pairs["kind"] == "wall")]
    alike = pairs["pace_ratio"].fillna(1.0).between(1 / PACE_LIMIT, PACE_LIMIT) | at_any_pace
    enough = alike.groupby(pairs["case"]).transform("sum") >= MIN_PAIRS
    logs = pairs[alike | ~enough].groupby("case")["log_ratio"]
    return np.exp(logs.agg(partial(trim_mean, proportiontocut=TRIM)).where(logs.size() >= MIN_PAIRS))


def by_side(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of a cases frame, a row a case and a column a side."""
    return frame.pivot(index="case", columns="side", values=column).reindex(frame["case"].unique())


def visits(folder: Path, side: str) -> Iterator[Visit]:
    """Every visit of a side, as it was recorded."""
    return (event for event in events(folder / side) if isinstance(event, Visit))


def named(paths: Sequence[str], module: str) -> list[Run]:
    """The runs in these folders; ends the program with a sentence where there are none, or one is no run."""
    if not paths:
        sys.exit(f"trust: expected folders of runs: python -m trust.{module} RUN ...")
    try:
        return [read_run(Path(path)) for path in paths]
    except StoreError as error:
        sys.exit(f"trust: {error}")

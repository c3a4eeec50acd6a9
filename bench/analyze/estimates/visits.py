"""A run's visits as numbers, and each case's centre from them: `scatter` is told which cases are alike."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.estimates.scatter import Centres, centres
from bench.disturbance import disturbs_itself
from bench.events import Launch
from bench.storage.tables import Run

ONE_THREAD, TEAM, DISTURBS_ITSELF, ACCELERATOR = range(4)
"""Kinds of case: cases of one kind scatter alike from visit to visit."""

MOST = 0.5
"""Share of a case's blocks from which all of them are taken for what these are."""


def row_of_block(run: Run, blocks: pd.DataFrame) -> NDArray[np.int_]:
    """For every block the position of its case and side in `run.cases`."""
    cases, sides = blocks["case"].cat, blocks["side"].cat
    positions = {key: row for row, key in enumerate(zip(run.cases["case"], run.cases["side"], strict=True))}
    row_of = [positions.get((case, side), -1) for case in cases.categories for side in sides.categories]
    position = cases.codes.to_numpy() * len(sides.categories) + sides.codes.to_numpy()
    rows: NDArray[np.int_] = np.array(row_of, dtype=int)[position]
    return rows


def visits_of(run: Run, blocks: pd.DataFrame) -> pd.DataFrame:
    """A row a visit with a counted wall block: row, launch, log and spread.

    `row` is that of its case in `run.cases`, `log` the median of its blocks' ln(seconds per call), `spread`
    their standard deviation, NaN of a single one.
    """
    counted = blocks[blocks["counted"] & (blocks["kind"] == "wall")]
    logs = np.log(counted["wall_s"] / counted["calls"])
    by_visit = logs.groupby([row_of_block(run, counted), counted["launch"], counted["pass"]])
    visits = by_visit.agg(["median", "std"]).reset_index(names=["row", "launch", "pass"])
    return visits.rename(columns={"median": "log", "std": "spread"})


def centres_of(run: Run, blocks: pd.DataFrame) -> Centres:
    """The centre of ln(seconds per call), wall time, of every row of `run.cases`, from its counted blocks."""
    visits = visits_of(run, blocks)
    launch = visits["launch"].to_numpy(int)
    return centres(
        visits["log"].to_numpy(float),
        visits["row"].to_numpy(int),
        launch,
        kinds_of(run, blocks[blocks["kind"] == "wall"]),
        blocks=float(visits["spread"].median()),
        template=templates_of(run.launches, launch),
    )


def kinds_of(run: Run, wall: pd.DataFrame) -> NDArray[np.int_]:
    flags = pd.DataFrame(
        {"team": wall["notes"].str.contains("team"), "itself": disturbs_itself(wall, wall["processors"])}
    )
    shares = (
        flags.astype(float)
        .groupby(row_of_block(run, wall))
        .mean()
        .reindex(range(len(run.cases)), fill_value=0.0)
    )
    conditions = [run.cases["device"].to_numpy() != "cpu", shares["itself"] >= MOST, shares["team"] >= MOST]
    kinds = np.select(conditions, [ACCELERATOR, DISTURBS_ITSELF, TEAM], ONE_THREAD)
    return np.asarray(kinds, dtype=int)


def templates_of(launches: Sequence[Launch], launch: NDArray[np.int_]) -> NDArray[np.int_]:
    """The process that each visit's launch was forked from, as a number; a fresh start is one of its own."""
    number = {each.launch: each.template for each in launches if each.template is not None}
    return np.array([number.get(each, -1 - each) for each in launch.tolist()], dtype=int)

"""A run's visits as numbers, and each case's centre from them: `scatter` is told which cases are alike."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.estimates.pace import PACED_BELOW_S, steadied
from bench.analyze.estimates.scatter import Centres, centres
from bench.disturbance import disturbs_itself
from bench.events import Launch
from bench.records import Kind
from bench.storage.tables import Run

ONE_THREAD, TEAM, DISTURBS_ITSELF, ACCELERATOR = range(4)
"""Kinds of case: cases of one kind scatter alike from visit to visit. The pace tells nothing of the last two:
a device has its own, and a case's own workers slow what is read of it."""

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


def paced_visits(run: Run, blocks: pd.DataFrame, kind: Kind = "wall") -> pd.DataFrame:
    """A row a visit with a counted block of that kind: row, launch, pass, log, spread and pace.

    `row` is that of its case in `run.cases`, `log` the median of its blocks' ln(seconds per call), `spread`
    their standard deviation, NaN of a single one, `pace` that of their ln(pace), NaN where it tells nothing.
    """
    counted = blocks[blocks["counted"] & (blocks["kind"] == kind)]
    counted = counted.assign(
        row=row_of_block(run, counted),
        log=np.log(counted["wall_s"] / counted["calls"]),
        pace=np.log(counted["pace_s"].where(counted["wall_s"] < PACED_BELOW_S)),
    )
    by_visit = counted.groupby(["row", "launch", "pass"])
    visits = by_visit.agg(log=("log", "median"), spread=("log", "std"), pace=("pace", "median")).reset_index()
    kinds = kinds_of(run, blocks[blocks["kind"] == "wall"])[visits["row"].to_numpy(int)]
    return visits.assign(pace=visits["pace"].where(np.isin(kinds, (ONE_THREAD, TEAM))))


def visits_of(run: Run, blocks: pd.DataFrame, kind: Kind = "wall") -> pd.DataFrame:
    """The visits, each `log` as it would have been at the run's pace: row, launch, pass, log, spread, and
    `unsure` and `varies` of the visit's case (`Steadied`)."""
    visits, kinds = paced_visits(run, blocks, kind), kinds_of(run, blocks[blocks["kind"] == "wall"])
    row = visits["row"].to_numpy(int)
    steady = steadied(visits["log"].to_numpy(float), visits["pace"].to_numpy(float), row, kinds)
    of_case = {"unsure": steady.unsure[row], "varies": steady.varies[row]}
    return visits.drop(columns="pace").assign(log=steady.log, **of_case)


def centres_of(run: Run, blocks: pd.DataFrame) -> Centres:
    """The centre of ln(seconds per call), wall time, of every row of `run.cases`, from its counted blocks."""
    visits, kinds = visits_of(run, blocks), kinds_of(run, blocks[blocks["kind"] == "wall"])
    row, launch = visits["row"].to_numpy(int), visits["launch"].to_numpy(int)
    found = centres(
        visits["log"].to_numpy(float),
        row,
        launch,
        kinds,
        blocks=float(visits["spread"].median()),
        template=templates_of(run.launches, launch),
    )
    unsure = np.zeros(len(kinds))
    unsure[row] = np.hypot(visits["unsure"], visits["varies"])
    error = np.hypot(found.error, unsure)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = found.freedom * np.where(unsure > 0, (error / found.error) ** 4, 1.0)  # Welch's
    return replace(found, error=error, freedom=freedom)


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

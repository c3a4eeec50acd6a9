"""A run's visits as numbers, and each case's centre from them: `scatter` is told which cases are alike."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.estimates.paces import at_one_pace
from bench.analyze.estimates.scatter import Centres, centres
from bench.disturbance import disturbs_itself
from bench.events import Launch
from bench.storage.tables import Run

ONE_THREAD, TEAM, DISTURBS_ITSELF, ACCELERATOR = range(4)
"""Kinds of case: cases of one kind scatter alike from visit to visit."""

OWN_PACE = 0.1
"""Share of a run's blocks that were made at the machine's own pace or a faster one. The fastest of all may be
a lucky reading; in four of six runs on a machine of two paces half or more were made at the slow one."""

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
    """A row a visit with a counted wall block: row, launch, log, spread, blocks and pace_s.

    `row` is that of its case in `run.cases`, `log` the median of its blocks' ln(seconds per call), `spread`
    their standard deviation, NaN of a single one, `blocks` how many they are, `pace_s` the median of their
    paces.
    """
    counted = blocks[blocks["counted"] & (blocks["kind"] == "wall")]
    counted = counted.assign(row=row_of_block(run, counted), log=np.log(counted["wall_s"] / counted["calls"]))
    by_visit = counted.groupby(["row", "launch", "pass"])
    visits = by_visit["log"].agg(log="median", spread="std", blocks="size")
    return visits.assign(pace_s=by_visit["pace_s"].median()).reset_index()


def centres_of(run: Run, blocks: pd.DataFrame, pace_s: float | None = None) -> Centres:
    """The centre of ln(seconds per call), wall time, of every row of `run.cases`, from its counted blocks.

    It is the centre at a pace of the processor: the run's usual one, unless another is asked for.
    """
    visits, wall = visits_of(run, blocks), blocks[blocks["kind"] == "wall"]
    row, launch = (visits[name].to_numpy(int) for name in ("row", "launch"))
    kinds = _kinds(run, wall)
    # A device has a clock of its own, and beside a DataLoader its own workers slow what is read of the pace.
    follows = (kinds != ACCELERATOR) & (kinds != DISTURBS_ITSELF)
    paced = at_one_pace(
        visits["log"].to_numpy(float),
        visits["pace_s"].to_numpy(float),
        usual_pace_s(blocks) if pace_s is None else pace_s,
        row,
        kinds,
        follows,
    )
    found = centres(
        paced.log,
        row,
        launch,
        kinds,
        blocks=float(visits["spread"].median()),
        beyond=_beyond(visits, kinds),
        template=_templates(run.launches, launch),
    )
    return replace(found, error=np.hypot(found.error, paced.error))


def usual_pace_s(blocks: pd.DataFrame) -> float:
    """The middle pace of a run's counted blocks; NaN where none was read."""
    return float(blocks.loc[blocks["counted"] & (blocks["kind"] == "wall"), "pace_s"].median())


def own_pace_s(blocks: pd.DataFrame) -> float:
    """The pace at which a machine works when nobody is beside it: that of a run's fastest blocks."""
    return float(blocks.loc[blocks["counted"] & (blocks["kind"] == "wall"), "pace_s"].quantile(OWN_PACE))


def _beyond(visits: pd.DataFrame, kinds: NDArray[np.int_]) -> NDArray[np.float64]:
    """Of every case, what the blocks of its kind leave open of a visit, beyond what those of all do."""
    left_open = visits["spread"] / np.sqrt(visits["blocks"])
    of_kind = left_open.groupby(kinds[visits["row"]]).median().reindex(kinds).to_numpy(float)
    beyond: NDArray[np.float64] = np.sqrt(
        np.nan_to_num(np.maximum(of_kind**2 - left_open.median() ** 2, 0.0))
    )
    return beyond


def _kinds(run: Run, wall: pd.DataFrame) -> NDArray[np.int_]:
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


def _templates(launches: Sequence[Launch], launch: NDArray[np.int_]) -> NDArray[np.int_] | None:
    """The template of each visit's launch; None where the run does not say of all of them."""
    templates: Mapping[int, int | None] = {each.launch: getattr(each, "template", None) for each in launches}
    of_visit = [templates.get(each) for each in launch]
    return None if None in of_visit or not of_visit else np.array(of_visit, dtype=int)

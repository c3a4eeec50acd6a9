"""How far cases follow the processor's pace, and what taking that out leaves of their scatter.

`python -m trust.pace RUN...` prints a row a run and kind of case: the visits of cases with several, the slope
of ln(seconds per call) over ln(pace) that all share, the middle half of single cases' slopes, and the
standard deviation of visits about their case, as they were read and at the run's pace.
"""

import sys

import numpy as np
import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.pace import steadied
from bench.analyze.estimates.visits import ONE_THREAD, TEAM, kinds_of, paced_visits
from trust.recorded import named

MIN_VISITS = 4
"""Visits of a case from which it is looked at."""

NAMES = {ONE_THREAD: "one thread", TEAM: "several threads"}


def of_run(analyzed: AnalyzedRun) -> list[dict[str, float | str]]:
    """A row for each kind of case that follows the processor's pace."""
    run, blocks = analyzed.run, analyzed.blocks
    kinds, visits = kinds_of(run, blocks[blocks["kind"] == "wall"]), paced_visits(run, blocks)
    row = visits["row"].to_numpy(int)
    steady = steadied(visits["log"].to_numpy(float), visits["pace"].to_numpy(float), row, kinds)
    visits = visits.assign(kind=kinds[row], steady=steady.log)
    visits = visits[visits["pace"].notna()]
    visits = visits[visits.groupby("row")["log"].transform("size") >= MIN_VISITS]
    away = visits[["log", "steady", "pace"]] - visits.groupby("row")[["log", "steady", "pace"]].transform(
        "mean"
    )
    away = away.assign(row=visits["row"], xx=away["pace"] ** 2, xy=away["pace"] * away["log"])
    return [_row(run.name, NAMES[kind], away[visits["kind"] == kind]) for kind in sorted(set(visits["kind"]))]


def _row(run: str, kind: str, away: pd.DataFrame) -> dict[str, float | str]:
    sums = away.groupby("row")[["xx", "xy"]].sum()
    slopes = (sums["xy"] / sums["xx"].clip(lower=1e-12)).quantile([0.25, 0.75])
    return {
        "run": run,
        "kind": kind,
        "visits": float(len(away)),
        "pace": float(away["pace"].std()),
        "slope": float(sums["xy"].sum() / sums["xx"].sum()),
        "from": float(slopes.iloc[0]),
        "to": float(slopes.iloc[1]),
        "as_read": float(np.sqrt((away["log"] ** 2).mean())),
        "at_one_pace": float(np.sqrt((away["steady"] ** 2).mean())),
    }


def main(paths: list[str]) -> None:
    """Prints the table of the runs in these folders."""
    runs = [AnalyzedRun(run) for run in named(paths, "pace")]
    table = pd.DataFrame([row for run in runs for row in of_run(run)])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main(sys.argv[1:])

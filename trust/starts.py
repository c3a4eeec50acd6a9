"""How later visits of a launch begin: `python -m trust.starts RUN...` prints of recorded runs how far their
first block that counts lies off the rest: that far, what leads it in is too little.

A row a run; with one run, a row for each of the cases that begin slowest as well.
"""

import sys

import numpy as np
import pandas as pd

from bench.storage.tables import Run
from trust.recorded import named

LONGEST_S = 0.01
"""Calls up to which a block holds several: a longer call is compared with another one alone."""

MIN_VISITS = 5
"""Visits of a case from which its mean is told."""

MATTERS = 0.05
"""A first block so much slower than the rest is counted as slow."""

SHOWN = 12
"""Cases that are shown of a single run."""


def visits(run: Run) -> pd.DataFrame:
    """Each later visit of two wall blocks and more: its `case`, and `off`, the ln of its first block's time
    per call over the median of the rest."""
    blocks = run.blocks[run.blocks["side"] == ""]
    visit = ["case", "launch", "pass"]
    fresh = blocks.loc[blocks["kind"] == "first", visit].drop_duplicates().assign(fresh=True)
    wall = blocks[blocks["kind"] == "wall"].sort_values("start_s", kind="stable")
    wall = wall.assign(log=np.log(wall["wall_s"] / wall["calls"])).astype({"case": str})
    wall = wall.merge(fresh.astype({"case": str}), on=visit, how="left")
    wall = wall[wall["fresh"].isna() & (wall["log"] <= np.log(LONGEST_S))]
    wall["place"] = wall.groupby(visit).cumcount()
    first = wall[wall["place"] == 0].set_index(visit)["log"]
    rest = wall[wall["place"] > 0].groupby(visit)["log"].median()
    return (first - rest).dropna().rename("off").reset_index()[["case", "off"]]


def by_case(starts: pd.DataFrame) -> pd.DataFrame:
    """A row a case with enough visits, the slowest first: their number, and by how much they begin slow."""
    rows = starts.groupby("case")["off"].agg(visits="size", off="mean").query(f"visits >= {MIN_VISITS}")
    return rows.assign(off=np.expm1(rows["off"])).sort_values("off", ascending=False).reset_index()


def of_run(run: Run) -> dict[str, float | str]:
    """A run's row: its visits, the median and the mean of `off`, and how many of its cases begin slow."""
    starts = visits(run)
    cases = by_case(starts)
    return {
        "run": run.name,
        "visits": float(len(starts)),
        "median_off": float(np.expm1(starts["off"].median())),
        "mean_off": float(np.expm1(starts["off"].mean())),
        "cases": float(len(cases)),
        "slow_cases": float((cases["off"] > MATTERS).sum()),
        "furthest": float(cases["off"].max()),
    }


def main(paths: list[str]) -> None:
    """Prints a row for each of the runs in these folders."""
    runs = named(paths, "starts")
    table = pd.DataFrame([of_run(run) for run in runs])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    if len(runs) == 1:
        print(by_case(visits(runs[0])).head(SHOWN).to_string(index=False, float_format="{:+.3f}".format))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Energy of a call, where a GPU says what it draws.

A driver tells power as a mean over up to a second (NVIDIA's since Ampere), so that a short case would show
its neighbours' as well: only visits that last longer tell, by the samples taken once that second is over.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.storage.tables import Run

AVERAGED_S = 1.0
"""Over how long a driver averages the power that it tells."""


def watts(run: Run, blocks: pd.DataFrame, rows: int) -> NDArray[np.float64]:
    """The power that each row's device drew; NaN where no sample tells. Blocks have a row."""
    found = np.full(rows, np.nan)
    if not run.gpu:
        return found
    samples = pd.DataFrame(
        [(each.device, each.start_s, each.power_w) for each in run.gpu],
        columns=["device", "start_s", "power_w"],
    ).dropna()
    ends = blocks.assign(end_s=blocks["start_s"] + blocks["wall_s"]).groupby(["row", "launch", "pass"])
    visits = ends.agg(begun_s=("start_s", "min"), ended_s=("end_s", "max")).reset_index()
    visits = visits[visits["ended_s"] - visits["begun_s"] > AVERAGED_S]
    devices = run.cases["device"].to_numpy()
    told: dict[int, list[float]] = {}
    for row, begun_s, ended_s in visits[["row", "begun_s", "ended_s"]].itertuples(index=False):
        during = samples["start_s"].between(begun_s + AVERAGED_S, ended_s)
        told.setdefault(int(row), []).extend(
            samples["power_w"][during & (samples["device"] == devices[int(row)])]
        )
    for row, powers in told.items():
        found[row] = np.mean(powers) if powers else np.nan
    return found


def energies(run: Run, blocks: pd.DataFrame, frame: pd.DataFrame) -> dict[str, pd.Series]:
    """`joules_per_call` and `items_per_joule` of every row; NaN where the power is not told."""
    joules = pd.Series(watts(run, blocks, len(frame))) * frame["median_s"]
    return {"joules_per_call": joules, "items_per_joule": frame["items"] / joules}

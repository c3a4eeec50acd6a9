"""For what share of a case's time its device works: the rest is its host's, and that is mostly Python's."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analyze.contests.levels import Array
from bench.analyze.estimates.visits import row_of_block
from bench.storage.tables import Run

IDLE = 0.5
"""Share of the time that a device works, below which its host holds it back."""


def busy_shares(run: Run, blocks: pd.DataFrame) -> Array:
    """The share of each row's time that its device works; NaN where the device's own time is not known."""
    counted = blocks[blocks["counted"]].assign(row=lambda each: row_of_block(run, each))
    medians = [
        (timed[value] / timed["calls"]).groupby(timed["row"]).median().reindex(range(len(run.cases)))
        for timed, value in (
            (counted[(counted["kind"] == "device") & counted["device_s"].notna()], "device_s"),
            (counted[counted["kind"] == "wall"], "wall_s"),
        )
    ]
    return np.asarray(medians[0] / medians[1], dtype=float)


def waits_for_host(device: str, shares: Array) -> str:
    """What is noted of a contest whose device waits for its host at most sizes; "" of one that does not."""
    known = shares[np.isfinite(shares)]
    if not len(known) or float(np.median(known)) >= IDLE:
        return ""
    low, high = (f"{share:.0%}" for share in (known.min(), known.max()))
    return (
        f"{device} works for {low} to {high} of its time and else waits for Python: a faster host moves this"
    )


def joined(notes: Sequence[str]) -> str:
    """Notes as one."""
    return "; ".join(filter(None, notes))

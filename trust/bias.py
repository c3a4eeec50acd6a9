"""How far blocks lie off by what others took from them: where the rule of disturbance has its limits from.

`python -m trust.bias RUN...` prints it of recorded runs, each case's blocks against the quiet ones of their
launch; the section `busy` holds a case's blocks beside a competitor against its quiet side.
"""

import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.disturbance import DELAY_LIMIT, TEAM_DELAY_LIMIT
from bench.storage.tables import Run
from trust.recorded import named

DELAYS = (0.003, 0.01, 0.02, 0.05, 0.10, 0.30)
"""Shares of a block between which delays are told apart; both limits are among them."""

QUIET = 0.003
"""Delay, as a share of the block, up to which a block is what others are held against."""

LONGEST_S = 0.1
"""Blocks from here on are judged by other readings: they are few, and hold delays of their own."""


def table(runs: Mapping[str, Run], quiet: Run | None = None) -> pd.DataFrame:
    """A row a load, a kind of case and a range of delays: blocks, and how far off the median one lies.

    `off` is the median and `mean_off` the mean of the time over that of the case's quiet blocks, less 1;
    `under` the share of the kind's blocks with no more delay.
    """
    parts = [_off(run, quiet or run, by_launch=quiet is None).assign(load=load) for load, run in runs.items()]
    blocks = pd.concat(parts, ignore_index=True)
    blocks["delay"] = pd.cut(blocks["share"], [-np.inf, *DELAYS, np.inf], labels=_labels())
    by = blocks.groupby(["load", "kind", "delay"], observed=True)["log"]
    rows = by.agg(blocks="size", off="median", mean_off="mean").reset_index()
    rows["under"] = rows.groupby(["load", "kind"])["blocks"].transform(
        lambda each: each.cumsum() / each.sum()
    )
    rows[["off", "mean_off"]] = np.expm1(rows[["off", "mean_off"]])
    return rows


def _labels() -> list[str]:
    """The ranges in words: "to 0.3 %", "to 1 %", and what lies beyond."""
    return [*(f"to {100 * share:g} %" for share in DELAYS), f"over {100 * DELAYS[-1]:g} %"]


def _off(run: Run, quiet: Run, by_launch: bool) -> pd.DataFrame:
    """Each short wall block's delay share, kind, and ln of its time over the quiet one of its case."""
    key = ["case", "launch"] if by_launch else ["case"]
    blocks, still = _wall(run), _wall(quiet)
    still = still[still["share"] <= QUIET]
    usual = still.groupby(key)["log"].median().rename("usual")
    joined = blocks.join(usual, on=key).dropna(subset="usual")
    return joined.assign(log=joined["log"] - joined["usual"])[["kind", "share", "log"]]


def _wall(run: Run) -> pd.DataFrame:
    """The short wall blocks of cases without children, each with its kind: on one thread, or a team."""
    blocks = run.blocks
    blocks = blocks[(blocks["kind"] == "wall") & (blocks["wall_s"] < LONGEST_S) & (blocks["children"] == 0)]
    return pd.DataFrame(
        {
            "case": blocks["case"].astype(str),
            "launch": blocks["launch"],
            "kind": np.where(blocks["threads"] > 1, "team", "one thread"),
            "share": blocks["delay_s"] / blocks["wall_s"],
            "log": np.log(blocks["wall_s"] / blocks["calls"]),
        }
    )


def within_limits(rows: pd.DataFrame) -> pd.Series:
    """The rows whose blocks count by the rule."""
    limits = rows["kind"].map({"one thread": DELAY_LIMIT, "team": TEAM_DELAY_LIMIT})
    uppers = dict(zip(_labels(), (*DELAYS, np.inf), strict=True))
    counted: pd.Series = rows["delay"].astype(str).map(uppers) <= limits
    return counted


def main(paths: list[str]) -> None:
    """Prints the table of the runs in these folders."""
    runs = dict(zip(paths, named(paths, "bias"), strict=True))
    print(table(runs).to_string(index=False, float_format=lambda value: f"{value:+.3f}"))


if __name__ == "__main__":
    main(sys.argv[1:])

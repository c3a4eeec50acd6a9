"""Two independent runs of the same cases, launch by launch in turn: do their intervals tell the truth?"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from bench.analyze.clean import marked
from bench.analyze.estimate import launch_medians, row_of_block
from bench.tables import Run
from trust.claims import Claim, Proof, share
from trust.sides import Plan, Side, apart, suites

FILES = ("test_01_numpy_tensors.py", "test_02_host_device.py", "test_03_matmul_mul.py",
         "test_05_forward_backward.py")  # fmt: skip
CASES = (
    "test_share or test_copy or (test_matmul and not numpy-) or test_mul or test_ways_to or test_forward[ or "
    "test_loss or test_optimizer_step or test_training_step["
)
"""Many cases: a share of 93 % of them is told from one of 95 % only by many."""

CONFIDENCE = 0.95


def prove(folder: Path) -> Proof:
    """The claims about repeated runs."""
    plan = Plan(suites(CASES, *FILES), seconds=0.0, most_passes=1)
    run = apart(folder, plan, [Side("first"), Side("second")])
    table = ratios(run)
    return Proof(tuple(claims(table)), {"cases": table})


def ratios(run: Run) -> pd.DataFrame:
    """A row a case: second/first with its 95 % interval, by Welch's t on the launches' medians in logs."""
    blocks = marked(run.blocks)
    blocks = blocks.assign(row=row_of_block(run, blocks))
    wall = blocks[blocks["counted"] & (blocks["kind"] == "wall")]
    logs = np.log(launch_medians(wall, "wall_s")).rename("log").reset_index()
    logs["case"] = run.cases["case"].to_numpy()[logs["row"]]
    logs["side"] = run.cases["side"].to_numpy()[logs["row"]]
    rows = []
    for case, group in logs.groupby("case", sort=False):
        first, second = (group.loc[group["side"] == side, "log"] for side in ("first", "second"))
        if min(len(first), len(second)) >= 2:
            tested = stats.ttest_ind(second, first, equal_var=False)
            low, high = tested.confidence_interval(CONFIDENCE)
            ratio = np.exp(second.mean() - first.mean())
            rows.append({"case": case, "ratio": ratio, "low": np.exp(low), "high": np.exp(high)})
    return pd.DataFrame(rows, columns=["case", "ratio", "low", "high"])


def claims(table: pd.DataFrame) -> list[Claim]:
    held = int(((table["low"] <= 1) & (table["high"] >= 1)).sum())
    half = (table["high"] / table["low"]) ** 0.5 - 1
    apart_ = (table["ratio"] - 1).abs()
    return [
        Claim(
            "repeat: the ratio's 95 % interval holds 1",
            share(held, len(table)),
            "≥ 93 %",
            held >= 0.93 * len(table) > 0,
        ),
        Claim("repeat: half of that interval, median case", f"{half.median():.1%}".replace("%", " %")),
        Claim("repeat: how far the runs are apart, median case", f"{apart_.median():.1%}".replace("%", " %")),
    ]

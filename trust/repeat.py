"""Two independent runs of the same cases, launch by launch in turn: do their intervals tell the truth?

A machine that is 1.4 times as fast while the second run is measured makes all cases of that run faster. So
the ratio is given in units of the pace beside each block as well; the demands are on times.
"""

import math
from pathlib import Path

import pandas as pd

from bench.analyze.blocks.clean import marked_blocks
from bench.analyze.estimates.intervals import Centre
from bench.analyze.estimates.visits import centres_of
from bench.analyze.runs.compare import centres_by_case
from bench.analyze.runs.shift import RunShift, between
from bench.storage.tables import Run
from trust import coverage
from trust.claims import Claim, Proof, per_cent, share
from trust.recorded import Runs
from trust.sides import Plan, Side, apart, suites

FILES = ("test_01_numpy_tensors.py", "test_02_host_device.py", "test_03_matmul_mul.py",
         "test_05_forward_backward.py")  # fmt: skip
CASES = (
    "test_share or test_copy or (test_matmul and not numpy-) or test_mul or test_ways_to or test_forward[ or "
    "test_loss or test_optimizer_step or test_training_step["
)
"""Many cases: only many tell a share of 93 % from one of 95 %."""


def prove(folder: Path) -> Proof:
    """The claims about repeated runs."""
    plan = Plan(suites(CASES, *FILES), seconds=0.0, most_passes=1, deadline_s=200.0)
    runs = apart(folder, plan, [Side("first"), Side("second")])
    table, paced = ratios(runs), ratios(runs, paced=True)
    further = (
        Claim("repeat: the same in units of the pace", share(_holding_1(paced), len(paced))),
        Claim("repeat: what all cases of the second run share", _shared(runs)),
        Claim("repeat: pace of the second run, the first's is 1", f"{_pace(runs):.2f}"),
        Claim("repeat: cases known from both runs", share(len(table), len(runs["first"].cases))),
    )
    return Proof((*claims(table), *further), {"cases": table, "paced": paced})


def ratios(runs: Runs, paced: bool = False) -> pd.DataFrame:
    """A row a case: second/first with its 95 % interval, less what all cases share where that is a pace."""
    first, second = (runs[name] for name in ("first", "second"))
    table = coverage.ratios(*(_centres(run, paced) for run in (first, second)))
    shift = _shift(table, first, second)
    return coverage.with_interval(table, *((shift.log, shift.error) if shift and shift.taken_out else ()))


def _shift(table: pd.DataFrame, first: Run, second: Run) -> RunShift | None:
    logs, errors = (table[name].to_numpy() for name in ("log", "error"))
    return between(logs, errors, first.environment, second.environment)


def _shared(runs: Runs) -> str:
    """What all cases of the second run share against the first, and whether the ratios are less that."""
    first, second = (runs[name] for name in ("first", "second"))
    shift = _shift(coverage.ratios(*(_centres(run, paced=False) for run in (first, second))), first, second)
    if shift is None:
        return "too few cases to tell"
    return f"{per_cent(shift.ratio)}, {'taken out' if shift.taken_out else 'left in'}"


def _centres(run: Run, paced: bool) -> dict[str, Centre]:
    """The centre of each case, in seconds, or in units of the pace beside each block."""
    blocks = marked_blocks(run)
    if paced:
        blocks = blocks.assign(wall_s=blocks["wall_s"] / blocks["pace_s"].fillna(1.0), pace_s=math.nan)
    return centres_by_case(run, centres_of(run, blocks))


def _pace(runs: Runs) -> float:
    """How much longer the fixed piece of work beside the blocks took in the second run than in the first."""
    first_s, second_s = (float(runs[name].blocks["pace_s"].median()) for name in ("first", "second"))
    return second_s / first_s


def _holding_1(table: pd.DataFrame) -> int:
    """The cases whose interval holds 1."""
    return int(((table["low"] <= 1) & (table["high"] >= 1)).sum())


def claims(table: pd.DataFrame) -> list[Claim]:
    holding = _holding_1(table)
    half = (table["high"] / table["low"]) ** 0.5 - 1
    apart_ = (table["ratio"] - 1).abs()
    return [
        Claim(
            "repeat: the ratio's 95 % interval holds 1",
            share(holding, len(table)),
            "≥ 93 %",
            holding >= 0.93 * len(table) > 0,
        ),
        Claim("repeat: half of that interval, median case", f"{half.median():.1%}".replace("%", " %")),
        Claim("repeat: how far the runs are apart, median case", f"{apart_.median():.1%}".replace("%", " %")),
    ]

"""Quiet against busy: beside a competing process a case has its quiet value, or says that it has none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.measure.host import priority
from trust import bias
from trust.claims import Claim, Proof, per_cent, share
from trust.company import Company
from trust.recorded import Runs, by_side, changes, estimates
from trust.sides import Plan, Side, interleaved, suites

FILES = (
    "test_01_numpy_tensors.py",
    "test_03_matmul_mul.py",
    "test_04_dataloader.py",
    "test_05_forward_backward.py",
    "test_06_epoch.py",
    "test_07_onnxruntime.py",
)
CASES = (
    "test_copy[ or test_matmul[ or test_mul[ or test_forward[ or test_loss or test_optimizer_step or "
    "test_inference[ or test_load[0-64] or test_load[2-64] or test_epoch[cpu-256] or test_test_loop"
)
"""What `bench run FILES -k CASES` measures: of every family, small and large, on one thread and on all."""

LOADING = r"test_load|test_epoch|test_test_loop"
"""Cases that run DataLoaders: beside a competitor they cannot be timed, on a quiet machine they must be."""

PAIRS_S = 0.4
"""Timed seconds of a side in a visit: forty pairs of blocks, of which the competitor, and others on the same
physical core, may leave ten. A pair's ratio scatters by 10 to 20 % beside them."""

CLOSE, FAR = 0.03, 0.10


def prove(folder: Path) -> Proof:
    """The claims about a busy machine. Fails where nothing was measured on one of the sides."""
    spec = suites(CASES, *FILES)
    polite = replace(spec, environment={**spec.environment, priority.VARIABLE: "0"})
    with Company() as company:
        sides = [Side("quiet"), Side("busy", company.busy)]
        runs = interleaved(folder, Plan(spec, seconds=15.0, pairs_s=PAIRS_S, deadline_s=420.0), sides)
        short = Plan(polite, launches=2, seconds=2.0, deadline_s=60.0)
        polite_runs = interleaved(folder / "polite", short, sides)
    table, asking = compared(runs), compared(polite_runs)
    off = pd.concat(
        [
            bias.table(runs, runs["quiet"]),
            bias.table({"busy, any program's priority": polite_runs["busy"]}, polite_runs["quiet"]),
        ]
    )
    return Proof(
        (*claims(table), *without_priority(asking), *unbiased(off)),
        {"cases": table, "polite": asking, "bias": off},
    )


def unbiased(off: pd.DataFrame) -> list[Claim]:
    """How far off the blocks are that count, by load and kind of case: there to compare with."""
    counted = off[bias.within_limits(off)]
    return [
        Claim(
            f"{load}: blocks of {kind} that count, the furthest range of delays off",
            f"{100 * rows['off'].loc[rows['off'].abs().idxmax()]:+.1f} %"
            f" ({rows['blocks'].sum()} blocks, {rows['under'].max():.0%} of all)".replace("%", " %"),
        )
        for (load, kind), rows in counted.groupby(["load", "kind"])
    ]


def without_priority(table: pd.DataFrame) -> list[Claim]:
    """What is left of it where workers may not raise their priority: there to compare with."""
    both_ok, close, _ = agreeing(table)
    what = f"busy, at any program's priority ({priority.VARIABLE}=0)"
    return [
        Claim(f"{what}: cases that are ok", share(int((table["busy"] == "ok").sum()), len(table))),
        Claim(f"{what}: of these within 3 % of their quiet value", share(close, len(both_ok))),
    ]


def agreeing(table: pd.DataFrame) -> tuple[pd.DataFrame, int, pd.Series]:
    """The cases that are ok on both sides, how many of them are close, and how far off each is."""
    both_ok = table[(table["busy"] == "ok") & (table["quiet"] == "ok")]
    off = (both_ok["ratio"] - 1).abs()
    return both_ok, int((off <= CLOSE).sum()), off


def compared(runs: Runs) -> pd.DataFrame:
    """A row a case: its time and status on both sides, and the ratio busy/quiet of neighbouring blocks.

    `any_pace` is that of all of them, `ratio` of those made at the same pace.
    """
    frame = estimates(runs)
    times, status = by_side(frame, "median_s"), by_side(frame, "status")
    clean, blocks = by_side(frame, "clean_blocks"), by_side(frame, "blocks")
    return pd.DataFrame(
        {
            "quiet_s": times["quiet"],
            "busy_s": times["busy"],
            "ratio": changes(runs).reindex(times.index),
            "any_pace": changes(runs, at_any_pace=True).reindex(times.index),
            "alone": times["busy"] / times["quiet"],
            "quiet": status["quiet"],
            "busy": status["busy"],
            "quiet_clean": clean["quiet"] / blocks["quiet"],
            "busy_clean": clean["busy"] / blocks["busy"],
        }
    ).reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    both_ok, close, off = agreeing(table)
    ok = int((table["busy"] == "ok").sum())
    rest = table.loc[table["busy"] != "ok", "busy"]
    loading = table[table["case"].str.contains(LOADING)]
    quiet = int((loading["quiet"] == "ok").sum())
    worst = both_ok.loc[off.idxmax()] if len(both_ok) else None
    return [
        Claim("busy: cases that are ok", share(ok, len(table)), "≥ 80 %", ok >= 0.8 * len(table)),
        Claim(
            "busy: of these within 3 % of their quiet value",
            share(close, len(both_ok)),
            "≥ 95 %",
            close >= 0.95 * len(both_ok) > 0,
        ),
        Claim(
            "busy: the one furthest off",
            "none" if worst is None else f"{per_cent(worst['ratio'])}, {worst['case'].rpartition('::')[2]}",
            "within 10 %",
            bool(worst is not None and off.max() <= FAR),
        ),
        Claim(
            "busy: the rest say noisy",
            share(int((rest == "noisy").sum()), len(rest)) if len(rest) else "there is no rest",
            "all",
            bool((rest == "noisy").all()),
        ),
        Claim(
            "idle: DataLoader and epoch cases that are ok",
            share(quiet, len(loading)),
            "all",
            quiet == len(loading) > 0,
        ),
        Claim(
            "busy: the same of neighbouring blocks at whatever pace",
            share(int(((both_ok["any_pace"] - 1).abs() <= CLOSE).sum()), len(both_ok)),
        ),
        Claim(
            "busy: the same of the two medians, each by itself",
            share(int(((both_ok["alone"] - 1).abs() <= CLOSE).sum()), len(both_ok)),
        ),
        Claim("busy: clean blocks of the median case", f"{100 * np.nanmedian(table['busy_clean']):.0f} %"),
        Claim("idle: clean blocks of the median case", f"{100 * np.nanmedian(table['quiet_clean']):.0f} %"),
    ]

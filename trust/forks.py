"""Forks of templates against fresh starts: the same cases in lock step, one side forked, the other fresh.

A launch should not tell from its times how its worker was started: neither where they lie, nor how much they
differ from launch to launch.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from bench.analyze.blocks.clean import marked_blocks
from bench.analyze.gate.pairs import launch_logs, launch_ratios
from bench.events import Header
from bench.measure.drive.plan import PRESETS, Progress
from bench.measure.host import environment
from bench.measure.sides.lockstep import Lockstep
from bench.measure.sides.matching import match
from bench.measure.sides.side import Side
from bench.measure.start.process import Spec, Worker
from bench.measure.start.templates import Templates
from bench.measure.worker.protocol import Collected
from bench.storage.journal import JOURNAL, Journal
from bench.storage.store import read_run
from bench.storage.tables import Run
from trust.claims import Claim, Proof, per_cent, share
from trust.sides import ROOT, suites

FILES = ("test_03_matmul_mul.py", "test_04_dataloader.py", "test_05_forward_backward.py")
CASES = "test_matmul[ or test_mul[ or test_tensors[ or test_forward[ or test_training_step["
"""Five kinds: products, elementwise work, loading, a forward pass, a training step."""

LAUNCHES = 20
CONFIDENCE = 0.95
MIN_LAUNCHES = 3
COLUMNS = ["case", "launches", "ratio", "low", "high", "variance_fresh", "variance_fork"]
NEAR = 0.03
"""How far a fork may be off a fresh start, its whole interval."""


class HeadForked(Templates):
    """Forks head's workers, and starts base's fresh with the hash seeds of head's templates.

    Seeds are a setting, part of a case's speed however its process starts: in a gate both sides have one.
    """

    def learn(self, first: Sequence[tuple[Worker, Collected]], timeout_s: float) -> None:
        super().learn(first[1:], timeout_s)

    def start(self, specs: Sequence[Spec], kind: str = "", fresh: str = "") -> list[Worker]:
        base, head = specs
        [forked] = super().start([head], kind, fresh)
        if forked.template is not None:
            base = self._seeded(base, forked.template)
        return [Worker(base, start_reason="as one side of a comparison"), forked]


def prove(folder: Path, launches: int = LAUNCHES) -> Proof:
    """The claims about forks, from so many launches of either."""
    run = _measured(folder, launches)
    table = compared(run)
    return Proof((*claims(table), _forked(run)), {"cases": table})


def _measured(folder: Path, launches: int) -> Run:
    """The run of both sides; launches in which a worker is lost tell nothing."""
    spec = suites(CASES, *FILES)
    sides = [Side(name, ROOT, spec) for name in ("base", "head")]
    (folder / "run" / JOURNAL).unlink(missing_ok=True)  # an earlier proof
    templates = HeadForked(PRESETS["thorough"].templates, seed=1)
    lockstep = Lockstep(sides, Progress(), with_controls=False, templates=templates)
    header = Header(
        run="forks",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        arguments={"paths": list(spec.paths), "k": spec.keyword, "launches": launches},
        environment=environment.environment([]),
        commit=environment.commit(ROOT),
    )
    try:
        collected, (base, head) = lockstep.collect()
        with Journal.create(folder / "run", header) as journal:
            lockstep.add_cases(match(base, head, {}, []), collected, journal.append)
            for number in range(launches + 1):  # the first is fresh on both sides
                print(f"forks: launch {number}/{launches}", file=sys.stderr, flush=True)
                lockstep.measure_launch(number, lockstep.cases)
    finally:
        lockstep.close()
    return read_run(folder / "run")


def compared(run: Run) -> pd.DataFrame:
    """A row a case: fork/fresh with its interval, by Student's t on launches' log ratios, and both variances.

    Launches whose head was not forked are left out; so are cases that fewer than
    `MIN_LAUNCHES` tell of.
    """
    forked = {launch.launch for launch in run.launches if launch.start == "fork"}
    fresh = {launch.launch for launch in run.launches if launch.side == "head"} - forked
    blocks = marked_blocks(run)
    blocks = blocks[~blocks["launch"].isin(fresh)]
    ratios = launch_ratios(blocks).xs("wall", level="kind")
    variance = {
        (run.cases["case"][row], run.cases["side"][row]): float(logs.var())
        for row, logs in launch_logs(run, blocks).items()
    }
    rows = []
    for case, each in ratios.iterrows():
        told = each.dropna()
        if len(told) >= MIN_LAUNCHES:
            interval = stats.ttest_1samp(told, 0.0).confidence_interval(CONFIDENCE)
            ratio, low, high = np.exp([told.mean(), *interval])
            of_sides = [variance[case, side] for side in ("base", "head")]
            rows.append((case, len(told), ratio, low, high, *of_sides))
    return pd.DataFrame(rows, columns=COLUMNS)


def claims(table: pd.DataFrame) -> list[Claim]:
    if table.empty:
        return [Claim("forks: cases known from launches enough", "none", "some", False)]
    near = int(((table["low"] >= 1 - NEAR) & (table["high"] <= 1 + NEAR)).sum())
    holding = int(((table["low"] <= 1) & (table["high"] >= 1)).sum())
    variances = float(np.exp(np.log(table["variance_fork"] / table["variance_fresh"]).mean()))
    furthest = table["ratio"].iloc[(table["ratio"] - 1).abs().argmax()]
    return [
        Claim("forks: cases whose ratio to a fresh start, with its 95 % interval, lies within ±3 %",
              share(near, len(table)), "≥ 90 %", near >= 0.9 * len(table) > 0),
        Claim("forks: variance between launches, in that of fresh starts, mean over all cases",
              f"{variances:.2f}", "0.5 to 2", 0.5 <= variances <= 2),
        Claim("forks: cases whose interval holds 1", share(holding, len(table))),
        Claim("forks: the case furthest off", per_cent(furthest)),
    ]  # fmt: skip


def _forked(run: Run) -> Claim:
    """Whether head was forked each time but the first."""
    heads = [launch for launch in run.launches if launch.side == "head"]
    forks, wanted = sum(launch.start == "fork" for launch in heads), len(heads) - 1
    return Claim("forks: launches that were forked", share(forks, wanted), "all", forks == wanted > 0)

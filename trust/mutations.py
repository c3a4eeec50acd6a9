"""The harness made wrong on purpose: what would then be false is noticed by a check, each time.

synchronization   devices are not waited for
hold              device blocks are timed without keeping the queue waiting
warm-up           series are counted from their first call on
disturbed         blocks that others disturbed are counted
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import marked
from bench.analyze.estimates.estimate import estimates
from bench.measure.drive import visits
from bench.measure.host import priority
from bench.storage.tables import Run
from trust.busy import FAR, compared
from trust.claims import Claim, Proof, per_cent
from trust.company import Company
from trust.recorded import Runs
from trust.sides import Plan, Side, interleaved, suites
from trust.simulated import measured

TARGET = 0.02
"""Half the interval that the lazy case is to have: a launch's first block is then one of many."""


def prove(folder: Path) -> Proof:
    """The claims about mutations, each beside the same run without it."""
    return Proof((*_of_devices(folder), *_of_warm_up(folder), *_of_disturbed(folder)))


def _of_devices(folder: Path) -> Iterator[Claim]:
    sound = _mutant(folder, "nothing")
    yield Claim(
        "mutations: nothing taken away",
        _seen(sound),
        "no check fails, every device time is read",
        not _failed(sound) and bool(AnalyzedRun(sound).cases["device_s"].notna().all()),
    )
    unsynchronized = _mutant(folder, "synchronization")
    yield Claim(
        "mutations: synchronization taken away",
        _seen(unsynchronized),
        "a check fails",
        bool(_failed(unsynchronized)),
    )
    unheld = _mutant(folder, "hold")
    yield Claim(
        "mutations: the hold taken away",
        _seen(unheld),
        "no device time is read",
        bool(AnalyzedRun(unheld).cases["device_s"].isna().all()),
    )


def _mutant(folder: Path, mutation: str) -> Run:
    return measured(
        folder / mutation,
        virtual=True,
        keyword="256 or 10000000",
        launches=1,
        ceilings=False,
        arguments=("-p", "trust.mutant"),
        environment={"TRUST_MUTATION": mutation},
    )


def _failed(run: Run) -> list[str]:
    return [check.name for check in run.checks if not check.passed]


def _seen(run: Run) -> str:
    read = int(AnalyzedRun(run).cases["device_s"].notna().sum())
    return f"failed checks: {', '.join(_failed(run)) or 'none'}; device times: {read} of {len(run.cases)}"


def _of_warm_up(folder: Path) -> Iterator[Claim]:
    lazy = partial(measured, virtual=True, keyword="lazy", launches=3, target=TARGET, ceilings=False)
    sound = lazy(folder / "warm")
    with patch.object(visits, "warm_up", lambda _session, _timing: None):
        cold = lazy(folder / "cold")
    for run, what, demanded in (
        (sound, "a lazy case, warmed up", "no warning of it"),
        (cold, "the warm-up taken away", "a warning"),
    ):
        # Time is virtual here: what others took from the real machine means nothing.
        frame = estimates(run, marked(_undisturbed(run).blocks)).cases
        ratio = frame["median_s"].iat[0] / run.cases["extra"].iat[0]["truth_s"]
        warned = "warming up" in frame["warnings"].iat[0]
        yield Claim(
            f"mutations: {what}",
            f"{per_cent(ratio)} from the truth; {frame['warnings'].iat[0] or 'no warning'}",
            demanded,
            warned == (run is cold),
        )


def _of_disturbed(folder: Path) -> Iterator[Claim]:
    spec = suites("test_matmul[cpu-16] or test_matmul[cpu-64] or test_mul[cpu-64]", "test_03_matmul_mul.py")
    # At any program's priority, beside one on each processor: else hardly a block is much disturbed, or all.
    plan = Plan(replace(spec, environment={**spec.environment, priority.VARIABLE: "0"}), launches=2)
    with Company(everywhere=True) as company:
        runs = interleaved(folder / "disturbed", plan, [Side("quiet"), Side("busy", company.busy)])
    return told_of_disturbed(runs)


def told_of_disturbed(runs: Runs) -> Iterator[Claim]:
    """How far cases are off that are ok as recorded: so, and as if nobody had disturbed a block."""
    recorded = compared(runs)
    counted = compared({side: _undisturbed(run) for side, run in runs.items()})
    ok = (recorded["busy"] == "ok") & (recorded["quiet"] == "ok")
    for what, table, wrong in (("not counted", recorded, False), ("counted", counted, True)):
        off = (table.loc[ok, "ratio"] - 1).abs().max()
        yield Claim(
            f"mutations: disturbed blocks {what}",
            f"{ok.sum()} of {len(ok)} cases ok, at most {100 * off:.0f} % off their quiet value",
            "beyond 10 %: the section busy notices" if wrong else "within 10 %",
            bool(off > FAR if wrong else off <= FAR),
        )


def _undisturbed(run: Run) -> Run:
    """The run as if nobody had taken anything from its blocks."""
    return replace(run, blocks=run.blocks.assign(delay_s=0.0, foreign_s=0.0, throttled_s=0.0, pace_s=np.nan))

"""Device times against the truth: the simulated accelerator, in real time, measured like any device."""

import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Header
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.start.process import Spec
from bench.storage.journal import Journal
from bench.storage.store import read_run
from bench.storage.tables import Run
from trust.claims import Claim, Proof
from trust.sides import ROOT

PRESET = Preset("quick", 2, math.inf, 0.5, 5.0, 60.0)
"""No deadline; the times are the truth's, so that any width will do."""

PATIENCE = 0.01
"""How far from the truth a device time or a bandwidth may be."""


def prove(folder: Path) -> Proof:
    """The claims about the simulated accelerator."""
    run = measured(folder)
    parameters = simulation().Parameters()
    table = against_truth(run)
    bandwidths = against_parameters(run, parameters)
    return Proof(tuple(claims(table, bandwidths)), {"cases": table, "bandwidths": bandwidths})


def simulation() -> Any:
    """The module of the simulated accelerator; importing it starts nothing."""
    sys.path.insert(0, str(ROOT / "tests" / "simulation"))
    import simulated_accelerator

    return simulated_accelerator


def measured(
    folder: Path,
    *,
    virtual: bool = False,
    keyword: str = "",
    launches: int = PRESET.launches,
    target: float = PRESET.target,
    ceilings: bool = True,
    arguments: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Run:
    """A run of the suite's own coordinator over the cases with known times."""
    with tempfile.TemporaryDirectory() as installed:
        surroundings = simulation().install(Path(installed), simulation().Parameters(virtual=virtual))
        surroundings["PYTHONPATH"] += f":{ROOT}"
        spec = Spec(
            (str(ROOT / "trust/cases/test_truth.py"),),
            keyword or "not lazy",
            directory=ROOT,
            rootdir=ROOT,
            environment={"BENCH_DEVICES": "sim", **surroundings, **(environment or {})},
            arguments=arguments,
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "journal.jsonl").unlink(missing_ok=True)
        with Journal.create(folder, Header(run=folder.name)) as journal:
            preset = replace(PRESET, target=target)
            coordinator = Coordinator(Plan(spec, preset, launches, ceilings=ceilings), Progress(), [])
            try:
                coordinator.measure(journal.append)
            finally:
                coordinator.close()
    return read_run(folder)


def against_truth(run: Run) -> pd.DataFrame:
    """A row a case: the device time read, the true one, and their ratio."""
    frame = AnalyzedRun(run).cases
    truth = [extra["truth_s"] for extra in run.cases["extra"]]
    table = frame[["operation", "case", "device_s", "median_s", "latency_s", "warnings"]].assign(
        truth_s=truth
    )
    return table.assign(ratio=table["device_s"] / table["truth_s"])


def against_parameters(run: Run, parameters: Any) -> pd.DataFrame:
    """A row a ceiling: what was found, what was put in, and their ratio."""
    found = (run.ceilings or {})["sim"]
    rows = [
        ("memory", found["copy_bytes_per_s"]["memory"], parameters.bytes_per_s),
        ("to the device", found["to_device"]["bytes_per_s"], parameters.copy_bytes_per_s),
        ("to the host", found["to_host"]["bytes_per_s"], parameters.copy_bytes_per_s),
        ("products", found["flops_per_s"]["float32"], parameters.flops_per_s),
    ]
    table = pd.DataFrame(rows, columns=["ceiling", "found", "truth"])
    return table.assign(ratio=table["found"] / table["truth"])


def claims(table: pd.DataFrame, bandwidths: pd.DataFrame) -> list[Claim]:
    off, rate_off = (table["ratio"] - 1).abs(), (bandwidths["ratio"] - 1).abs()
    return [
        Claim(
            "simulated accelerator: device time, the case furthest from the truth",
            f"{100 * off.max():.2f} % of {len(table)} cases"
            if off.notna().all()
            else "not read in every case",
            "within 1 %",
            bool((off <= PATIENCE).all()),
        ),
        Claim(
            "simulated accelerator: bandwidths and products, the one furthest from the truth",
            f"{100 * rate_off.max():.2f} % ({bandwidths.loc[rate_off.idxmax(), 'ceiling']})",
            "within 1 %",
            bool((rate_off <= PATIENCE).all()),
        ),
    ]

"""Runs side by side: what a cell holds, against closed forms, and what must be said of it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.__main__ import main
from bench.analyze.report import Report, report
from bench.analyze.runs.projection import UnknownColumnError, View, project
from bench.render import page, summary
from bench.render.decisions.table import decisions
from bench.storage import store
from bench.storage.tables import Run
from tests import made_cases
from tests import recorded_runs as recorded
from tests.made_cases import Made

FACTS = ("machine", "torch", "run", "processor")


def cases(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Cases of (operation, n, device, machine, torch, seconds), each known to 10 %."""
    made = pd.DataFrame(rows, columns=["operation", "n", "device", "machine", "torch", "median_s"])
    made["low_s"], made["high_s"] = made["median_s"] / 1.1, made["median_s"] * 1.1
    made["suite"], made["side"], made["processor"] = "s", "", made["machine"]
    made["case"] = made["operation"] + "[" + made["device"] + "-" + made["n"].astype(str) + "]"
    made["run"] = made["machine"] + made["torch"]
    order = ["case", "suite", "operation", "device", "n"]
    return made[[*order, *(name for name in made if name not in order)]]


TWO_MACHINES = cases(
    ("mul", 1, "cpu", "attic", "2.12", 2.0),
    ("mul", 4, "cpu", "attic", "2.12", 8.0),
    ("mul", 1, "cpu", "cloud", "2.12", 1.0),
    ("mul", 4, "cpu", "cloud", "2.12", 1.0),
)


def test_a_row_for_each_case_and_a_column_for_each_machine() -> None:
    made = project(TWO_MACHINES, FACTS, View(["case"], ["machine"]))
    assert made.column_names == ("attic", "cloud")
    assert made.row_names == ("mul[cpu-1]", "mul[cpu-4]")
    assert made.cells[0][0].median_s == pytest.approx(2.0)
    assert made.cells[0][0].ratio is None
    ratio, low, high = made.cells[0][1].ratio
    assert ratio == pytest.approx(0.5)
    assert np.log(high / low) / 2 == pytest.approx(np.hypot(np.log(1.1), np.log(1.1)))
    assert made.means[1] == pytest.approx(np.sqrt(0.5 * 0.125))
    assert made.warnings == ()


def test_merged_cases_are_a_geometric_mean_and_said() -> None:
    made = project(TWO_MACHINES, FACTS, View(["operation"], ["machine"]))
    assert made.cells[0][0].median_s == pytest.approx(4.0)
    assert made.cells[0][0].cases == 2
    assert np.log(made.cells[0][0].high_s / 4.0) == pytest.approx(np.log(1.1) / np.sqrt(2))
    assert made.warnings == ("cells merge cases that differ in n: geometric means",)


def test_cases_that_a_column_lacks_do_not_shift_its_mean() -> None:
    made = project(TWO_MACHINES.iloc[:3], FACTS, View(["operation"], ["machine"]))
    assert [cell.median_s for cell in made.cells[0]] == pytest.approx([2.0, 1.0])
    assert any("1 cases are not in every column" in warning for warning in made.warnings)


def test_merged_runs_are_said() -> None:
    two = pd.concat([TWO_MACHINES, TWO_MACHINES.assign(torch="2.13", run="other")], ignore_index=True)
    warnings = project(two, FACTS, View(["case"], ["machine"])).warnings
    assert "cells merge runs that differ in torch (2.12, 2.13)" in warnings
    assert "cells merge up to 2 runs" in warnings
    assert project(two, FACTS, View(["case"], ["machine", "torch"])).warnings == ()
    assert project(two, FACTS, View(["case"], ["machine"], [("torch", "2.12")])).warnings == ()


def test_devices_of_two_machines_are_marked() -> None:
    mixed = cases(("mul", 1, "cpu", "attic", "2.12", 2.0), ("mul", 1, "cuda", "cloud", "2.12", 0.5))
    made = project(mixed, FACTS, View(["operation", "n"], ["device"]))
    assert made.row_names == ("mul 1",)
    assert made.cells[0][1].ratio[0] == pytest.approx(0.25)
    assert made.warnings == ("columns differ in machine as well (cpu: attic; cuda: cloud)",)


def test_what_is_no_column_says_what_is() -> None:
    with pytest.raises(UnknownColumnError, match="'weather' is no column; expected one of suite, operation"):
        project(TWO_MACHINES, FACTS, View(["weather"], ["machine"]))
    assert project(TWO_MACHINES, FACTS, View(["case"], ["machine"], [("n", "7")])).cells == ()


def on_machine(folder: Path, name: str, made: list[Made], **options: Any) -> Run:
    run = store.read_run(recorded.write(folder / name, made, **options))
    environment = {**run.environment, "machine": name, "machine_id": name}
    return dataclasses.replace(run, header=dataclasses.replace(run.header, environment=environment))


@pytest.fixture(scope="module")
def two_machines(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A laptop without an accelerator and a server with one."""
    folder = tmp_path_factory.mktemp("machines")
    laptop = [each for each in made_cases.course(None) if each.suite == "test_03_matmul"]
    server = [each for each in made_cases.course("cuda") if each.suite == "test_03_matmul"]
    return report([on_machine(folder, "laptop", laptop), on_machine(folder, "server", server, seed=2)])


def test_a_processor_against_another_machines_accelerator(two_machines: Report) -> None:
    """The laptop's and the server's processors have the same true times, so both cross at the same size."""
    within = {c.crossing.operation: c.crossing for c in two_machines.runs[1].contests if c.between == "device"
              and c.crossing.definition == "throughput"}  # fmt: skip
    crossed = [each for each in two_machines.across if each.contest.crossing.definition == "throughput"]
    assert {each.contest.crossing.operation for each in crossed} == {"matmul", "mul"}
    for each in crossed:
        crossing = each.contest.crossing
        assert crossing.fixed["cpu on"] == "laptop"
        assert crossing.fixed["cuda on"] == "server"
        assert crossing.size == pytest.approx(within[crossing.operation].size, rel=0.05)
    table = decisions(two_machines)
    assert table
    assert table.columns == ("laptop", "server", "one run against another")
    (laptop, server, between) = table.cells["gpu_from"]
    assert laptop
    assert not laptop.answered
    assert server
    assert between
    assert "cpu on laptop, cuda on server" in between.lead.text
    assert between.lead.text.partition(": ")[2].startswith("GPU from n ≈ ")


def test_the_page_has_them_side_by_side(two_machines: Report) -> None:
    html = page.render(two_machines, {})
    assert "Side by side" in html
    told = summary.render(two_machines)
    assert "| question | laptop | server | one run against another |" in told
    assert "| case | laptop | server | against the first |" in told
    assert two_machines.projection.columns == ("machine",)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = made_cases.curve("op", {"a": lambda s: s * 1e-6, "b": lambda s: 2e-6 * s}, [64, 128])
    folder = recorded.write(tmp_path / "run", made)
    arguments = ["report", str(folder), "--rows", "n", "--columns", "engine", "--filter", "device=cpu"]
    assert main(arguments) == 0
    assert "| 64 | " in (folder / "summary.md").read_text("utf-8")
    assert main([*arguments[:-1], "nonsense=1"]) == 2
    assert "'nonsense' is no column" in capsys.readouterr().err

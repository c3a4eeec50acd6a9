"""Budgets held against runs whose times are known, and written into pyproject.toml from one."""

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.budgets import BudgetCheck, check_budgets
from bench.analyze.gate.decision import replay
from bench.analyze.gate.settings import Budget, Settings
from bench.storage import store
from bench.storage.tables import Run
from tests import made_cases
from tests import recorded_gates as gates
from tests import recorded_runs as runs
from tests.recorded_gates import Compared

CASE = made_cases.Made(
    "test_net", "infer", {"engine": "torch", "batch": 1}, 1e-3, extra={"flops": 7e6, "peak_memory_bytes": 2e6}
)
"""7 Mflop in 1 ms, where the made machine does 70 Gflop/s: a tenth of its ceiling."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    other = replace(CASE, params={"engine": "onnxruntime", "batch": 1}, seconds=1.5e-3)
    larger = replace(CASE, params={"engine": "torch", "batch": 8}, seconds=2e-3, extra={"flops": 7e6})
    absent = replace(CASE, device="accelerator", skip="no accelerator on this machine")
    noisy = replace(CASE, operation="noisy", disturbed=0.999)
    cases = [
        CASE,
        other,
        larger,
        absent,
        noisy,
        replace(CASE, operation="broken", outcome="failed", message="E"),
    ]
    return store.read_run(runs.write(tmp_path_factory.mktemp("runs") / "run", cases))


def held(run: Run, **fields: Any) -> tuple[BudgetCheck, ...]:
    budget = Budget(**{"pattern": "test_infer[cpu-torch-1]", **fields})
    return check_budgets(AnalyzedRun(run), (budget,))


@pytest.mark.parametrize(
    ("fields", "standing"),
    [
        ({"max_time_s": 1.1e-3}, "met"),
        ({"max_time_s": 0.9e-3}, "over"),
        ({"max_time_s": 0.9e-3, "machine": "attic"}, "over"),
        ({"max_time_s": 0.9e-3, "machine": "cellar"}, "not comparable"),
        ({"max_memory_bytes": 3e6}, "met"),
        ({"max_memory_bytes": 1.9e6}, "over"),
        ({"pattern": "test_infer[cpu-torch-8]", "max_memory_bytes": 3e6}, "missing"),
        ({"min_ceiling_share": 0.09}, "met"),
        ({"min_ceiling_share": 0.11}, "over"),
        ({"pattern": "test_infer[cpu-onnxruntime-1]", "max_ratio": 1.6, "to": "test_infer*torch*"}, "met"),
        ({"pattern": "test_infer[cpu-onnxruntime-1]", "max_ratio": 1.4, "to": "test_infer*torch*"}, "over"),
        ({"pattern": "test_infer[cpu-torch-8]", "max_ratio": 9, "to": "*onnxruntime*"}, "missing"),
        ({"pattern": "test_noisy*", "max_time_s": 1e-6}, "unclear"),
        ({"pattern": "test_broken*", "max_time_s": 1}, "missing"),
        ({"pattern": "test_infer[accelerator*", "max_time_s": 1e-9}, "skipped"),
        ({"pattern": "test_infer[cuda*", "max_time_s": 1e-9}, "skipped"),
        ({"pattern": "test_other*", "max_time_s": 1e-9}, "not selected"),
    ],
)
def test_standing(run: Run, fields: dict[str, Any], standing: str) -> None:
    (found,) = held(run, **fields)
    assert found.standing == standing


def test_device_narrows_a_budget(run: Run) -> None:
    found = check_budgets(AnalyzedRun(run), (Budget("test_infer*", device="cuda", max_time_s=1e-9),))
    assert [each.standing for each in found] == ["skipped"]


def test_interval_that_holds_the_budget_is_unclear(run: Run) -> None:
    (loose,) = held(run, max_time_s=1)
    (found,) = held(run, max_time_s=(loose.low * loose.high) ** 0.5)
    assert (found.standing, found.reason) == ("unclear", "the interval holds the budget")


def test_numbers_are_those_of_the_run(run: Run) -> None:
    (time,) = held(run, max_time_s=1)
    assert time.value == pytest.approx(1e-3, rel=0.02)
    (ratio,) = held(run, pattern="test_infer[cpu-onnxruntime-1]", max_ratio=9, to="test_infer*torch*")
    assert ratio.low < 1.5 < ratio.high
    assert ratio.reason == "to suites/test_net.py::test_infer[cpu-torch-1]"


def test_win_suggests_a_tighter_budget(run: Run) -> None:
    (found,) = held(run, max_time_s=1)
    assert found.tighter == pytest.approx(1.2 * found.high)
    assert held(run, max_time_s=1.3e-3)[0].tighter is None
    assert held(run, min_ceiling_share=0.01)[0].tighter < 0.1


@pytest.mark.parametrize(
    ("budget", "status"),
    [
        (Budget("test_a", max_time_s=1e-3), 0),
        (Budget("test_a", max_time_s=1e-5), 1),
        (Budget("test_a", max_time_s=1e-5, machine="cellar"), 0),
        (Budget("test_a", min_ceiling_share=0.5), 3),
        (Budget("test_skipped", max_time_s=1), 3),
    ],
)
def test_exit_status_of_a_gate(tmp_path: Path, budget: Budget, status: int) -> None:
    cases = [Compared("test_a"), Compared("test_skipped", skip={"base": "no data", "head": "no data"})]
    folder = gates.write(tmp_path / "run", cases, settings=asdict(Settings(budgets=(budget,))))
    assert replay(AnalyzedRun(store.read_run(folder))).exit_status == status


def test_gate_holds_head_to_a_budget_and_not_base(tmp_path: Path) -> None:
    settings = asdict(Settings(budgets=(Budget("test_a", max_time_s=1.1e-4),)))
    folder = gates.write(tmp_path / "run", [Compared("test_a", ratio=0.8, seconds=1.3e-4)], settings=settings)
    (found,) = replay(AnalyzedRun(store.read_run(folder))).budgets
    assert (found.standing, found.value) == ("met", pytest.approx(1.04e-4, rel=0.02))


CONFIGURATION = """# the project
[tool.bench.budgets]
# forward passes
"test_infer*torch*" = { max_time = "9 s", device = "cpu" }  # too loose
"test_infer[cpu-onnxruntime-1]" = { max_regression = "10%" }

[tool.other]
x = 1
"""


def test_set_updates_and_adds(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    assert main(["budgets", "set", str(run.path), "-k", "infer or noisy", "--margin", "50%"]) == 0
    lines = file.read_text().splitlines()
    assert lines[:3] == CONFIGURATION.splitlines()[:3]
    assert lines[3].startswith('"test_infer*torch*" = { max_time = "3')
    assert lines[3].endswith("# too loose")
    assert 'device = "cpu", machine = "attic"' in lines[3]
    assert 'max_regression = "10%", max_time = "2.' in lines[4]
    assert lines[5:] == CONFIGURATION.splitlines()[5:]
    printed = capsys.readouterr().out
    assert f"-{CONFIGURATION.splitlines()[3]}" in printed
    assert f"+{lines[3]}" in printed
    assert "not set: suites/test_net.py::test_noisy[cpu-torch-1] is noisy" in printed
    assert main(["budgets", "set", str(run.path), "-k", "infer", "--margin", "50%"]) == 0
    assert "nothing to change" in capsys.readouterr().out


def test_what_was_set_is_met(run: Run, tmp_path: Path) -> None:
    from bench.app.configuration import read

    file = tmp_path / "pyproject.toml"
    file.write_text("")
    assert main(["budgets", "set", str(run.path), "--file", str(file)]) == 0
    budgets = read(file).budgets
    assert len(budgets) == 3
    assert {each.standing for each in check_budgets(AnalyzedRun(run), budgets)} == {"met"}
    assert all(not math.isnan(each.value) for each in check_budgets(AnalyzedRun(run), budgets))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["RUN", "-k", "and or"], "cannot be understood"),
        (["RUN", "-k", "nothing_at_all"], "matches -k 'nothing_at_all'"),
        (["RUN", "--margin", "much"], "expected a percentage"),
        (["RUN", "--file", "none.toml"], "none.toml cannot be read"),
    ],
)
def test_set_says_what_is_wrong(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    arguments = [str(run.path) if each == "RUN" else each for each in arguments]
    assert main(["budgets", "set", *arguments]) == 2
    assert message in capsys.readouterr().err

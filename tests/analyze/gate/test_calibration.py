"""The gate's error rates, from recorded launches whose truth is known."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.calibration import Calibration, calibrate
from bench.analyze.gate.peers import RULES
from bench.analyze.gate.resampling import Rate
from bench.render import calibration as rendered
from bench.storage import store
from bench.storage.tables import Run
from tests import recorded_gates as gates
from tests.recorded_gates import Compared

CASES = [
    *gates.CONTROLS,
    *(Compared(f"test_{name}") for name in "abcd"),
    Compared("test_wild", launch_sd=0.06),
]
LEVELS = [0.0, 0.02, 0.1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("calibration")
    busy = [replace(case, disturbed=0.5) for case in CASES]
    written = [
        gates.write_calibration(folder / "first", CASES, LEVELS * 20, seed=1),
        gates.write_calibration(folder / "second", CASES, LEVELS * 10, seed=2),
        gates.write_calibration(folder / "busy", busy, LEVELS * 5, "busy", seed=3),
    ]
    for number in range(3):
        cases = [Compared("control::x"), Compared("test_a", 1.3 if number == 2 else 1.0)]
        folder_of_gate = folder / f"gate{number}"
        gates.write(
            folder_of_gate, cases, range(13), further={"calibration": {"condition": "idle", "slowdowns": []}}
        )
        written.append(folder_of_gate)
    return [store.read_run(each) for each in written]


@pytest.fixture(scope="module")
def found(runs: list[Run]) -> Calibration:
    return calibrate(map(AnalyzedRun, runs), redraws=60)


def test_bounds_are_clopper_and_pearsons() -> None:
    assert Rate(0, 59).high == pytest.approx(1 - 0.05 ** (1 / 59))
    assert Rate(0, 299).high < 0.01
    assert Rate(59, 59).low == pytest.approx(0.05 ** (1 / 59))
    assert Rate(3, 40).high == pytest.approx(beta.ppf(0.95, 4, 37))
    assert Rate(3, 40).low == pytest.approx(beta.ppf(0.05, 3, 38))
    assert (Rate(0, 0).low, Rate(0, 0).high, math.isnan(Rate(0, 0).share)) == (0, 1, True)


def test_live_gates_count_as_they_ended(found: Calibration) -> None:
    idle = found.conditions[0]
    assert (idle.name, idle.live, idle.contaminated) == ("idle", Rate(1, 3), Rate(0, 3))
    assert idle.spent_s == 80.0


def test_gates_that_came_to_no_verdict_do_not_count(runs: list[Run]) -> None:
    cut = [run if run.header.calibration["slowdowns"] else replace(run, end=None) for run in runs]
    assert calibrate(map(AnalyzedRun, cut), redraws=1).conditions[0].live == Rate(0, 0)


def test_each_recorded_launch_is_dealt_once(found: Calibration) -> None:
    idle, busy = found.conditions
    assert idle.launches == 90
    assert idle.dealt == Rate(0, 1), "30 unchanged launches make one gate of 25"
    assert [power.dealt.trials for power in idle.powers] == [5, 5]
    assert busy.dealt == Rate(0, 0)
    assert [power.dealt.trials for power in busy.powers] == [0, 0]


def test_power_grows_with_the_slowdown(found: Calibration) -> None:
    two, ten = found.conditions[0].powers
    assert (two.slowdown, ten.slowdown) == (0.02, 0.1)
    assert two.measured == pytest.approx(0.02, abs=0.005)
    assert ten.measured == pytest.approx(0.1, abs=0.005)
    assert two.redrawn < 0.2 < 0.9 < ten.redrawn
    assert ten.worst <= ten.redrawn


def test_smallest_slowdown_follows_the_scatter(found: Calibration) -> None:
    smallest = {case.rpartition("_")[2]: size for case, size in found.conditions[0].smallest.items()}
    assert list(smallest) == ["a", "b", "c", "d", "wild"]
    assert max(smallest[name] for name in "abcd") <= 0.04
    assert smallest["wild"] is None or smallest["wild"] > 0.05


def test_redrawn_gates_without_a_change_raise_no_alarm(found: Calibration) -> None:
    assert all(condition.redrawn == Rate(0, 60) for condition in found.conditions)
    idle, busy = found.conditions
    assert idle.same == pytest.approx(2 / 3), "of the live gates, where there are any"
    assert busy.same > 0.8


def test_same_runs_give_the_same_calibration(runs: list[Run], found: Calibration) -> None:
    assert rendered.document(calibrate(map(AnalyzedRun, runs), redraws=60)) == rendered.document(found)


def test_hidden_bias_is_no_false_security(tmp_path: Path) -> None:
    """A side that is always slower, though nothing was changed, shows as false alarms."""
    biased = [Compared("test_a", ratio=1.06), Compared("test_b")]
    run = store.read_run(gates.write_calibration(tmp_path / "run", biased, [0.0] * 30))
    (condition,) = calibrate([AnalyzedRun(run)], redraws=40).conditions
    assert condition.dealt == Rate(1, 1)
    assert 15 <= condition.redrawn.count <= 20, "half of the redrawn gates have the sides exchanged"


@pytest.mark.parametrize("launches", [1, 4, 5])
def test_too_few_launches_are_not_redrawn(tmp_path: Path, launches: int) -> None:
    run = store.read_run(gates.write_calibration(tmp_path / "run", CASES, [0.0, 0.05] * launches))
    made = calibrate([AnalyzedRun(run)], redraws=20)
    (condition,) = made.conditions
    assert (condition.cases, condition.launches) == (5, 2 * launches)
    assert (condition.redrawn.trials, len(condition.smallest), len(condition.powers)) == (
        (20, 5, 1) if launches >= 5 else (0, 0, 0)
    )
    assert json.loads(rendered.document(made))


def test_sentence_and_document(found: Calibration) -> None:
    assert rendered.sentence(found).startswith(
        "On this machine: 1 false alarm in 3 gates without a change, at most 8"
    )
    document = json.loads(rendered.document(found))
    assert document["sentence"] == rendered.sentence(found)
    assert document["conditions"][1]["spent_s"] is None
    assert rendered.sentence(calibrate([])) == ""


def test_table_has_a_column_for_each_condition(found: Calibration) -> None:
    lines = rendered.markdown(found).partition("\n\n")[0].splitlines()
    assert lines[0] == "| on attic | idle | busy |"
    assert {line.count("|") for line in lines} == {4}
    assert np.all(["nan" not in line for line in lines])


def test_other_rules_judge_the_same_launches(found: Calibration) -> None:
    """Five launches make a trial: of 30 with nothing changed, and of 3 gates with nothing changed."""
    idle, _ = found.conditions
    assert [peer.rule for peer in idle.peers] == list(RULES)
    assert {peer.alarms.trials for peer in idle.peers} == {30 // 5 + 3}
    assert {peer.found[0.1].trials for peer in idle.peers} == {5 * 30 // 5}
    by_rule = {peer.rule: peer for peer in idle.peers}
    assert by_rule["asv continuous (factor 1.1)"].found[0.02].share < 0.5
    assert by_rule["pyperf compare_to"].found[0.1].share > 0.7
    rows = rendered.markdown(found).partition("\n\n")[2].splitlines()
    assert rows[2].startswith("| this gate | 1 of 4, at most")
    assert {row.count("|") for row in rows} == {8}


def test_gate_tells_what_is_known_of_this_machine(found: Calibration, tmp_path: Path) -> None:
    from bench.app.sides.calibrate import known_false_alarms

    assert known_false_alarms(tmp_path, "attic") == ""
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / rendered.FILE).write_text(rendered.document(found))
    assert known_false_alarms(tmp_path, "attic") == rendered.sentence(found)
    assert known_false_alarms(tmp_path, "cellar") == "", "what holds on one machine does not on another"

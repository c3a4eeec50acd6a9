"""The gate's decision on whole recorded runs, odd ones among them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import marked
from bench.analyze.estimates.estimate import estimates
from bench.analyze.gate.decision import MISSING, Decision, replay
from bench.analyze.gate.pairs import launch_ratios
from bench.analyze.gate.settings import Budget, Settings, of_header
from bench.analyze.questions.table import table
from bench.records import Change, Verdict
from bench.storage import results, store
from tests import recorded_gates as gates
from tests.recorded_gates import Compared

THIRTEEN = range(13)


def decided(
    folder: Path, cases: Sequence[Compared], launches: Iterable[int] = range(25), **options: Any
) -> Decision:
    return replay(AnalyzedRun(store.read_run(gates.write(folder / "run", cases, launches, **options))))


def states(decision: Decision) -> dict[str, str]:
    return {verdict.case.rpartition("::test_")[2]: verdict.state for verdict in decision.verdicts}


# Pairs


def test_launch_is_the_median_of_its_clean_pairs(tmp_path: Path) -> None:
    exact = Compared("test_a", ratio=1.07, launch_sd=0, block_sd=0, disturbed=0.3)
    run = store.read_run(gates.write(tmp_path / "run", [exact], range(2)))
    assert launch_ratios(marked(run.blocks)).to_numpy() == pytest.approx(np.log(1.07))


def test_drift_of_both_sides_cancels(tmp_path: Path) -> None:
    run = store.read_run(
        gates.write(tmp_path / "run", [Compared("test_a", launch_sd=0, block_sd=0)], range(1))
    )
    blocks = marked(run.blocks)
    blocks["wall_s"] *= 1 + blocks.groupby(["side", "pass"], observed=True).cumcount() / 5
    assert launch_ratios(blocks).to_numpy() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("side", ["base", "head"])
def test_launch_without_three_clean_pairs_does_not_tell(tmp_path: Path, side: str) -> None:
    run = store.read_run(gates.write(tmp_path / "run", [Compared("test_a", disturbed=0)], range(2)))
    blocks = marked(run.blocks)
    first = (blocks["launch"] == 0) & (blocks["side"] == side)
    blocks.loc[blocks.index[first][2:], "counted"] = False
    assert launch_ratios(blocks).notna().to_numpy().tolist() == [[False, True]]


@pytest.mark.parametrize(("call_s", "tells"), [(0.6, True), (0.05, False)])
def test_one_clean_pair_of_long_calls_tells(tmp_path: Path, call_s: float, tells: bool) -> None:
    run = store.read_run(gates.write(tmp_path / "run", [Compared("test_a", disturbed=0)], range(1)))
    blocks = marked(run.blocks)
    blocks["wall_s"] = call_s * blocks["calls"]
    blocks.loc[blocks.index[blocks["side"] == "base"][1:], "counted"] = False
    assert launch_ratios(blocks).notna().to_numpy().tolist() == [[tells]]


# Whole runs


def test_wanted_leads_through_the_stages(tmp_path: Path) -> None:
    cases = gates.twenty(test_c=Compared("test_c", 1.06), test_d=Compared("test_d", 0.9))
    wanted = {}
    for launches in (0, 2, 3, 4, 5, 7, 9, 11, 13):
        found = decided(tmp_path / str(launches), cases, range(launches))
        wanted[launches] = {name.rpartition("::")[2]: count for name, count in found.wanted.items()}
    assert set(wanted[0].values()) == {3}
    assert set(wanted[2].values()) == {1}
    assert len(wanted[0]) == len(wanted[2]) == 22
    suspects = {"test_c", "test_d", "interpreter", "memory"}
    assert suspects <= set(wanted[3]) == set(wanted[4])
    assert len(wanted[3]) < 10, "most are let go"
    assert set(wanted[3].values()) == set(wanted[4].values()) == {1}
    assert wanted[5] == wanted[7] == wanted[9] == wanted[11] == dict.fromkeys(suspects, 2)
    assert wanted[13] == {}
    assert found.exit_status == 1
    assert {case: state for case, state in states(found).items() if state != "same"} == {
        "c": "slower",
        "d": "faster",
    }


def test_extension_is_wanted_where_confirmation_leaves_open(tmp_path: Path) -> None:
    cases = [*gates.CONTROLS, Compared("test_wild", ratio=1.045, launch_sd=0.06)]
    found = decided(tmp_path, cases, THIRTEEN, seed=2)
    assert found.wanted["suites/test_made.py::test_wild"] == 2
    assert found.exit_status == 3


def test_replay_gives_the_same_decision(tmp_path: Path) -> None:
    cases = gates.twenty(test_c=Compared("test_c", 1.05), test_e=Compared("test_e", launch_sd=0.04))
    budgets = (Budget("test_a", max_time_s=9e-5), Budget("test_c*", max_regression=0.1))
    folder = gates.write(tmp_path / "run", cases, settings=asdict(Settings(budgets=budgets)))
    run = store.read_run(folder)
    first = replay(AnalyzedRun(run))
    blocks = marked(run.blocks)
    results.write_tables(run, estimates(run, blocks).cases, blocks, table([]))
    assert replay(AnalyzedRun(store.read_run(folder))) == first
    assert first.settings.budgets == budgets


def test_settings_survive_the_header() -> None:
    before = Settings(
        0.1, 0.95, "fail", ("pip install .",), {"a": "b"}, ("c*",), (Budget("x", max_ratio=1.2, to="y"),)
    )
    assert of_header(asdict(before)) == before


@pytest.mark.parametrize(
    ("ratio", "high", "fails"),
    [(0.97, 1.01, False), (0.97, 1.06, True), (1.02, 1.04, True), (None, None, True)],
)
def test_what_is_undecided_only_by_how_much_faster_it_is_fails_nothing(
    ratio: float | None, high: float | None, fails: bool
) -> None:
    change = None if ratio is None or high is None else Change("a", ratio, 0.9, high, 20)
    verdict = Verdict("a", "undecided", "extension", "why", 0.05, change)
    strict = Decision((verdict,), settings=Settings(undecided="fail"))
    assert strict.exit_status == (4 if fails else 0)


def test_moved_control_makes_everything_undecided(tmp_path: Path) -> None:
    cases = gates.twenty(test_c=Compared("test_c", 1.25))
    cases[0] = Compared("control::interpreter", ratio=1.08, launch_sd=0.01)
    found = decided(tmp_path, cases)
    assert found.contaminated
    assert (found.exit_status, dict(found.wanted)) == (4, {})
    assert set(states(found).values()) == {"undecided"}
    assert "interpreter" in found.verdicts[0].reason


def test_hog_in_heads_turns_makes_nothing_slower(tmp_path: Path) -> None:
    found = decided(tmp_path, [*gates.CONTROLS, Compared("test_a", disturbed=1)])
    assert (states(found), found.exit_status) == ({"a": "undecided"}, 0)
    strict = asdict(Settings(undecided="fail"))
    assert decided(tmp_path / "strict", [Compared("test_a", disturbed=1)], settings=strict).exit_status == 4


def test_failure_on_one_side_is_an_incomplete_gate(tmp_path: Path) -> None:
    found = decided(
        tmp_path, [Compared("test_a", 1.2), Compared("test_b", fails={"head": "boom\nKeyError: 'x'"})]
    )
    assert [(each.side, each.reason) for each in found.troubles] == [("head", "failed: KeyError: 'x'")]
    assert found.exit_status == 3
    assert "suites/test_made.py::test_b" not in found.wanted


def test_case_that_was_never_measured_on_head_is_missing(tmp_path: Path) -> None:
    found = decided(tmp_path, [Compared("test_a"), Compared("test_b", skip={"head": "not here"})])
    assert [(each.side, each.reason) for each in found.troubles] == [("head", "not here")]
    assert found.exit_status == 3


def test_case_skipped_on_both_sides_passes(tmp_path: Path) -> None:
    found = decided(
        tmp_path, [Compared("test_a"), Compared("test_b", skip={"base": "no GPU", "head": "no GPU"})]
    )
    assert (found.exit_status, found.skipped[0].reason) == (0, "no GPU")


def test_cases_for_an_accelerator_that_is_missing_are_counted(tmp_path: Path) -> None:
    absent = {"base": "no accelerator", "head": "no accelerator"}
    cases = [Compared(f"test_{name}", device="accelerator", skip=absent) for name in "bc"]
    other = Compared("test_d", skip={"base": "no dataset", "head": "no dataset"})
    assert decided(tmp_path, [Compared("test_a"), *cases, other]).without_accelerator == 2
    assert decided(tmp_path / "other", [Compared("test_a"), other]).without_accelerator == 0


def test_a_gate_whose_cases_were_all_skipped_is_no_pass(tmp_path: Path) -> None:
    skip = {"base": "no GPU", "head": "no GPU"}
    assert decided(tmp_path, [Compared("test_a", skip=skip), Compared("test_b", skip=skip)]).exit_status == 5


def test_missing_case_is_no_silent_pass(tmp_path: Path) -> None:
    found = decided(tmp_path, [Compared("test_a")], missing=["suites/test_made.py::test_gone"])
    assert found.exit_status == 3
    assert "`removed`" in found.troubles[0].reason
    assert decided(tmp_path / "listed", [Compared("test_a")], removed=["test_gone"]).exit_status == 0


def test_a_case_that_went_with_its_file_is_not_said_to_be_taken_out(tmp_path: Path) -> None:
    broken = Compared("suites/test_more.py", fails={"head": "E   SyntaxError: invalid syntax"})
    cases = [Compared("test_a"), broken]
    found = decided(tmp_path, cases, missing=["suites/test_more.py::test_gone"])
    assert found.exit_status == 3
    assert [each.reason for each in found.troubles] == [
        "failed: SyntaxError: invalid syntax",
        "is not on head, where suites/test_more.py could not be collected",
    ]


def test_a_case_that_lies_in_another_file_is_said_to_be_moved(tmp_path: Path) -> None:
    gone, come = ["a.py::test_it[1]", "a.py::test_gone"], ["b.py::test_it[1]", "b.py::test_more"]
    found = decided(tmp_path, [Compared("test_a")], missing=gone, added=come)
    assert [each.reason for each in found.troubles] == [
        "is on base in a.py, on head in b.py: if it was moved, say so in [tool.bench.gate] by "
        'renamed = { "a.py::test_it" = "b.py::test_it" }',
        MISSING,
    ]


def test_interrupted_gate_does_not_pass(tmp_path: Path) -> None:
    assert decided(tmp_path, [Compared("test_a")], range(2)).exit_status == 3


def test_budget_of_a_case_replaces_the_gates(tmp_path: Path) -> None:
    cases = [Compared("test_a", 1.06), Compared("test_b", 1.06)]
    budgets = (Budget("test_a", max_regression=0.2), Budget("test_b", device="cuda", max_regression=0.2))
    found = decided(tmp_path, cases, settings=asdict(Settings(budgets=budgets)))
    assert states(found) == {"a": "same", "b": "slower"}


def test_device_time_counts_where_wall_time_hides_it(tmp_path: Path) -> None:
    hidden = Compared("test_kernel", device="cuda", device_ratio=1.2)
    found = decided(tmp_path, [hidden])
    assert states(found) == {"kernel": "slower"}
    assert found.verdicts[0].change.kind == "device"
    assert found.verdicts[0].reason.startswith("device time: +")

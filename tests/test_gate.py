"""The gate's decision: closed forms, seeded simulations, properties, and what it says of odd runs."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench import store
from bench.analyze.clean import marked
from bench.analyze.estimate import estimates_of
from bench.analyze.gate import replay
from bench.analyze.pairs import launch_ratios
from bench.analyze.series import CHECKPOINTS, STAGES, judge, moved
from bench.analyze.settings import Budget, Settings, of_header, recorded
from bench.analyze.trimmed import centre, difference
from tests import recorded_gates as gates
from tests.recorded_gates import Compared

BUDGET = 0.05
ERROR = 0.01 / 20
"""Of a table of twenty cases at 99 %."""

FIVE, THIRTEEN = range(5), range(13)


def decided(folder, cases, launches=range(25), **options):
    return replay(store.read_run(gates.write(folder / "run", cases, launches, **options)))


def states(decision):
    return {verdict.case.rpartition("::test_")[2]: verdict.state for verdict in decision.verdicts}


def series(shift=0.0, sd=0.008, seed=1):
    return np.log1p(shift) + np.random.default_rng(seed).normal(0, sd, 25)


# Closed forms


@pytest.mark.parametrize("count", [2, 3, 5, 8, 20])
def test_trimmed_t_is_scipys(count):
    values = np.random.default_rng(count).normal(0.02, 0.03, count)
    zeros = np.zeros(count)
    expected = stats.ttest_ind(values, zeros, equal_var=False, trim=0.2, alternative="greater")
    found = centre(values)
    assert found.mean == pytest.approx(stats.trim_mean(values, 0.2))
    assert found.freedom == expected.df
    assert found.above(0) == pytest.approx(expected.pvalue)
    assert found.below(0) == pytest.approx(1 - expected.pvalue)
    assert found.bounds(0.95)[0] == pytest.approx(expected.confidence_interval(0.95).low)


def test_difference_of_trimmed_means_is_scipys():
    random = np.random.default_rng(3)
    one, other = random.normal(0.1, 0.05, 7), random.normal(0, 0.01, 12)
    expected = stats.ttest_ind(one, other, equal_var=False, trim=0.2, alternative="greater")
    found = difference(centre(one), centre(other))
    assert found.above(0) == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)


def test_centre_of_equal_values_is_certain():
    found = centre(np.full(6, 0.03))
    assert (found.mean, found.error, found.above(0.01), found.above(0.04)) == (0.03, 0, 0, 1)
    assert centre(np.array([0.03, math.nan])) is None


# One case's series


def test_screen_alone_settles_what_is_still():
    found = judge(series(), 5, BUDGET, ERROR)
    assert (found.state, found.stage, found.open) == ("same", "screen", False)


def test_what_surely_stands_still_is_let_go_early():
    assert judge(series(), 2, BUDGET, ERROR).open
    found = judge(series(), 3, BUDGET, ERROR)
    assert (found.state, found.stage, found.centre.count) == ("same", "screen", 3)
    assert judge(np.tile([-0.03, 0.0, 0.02], 9), 3, BUDGET, ERROR).open, "too noisy to be sure"
    assert judge(series(0.05), 3, BUDGET, ERROR).open
    assert judge(-series(0.03), 3, BUDGET, ERROR).open, "a gain is worth knowing"
    told = series()
    told[1] = math.nan
    assert judge(told, 3, BUDGET, ERROR).open, "not all three tell"
    chance = series()
    chance[:5] += 0.04
    found = judge(chance, 9, BUDGET, ERROR)
    assert (found.state, found.stage, found.centre.count) == ("same", "confirmation", 4)
    assert judge(chance, 8, BUDGET, ERROR).open


def test_what_was_let_go_early_stays_so():
    logs = series()
    early = judge(logs, 3, BUDGET, ERROR)
    logs[3:] += 0.3
    assert judge(logs, 25, BUDGET, ERROR) == early


def test_suspect_is_open_until_fresh_launches_are_made():
    found = judge(series(0.05), 5, BUDGET, ERROR)
    assert (found.state, found.open) == ("undecided", True)


def test_slowdown_is_confirmed_on_fresh_launches_alone():
    logs = series(0.05)
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    chance = logs.copy()
    chance[STAGES[1].start :] -= np.log1p(0.05)
    assert judge(chance, 13, BUDGET, ERROR).state == "same"


def test_speedup_is_the_mirror():
    assert judge(-series(0.05), 13, BUDGET, ERROR).state == "faster"


def test_gain_that_is_not_sure_costs_no_further_launches():
    logs = series()
    logs[:5] = [-0.05, 0.01, -0.03, 0.02, -0.04]
    found = judge(logs, 5, BUDGET, ERROR)
    assert (found.state, found.open) == ("same", False)
    assert judge(-logs, 5, BUDGET, ERROR).open, "a loss is looked into"
    logs = -series(0.05)
    logs[:5] = [0.06, 0.05, 0.0, -0.05, -0.06]
    found = judge(logs, 13, BUDGET, ERROR)
    assert (found.state, found.open) == ("same", False)
    assert "did not show it" in found.reason


def test_what_only_fresh_launches_show_is_undecided():
    logs = series(0.06)
    logs[:5] = [-0.05, 0.0, 0.09, -0.02, 0.03]
    found = judge(logs, 25, BUDGET, ERROR)
    assert found.state == "undecided"
    assert "did not show it" in found.reason


def test_one_launch_far_off_drowns_nothing():
    logs = series(0.25, sd=0.01)
    logs[[2, 7]] = -1.0, 3.0
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    logs = series(0.0, sd=0.01)
    logs[[2, 7]] = -1.0, 3.0
    assert judge(logs, 25, BUDGET, ERROR).state == "same"


def test_slowdown_within_what_is_ignored_never_counts():
    exact = np.full(25, np.log1p(0.009))
    assert judge(exact, 25, 0.01, ERROR).state == "slower"
    assert judge(exact, 25, BUDGET, ERROR).state == "same"


def test_too_few_clean_launches_are_undecided():
    logs = series(0.25)
    logs[9:] = math.nan
    found = judge(logs, 25, BUDGET, ERROR)
    assert (found.state, found.reason) == ("undecided", "only 4 launches had enough clean blocks")
    assert judge(np.full(25, math.nan), 25, BUDGET, ERROR).reason == "no launch had enough clean blocks"


finite = st.lists(
    st.floats(-0.3, 0.3) | st.just(math.nan), min_size=25, max_size=25
).map(np.array)  # fmt: skip


@given(finite, st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_more_time_is_never_a_better_answer(logs, added):
    before, after = (judge(each, 25, BUDGET, ERROR).state for each in (logs, logs + added))
    if before == "slower":
        assert after == "slower"
    if after == "faster":
        assert before == "faster"


@given(finite, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_of_launches_between_checkpoints_does_not_matter(logs, random):
    parts = [range(*ends) for ends in pairwise((0, *CHECKPOINTS))]
    order = [launch for part in parts for launch in random.sample(list(part), len(part))]
    before, after = (judge(each, 25, BUDGET, ERROR) for each in (logs, logs[order]))
    assert (before.state, before.stage) == (after.state, after.stage)


@given(finite, st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_every_series_has_an_answer(logs, made):
    found = judge(logs, made, BUDGET, ERROR)
    assert found.open == (found.state == "undecided" and made < 25)
    assert found.reason


# Simulations


@pytest.mark.parametrize(("sd", "trials"), [(0.006, 1000), (0.013, 1000), (0.03, 2000), (0.05, 2000)])
def test_no_false_alarm_where_nothing_changed(sd, trials):
    random = np.random.default_rng(7)
    found = [judge(random.normal(0, sd, 25), 25, BUDGET, ERROR).state for _ in range(trials)]
    assert found.count("slower") <= 2 * ERROR * trials
    assert found.count("undecided") <= 0.03 * trials


def test_no_false_alarm_from_launches_far_off():
    random = np.random.default_rng(8)
    far = (random.random((1500, 25)) < 0.1) * random.standard_cauchy((1500, 25)) * 0.1
    logs = random.normal(0, 0.01, (1500, 25)) + far
    assert not [each for each in logs if judge(each, 25, BUDGET, ERROR).state == "slower"]


@pytest.mark.parametrize(
    ("slowdown", "sd", "least"),
    [(0.05, 0.013, 0.99), (0.05, 0.03, 0.9), (0.1, 0.03, 0.99), (0.25, 0.06, 0.99)],
)
def test_slowdowns_are_found(slowdown, sd, least):
    random = np.random.default_rng(9)
    logs = random.normal(np.log1p(slowdown), sd, (400, 25))
    assert np.mean([judge(each, 25, BUDGET, ERROR).state == "slower" for each in logs]) >= least


def test_two_percent_are_seldom_called_slower():
    logs = np.random.default_rng(10).normal(np.log1p(0.02), 0.013, (500, 25))
    assert np.mean([judge(each, 25, BUDGET, ERROR).state == "slower" for each in logs]) < 0.1


def test_bounds_hold():
    random = np.random.default_rng(11)
    bounds = [centre(random.normal(0.05, 0.02, 8)).bounds(0.95) for _ in range(2000)]
    low, high = (
        np.mean([bound[0] <= 0.05 for bound in bounds]),
        np.mean([bound[1] >= 0.05 for bound in bounds]),
    )
    assert 0.93 < low < 0.97
    assert 0.93 < high < 0.97


# Pairs


def test_launch_is_the_median_of_its_clean_pairs(tmp_path):
    exact = Compared("test_a", ratio=1.07, launch_sd=0, block_sd=0, disturbed=0.3)
    run = store.read_run(gates.write(tmp_path / "run", [exact], range(2)))
    assert launch_ratios(marked(run.blocks)).to_numpy() == pytest.approx(np.log(1.07))


def test_drift_of_both_sides_cancels(tmp_path):
    run = store.read_run(
        gates.write(tmp_path / "run", [Compared("test_a", launch_sd=0, block_sd=0)], range(1))
    )
    blocks = marked(run.blocks)
    blocks["wall_s"] *= 1 + blocks.groupby(["side", "pass"], observed=True).cumcount() / 5
    assert launch_ratios(blocks).to_numpy() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("side", ["base", "head"])
def test_launch_without_three_clean_pairs_does_not_tell(tmp_path, side):
    run = store.read_run(gates.write(tmp_path / "run", [Compared("test_a", disturbed=0)], range(2)))
    blocks = marked(run.blocks)
    first = (blocks["launch"] == 0) & (blocks["side"] == side)
    blocks.loc[blocks.index[first][2:], "counted"] = False
    assert launch_ratios(blocks).notna().to_numpy().tolist() == [[False, True]]


# Whole runs


def test_wanted_leads_through_the_stages(tmp_path):
    cases = gates.twenty(test_c=Compared("test_c", 1.06), test_d=Compared("test_d", 0.9))
    wanted = {}
    for launches in (0, 2, 3, 4, 5, 9, 13):
        found = decided(tmp_path / str(launches), cases, range(launches))
        wanted[launches] = {name.rpartition("::")[2]: count for name, count in found.wanted.items()}
    assert set(wanted[0].values()) == {3}
    assert set(wanted[2].values()) == {1}
    assert len(wanted[0]) == len(wanted[2]) == 22
    suspects = {"test_c", "test_d", "interpreter", "memory"}
    assert suspects <= set(wanted[3]) == set(wanted[4])
    assert len(wanted[3]) < 10, "most are let go"
    assert set(wanted[3].values()) == {2}
    assert wanted[5] == dict.fromkeys(suspects, 4)
    assert wanted[9] == dict.fromkeys(suspects, 4)
    assert wanted[13] == {}
    assert found.exit_status == 1
    assert {case: state for case, state in states(found).items() if state != "same"} == {
        "c": "slower",
        "d": "faster",
    }


def test_extension_is_wanted_where_confirmation_leaves_open(tmp_path):
    cases = [*gates.CONTROLS, Compared("test_wild", ratio=1.045, launch_sd=0.06)]
    found = decided(tmp_path, cases, THIRTEEN, seed=2)
    assert found.wanted["suites/test_made.py::test_wild"] == 4
    assert found.exit_status == 3


def test_replay_gives_the_same_decision(tmp_path):
    cases = gates.twenty(test_c=Compared("test_c", 1.05), test_e=Compared("test_e", launch_sd=0.04))
    budgets = (Budget("test_a", max_time_s=9e-5), Budget("test_c*", max_regression=0.1))
    folder = gates.write(tmp_path / "run", cases, settings=recorded(Settings(budgets=budgets)))
    run = store.read_run(folder)
    first = replay(run)
    blocks = marked(run.blocks)
    store.write_tables(folder, estimates_of(run, blocks), blocks)
    assert replay(store.read_run(folder)) == first
    assert first.settings.budgets == budgets


def test_settings_survive_the_header():
    before = Settings(
        0.1, 0.95, "fail", ("pip install .",), {"a": "b"}, ("c*",), (Budget("x", max_ratio=1.2, to="y"),)
    )
    assert of_header(recorded(before)) == before


def test_moved_control_makes_everything_undecided(tmp_path):
    cases = gates.twenty(test_c=Compared("test_c", 1.25))
    cases[0] = Compared("control::interpreter", ratio=1.08, launch_sd=0.01)
    found = decided(tmp_path, cases)
    assert found.contaminated
    assert (found.exit_status, dict(found.wanted)) == (4, {})
    assert set(states(found).values()) == {"undecided"}
    assert "interpreter" in found.verdicts[0].reason


@pytest.mark.parametrize("sd", [0.01, 0.05])
def test_controls_that_stand_still_are_not_accused(sd):
    random = np.random.default_rng(12)
    found = [moved(random.normal(0, sd, 25), 25, BUDGET).state for _ in range(2000)]
    assert sum(state in ("slower", "faster") for state in found) <= 16  # 0.4 % of them, and three deviations


def test_controls_that_move_are_seen():
    random = np.random.default_rng(13)
    found = [moved(random.normal(0.06, 0.02, 25), 13, BUDGET).state for _ in range(500)]
    assert np.mean([state == "slower" for state in found]) >= 0.95


def test_hog_in_heads_turns_makes_nothing_slower(tmp_path):
    found = decided(tmp_path, [*gates.CONTROLS, Compared("test_a", disturbed=1)])
    assert (states(found), found.exit_status) == ({"a": "undecided"}, 0)
    strict = recorded(Settings(undecided="fail"))
    assert decided(tmp_path / "strict", [Compared("test_a", disturbed=1)], settings=strict).exit_status == 4


def test_failure_on_one_side_is_an_incomplete_gate(tmp_path):
    found = decided(
        tmp_path, [Compared("test_a", 1.2), Compared("test_b", fails={"head": "boom\nKeyError: 'x'"})]
    )
    assert [(each.side, each.reason) for each in found.troubles] == [("head", "failed: KeyError: 'x'")]
    assert found.exit_status == 3
    assert "suites/test_made.py::test_b" not in found.wanted


def test_case_that_was_never_measured_on_head_is_missing(tmp_path):
    found = decided(tmp_path, [Compared("test_a"), Compared("test_b", skip={"head": "not here"})])
    assert [(each.side, each.reason) for each in found.troubles] == [("head", "not here")]
    assert found.exit_status == 3


def test_case_skipped_on_both_sides_passes(tmp_path):
    found = decided(
        tmp_path, [Compared("test_a"), Compared("test_b", skip={"base": "no GPU", "head": "no GPU"})]
    )
    assert (found.exit_status, found.skipped[0].reason) == (0, "no GPU")


def test_missing_case_is_no_silent_pass(tmp_path):
    found = decided(tmp_path, [Compared("test_a")], missing=["suites/test_made.py::test_gone"])
    assert found.exit_status == 3
    assert "`removed`" in found.troubles[0].reason
    assert decided(tmp_path / "listed", [Compared("test_a")], removed=["test_gone"]).exit_status == 0


def test_interrupted_gate_does_not_pass(tmp_path):
    assert decided(tmp_path, [Compared("test_a")], range(2)).exit_status == 3


def test_budget_of_a_case_replaces_the_gates(tmp_path):
    cases = [Compared("test_a", 1.06), Compared("test_b", 1.06)]
    budgets = (Budget("test_a", max_regression=0.2), Budget("test_b", device="cuda", max_regression=0.2))
    found = decided(tmp_path, cases, settings=recorded(Settings(budgets=budgets)))
    assert states(found) == {"a": "same", "b": "slower"}


def test_device_time_counts_where_wall_time_hides_it(tmp_path):
    hidden = Compared("test_kernel", device="cuda", device_ratio=1.2)
    found = decided(tmp_path, [hidden])
    assert states(found) == {"kernel": "slower"}
    assert found.verdicts[0].change.kind == "device"
    assert found.verdicts[0].reason.startswith("device time: +")


def test_more_cases_need_more_evidence():
    logs = series(0.034, sd=0.014, seed=5)
    assert judge(logs, 13, BUDGET, 0.01 / 2).state == "slower"
    assert judge(logs, 13, BUDGET, 0.01 / 2000).state == "undecided"

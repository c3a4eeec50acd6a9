"""The judgement on one case's series of launches: closed forms, properties, and seeded simulations."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.analyze.contests.levels import Array
from bench.analyze.estimates.intervals import centre, difference
from bench.analyze.gate.series import CHECKPOINTS, STAGES, judge, look, moved, typical_scatter

BUDGET = 0.05
ERROR = 0.01 / 20
"""Of a table of twenty cases at 99 %."""


def series(shift: float = 0.0, sd: float = 0.008, seed: int = 1) -> Array:
    return np.asarray(np.log1p(shift) + np.random.default_rng(seed).normal(0, sd, 25))


# Closed forms


@pytest.mark.parametrize("count", [2, 3, 5, 8, 20])
def test_trimmed_t_is_scipys(count: int) -> None:
    values = np.random.default_rng(count).normal(0.02, 0.03, count)
    zeros = np.zeros(count)
    expected = stats.ttest_ind(values, zeros, equal_var=False, trim=0.2, alternative="greater")
    found = centre(values)
    assert found.mean == pytest.approx(stats.trim_mean(values, 0.2))
    assert found.freedom == expected.df
    assert found.above(0) == pytest.approx(expected.pvalue)
    assert found.below(0) == pytest.approx(1 - expected.pvalue)
    assert found.bounds(0.95)[0] == pytest.approx(expected.confidence_interval(0.95).low)


def test_difference_of_trimmed_means_is_scipys() -> None:
    random = np.random.default_rng(3)
    one, other = random.normal(0.1, 0.05, 7), random.normal(0, 0.01, 12)
    expected = stats.ttest_ind(one, other, equal_var=False, trim=0.2, alternative="greater")
    found = difference(centre(one), centre(other))
    assert found.above(0) == pytest.approx(expected.pvalue)
    assert found.freedom == pytest.approx(expected.df)


def test_centre_of_equal_values_is_certain() -> None:
    found = centre(np.full(6, 0.03))
    assert (found.mean, found.error, found.above(0.01), found.above(0.04)) == (0.03, 0, 0, 1)
    assert centre(np.array([0.03, math.nan])) is None


def test_steadied_error_is_the_moderated_t_of_empirical_bayes() -> None:
    """Variances pooled by their degrees of freedom, as in limma's squeezeVar."""
    values = np.array([0.01, 0.03, 0.02])
    found = centre(values).steadied(0.02, 5)
    pooled = (2 * np.var(values, ddof=1) + 5 * 0.02**2) / 7
    assert found.error == pytest.approx(math.sqrt(pooled / 3))
    assert (found.mean, found.freedom, found.count) == (centre(values).mean, 7, 3)
    assert found.bounds(0.95)[1] == pytest.approx(0.02 + stats.t.ppf(0.95, 7) * found.error)


# One case's series


def test_typical_scatter_is_that_of_the_middle_series() -> None:
    random = np.random.default_rng(5)
    table = [random.normal(0, 0.02, 25) for _ in range(4000)]
    assert typical_scatter(table) == pytest.approx(0.02, rel=0.03)
    assert typical_scatter([*table, *(random.normal(0, 1, 25) for _ in range(400))]) < 0.023, "a few are wild"
    assert typical_scatter(table[:4]) is None, "too few"
    assert typical_scatter([*table[:4], np.full(25, math.nan)]) is None


def test_a_table_that_is_steady_lets_a_case_go_earlier() -> None:
    logs = np.tile([-0.014, 0.0, 0.022], 9)
    assert judge(logs, 3, BUDGET, ERROR).open
    found = judge(logs, 3, BUDGET, ERROR, typical=0.01)
    assert (found.state, found.stage, found.open) == ("same", "screen", False)
    assert judge(logs, 3, BUDGET, ERROR, typical=0.04).open, "the table is noisy"
    assert judge(logs + 0.05, 3, BUDGET, ERROR, typical=0.01).open, "it is suspect"


def test_the_screens_scatter_counts_when_fresh_launches_let_a_case_go() -> None:
    logs = np.full(25, 0.001)
    logs[:5] = [-0.09, 0.02, 0.1, -0.04, 0.03]
    assert judge(logs, 9, BUDGET, ERROR).open, "four launches that agree by chance"
    logs[:5] /= 4
    assert judge(logs, 9, BUDGET, ERROR).state == "same"


def test_screen_alone_settles_what_is_still() -> None:
    found = judge(series(), 5, BUDGET, ERROR)
    assert (found.state, found.stage, found.open) == ("same", "screen", False)


def test_what_surely_stands_still_is_let_go_early() -> None:
    assert judge(series(), 2, BUDGET, ERROR).open
    found = judge(series(), 3, BUDGET, ERROR)
    assert (found.state, found.stage, found.centre.count) == ("same", "screen", 3)
    assert judge(np.tile([-0.03, 0.0, 0.02], 9), 3, BUDGET, ERROR).open, "too noisy to be sure"
    assert judge(series(0.05), 3, BUDGET, ERROR).open
    assert judge(-series(0.03), 3, BUDGET, ERROR).open, "a gain is worth knowing"
    told = series()
    told[1] = math.nan
    assert judge(told, 3, BUDGET, ERROR).open, "not all three tell"
    surer = np.array([0.015, -0.015, *np.zeros(23)])
    assert judge(surer, 3, BUDGET, ERROR).open
    assert judge(surer, 4, BUDGET, ERROR).centre.count == 4
    chance = series()
    chance[:5] += 0.04
    assert judge(chance, 6, BUDGET, ERROR).open
    found = judge(chance, 7, BUDGET, ERROR)
    assert (found.state, found.stage, found.centre.count) == ("same", "confirmation", 2)
    chance[5] = 0.05
    assert judge(chance, 7, BUDGET, ERROR).open, "suspect again"
    assert judge(chance, 11, BUDGET, ERROR).stage == "confirmation"
    assert not judge(chance, 11, BUDGET, ERROR).open


def test_what_is_open_is_looked_at_again_after_one_launch_or_two() -> None:
    assert (3, 4, *range(5, 26, 2)) == CHECKPOINTS
    late = np.array([*np.full(5, 0.04), *np.tile([0.07, -0.08], 4), *np.zeros(12)])
    assert judge(late, 13, BUDGET, ERROR).open
    settled = next(made for made in CHECKPOINTS if not judge(late, made, BUDGET, ERROR).open)
    assert settled == 23
    assert judge(late, 25, BUDGET, ERROR) == judge(late, settled, BUDGET, ERROR)


def test_what_was_let_go_early_stays_so() -> None:
    logs = series()
    early = judge(logs, 3, BUDGET, ERROR)
    logs[3:] += 0.3
    assert judge(logs, 25, BUDGET, ERROR) == early


def test_suspect_is_open_until_fresh_launches_are_made() -> None:
    found = judge(series(0.05), 5, BUDGET, ERROR)
    assert (found.state, found.open) == ("undecided", True)


def test_slowdown_is_confirmed_on_fresh_launches_alone() -> None:
    logs = series(0.05)
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    chance = logs.copy()
    chance[STAGES[1].start :] -= np.log1p(0.05)
    assert judge(chance, 13, BUDGET, ERROR).state == "same"


def test_speedup_is_the_mirror() -> None:
    assert judge(-series(0.05), 13, BUDGET, ERROR).state == "faster"


def test_a_gain_that_is_not_sure_is_followed_up_as_a_loss_is() -> None:
    logs = series()
    logs[:5] = [-0.05, 0.01, -0.03, 0.02, -0.04]
    assert judge(logs, 5, BUDGET, ERROR).open
    assert judge(-logs, 5, BUDGET, ERROR).open
    assert judge(logs, 13, BUDGET, ERROR).state == "same"


@pytest.mark.parametrize("screen", [[-0.36, -0.01, -0.22, 0.05, -0.25], [math.nan] * 5])
def test_a_sure_gain_beyond_the_budget_is_faster_whatever_the_screen(screen: list[float]) -> None:
    logs = np.array([*screen, *np.log([0.80, 0.81, 0.79, 0.82, 0.80, 0.81, 0.79, 0.80]), *[math.nan] * 12])
    found = judge(logs, 13, BUDGET, ERROR)
    assert (found.state, found.open) == ("faster", False)


def test_a_gain_that_the_screen_did_not_show_and_that_may_be_small_is_undecided() -> None:
    logs = -series(0.05)
    logs[:5] = [0.06, 0.05, 0.0, -0.05, -0.06]
    found = judge(logs, 13, BUDGET, ERROR)
    assert (found.state, found.open) == ("undecided", True)
    assert "did not show it" in found.reason
    logs[5:] = -0.03 + 0.1 * (logs[5:] - logs[5:].mean())
    assert judge(logs, 13, BUDGET, ERROR).state == "same"


@given(
    st.lists(st.floats(-0.3, 0.3) | st.just(math.nan), min_size=25, max_size=25).map(np.array),
    st.integers(0, 25),
)
def test_same_is_within_the_budget_on_both_sides(logs: Array, made: int) -> None:
    found = judge(logs, made, BUDGET, ERROR)
    if found.state == "same":
        change = found.change("c")
        assert change is not None
        assert 1 - BUDGET < change.low <= change.high < 1 + BUDGET


def test_what_only_fresh_launches_show_is_undecided() -> None:
    logs = series(0.06)
    logs[:5] = [-0.05, 0.0, 0.09, -0.02, 0.03]
    found = judge(logs, 25, BUDGET, ERROR)
    assert found.state == "undecided"
    assert "did not show it" in found.reason


def test_what_every_launch_shows_is_never_left_undecided() -> None:
    """+44 % with 5 % of scatter, in a case most of whose screen others disturbed."""
    logs = series(0.44, 0.05)
    logs[1:4] = math.nan
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    logs[:5] = math.nan
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    few = np.full(25, math.nan)
    few[[0, 4, 6, 9, 11]] = series(0.44, 0.02)[:5]
    assert judge(few, 13, BUDGET, ERROR).state == "slower"
    few[4] = math.nan
    assert judge(few, 13, BUDGET, ERROR).state == "undecided", "four launches are too few"
    assert judge(-logs, 13, BUDGET, ERROR).state == "faster"


def test_one_launch_far_off_drowns_nothing() -> None:
    logs = series(0.25, sd=0.01)
    logs[[2, 7]] = -1.0, 3.0
    assert judge(logs, 13, BUDGET, ERROR).state == "slower"
    logs = series(0.0, sd=0.01)
    logs[[2, 7]] = -1.0, 3.0
    assert judge(logs, 25, BUDGET, ERROR).state == "same"


def test_slowdown_within_what_is_ignored_never_counts() -> None:
    exact = np.full(25, np.log1p(0.009))
    assert judge(exact, 25, 0.01, ERROR).state == "slower"
    assert judge(exact, 25, BUDGET, ERROR).state == "same"


def test_too_few_clean_launches_are_undecided() -> None:
    logs = series(0.25, 0.1)
    logs[9:] = math.nan
    found = judge(logs, 25, BUDGET, ERROR)
    assert (found.state, found.reason) == ("undecided", "only 4 launches had enough clean blocks")
    assert judge(np.full(25, math.nan), 25, BUDGET, ERROR).reason == "no launch had enough clean blocks"


finite = st.lists(
    st.floats(-0.3, 0.3) | st.just(math.nan), min_size=25, max_size=25
).map(np.array)  # fmt: skip


@given(finite, st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_more_time_is_never_a_better_answer(logs: Array, added: float) -> None:
    before, after = (judge(each, 25, BUDGET, ERROR).state for each in (logs, logs + added))
    if before == "slower":
        assert after == "slower"
    if after == "faster":
        assert before == "faster"


@given(finite, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_of_launches_between_checkpoints_does_not_matter(logs: Array, random: random.Random) -> None:
    parts = [range(*ends) for ends in pairwise((0, *CHECKPOINTS))]
    order = [launch for part in parts for launch in random.sample(list(part), len(part))]
    before, after = (judge(each, 25, BUDGET, ERROR) for each in (logs, logs[order]))
    assert (before.state, before.stage) == (after.state, after.stage)


@given(finite, st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_every_series_has_an_answer(logs: Array, made: int) -> None:
    found = judge(logs, made, BUDGET, ERROR)
    assert found.open == (found.state == "undecided" and made < 25)
    assert found.reason


# Simulations


@pytest.mark.parametrize(("sd", "trials"), [(0.006, 1000), (0.013, 1000), (0.03, 2000), (0.05, 2000)])
def test_no_false_alarm_where_nothing_changed(sd: float, trials: int) -> None:
    random = np.random.default_rng(7)
    found = [judge(random.normal(0, sd, 25), 25, BUDGET, ERROR).state for _ in range(trials)]
    assert found.count("slower") <= 2 * ERROR * trials
    assert found.count("undecided") <= 0.03 * trials


def test_no_false_alarm_from_launches_far_off() -> None:
    random = np.random.default_rng(8)
    far = (random.random((1500, 25)) < 0.1) * random.standard_cauchy((1500, 25)) * 0.1
    logs = random.normal(0, 0.01, (1500, 25)) + far
    assert not [each for each in logs if judge(each, 25, BUDGET, ERROR).state == "slower"]


@pytest.mark.parametrize(
    ("slowdown", "sd", "least"),
    [(0.05, 0.013, 0.99), (0.05, 0.03, 0.9), (0.1, 0.03, 0.99), (0.25, 0.06, 0.99)],
)
def test_slowdowns_are_found(slowdown: float, sd: float, least: float) -> None:
    random = np.random.default_rng(9)
    logs = random.normal(np.log1p(slowdown), sd, (400, 25))
    assert np.mean([judge(each, 25, BUDGET, ERROR).state == "slower" for each in logs]) >= least


def test_two_percent_are_seldom_called_slower() -> None:
    logs = np.random.default_rng(10).normal(np.log1p(0.02), 0.013, (500, 25))
    assert np.mean([judge(each, 25, BUDGET, ERROR).state == "slower" for each in logs]) < 0.1


def test_bounds_hold() -> None:
    random = np.random.default_rng(11)
    bounds = [centre(random.normal(0.05, 0.02, 8)).bounds(0.95) for _ in range(2000)]
    low, high = (
        np.mean([bound[0] <= 0.05 for bound in bounds]),
        np.mean([bound[1] >= 0.05 for bound in bounds]),
    )
    assert 0.93 < low < 0.97
    assert 0.93 < high < 0.97


# Controls


@pytest.mark.parametrize("sd", [0.01, 0.05])
def test_controls_that_stand_still_are_not_accused(sd: float) -> None:
    random = np.random.default_rng(12)
    found = [moved(random.normal(0, sd, 25), 25, BUDGET).state for _ in range(2000)]
    assert sum(state in ("slower", "faster") for state in found) <= 16  # 0.4 % of them, and three deviations


def test_controls_that_move_are_seen() -> None:
    random = np.random.default_rng(13)
    found = [moved(random.normal(0.06, 0.02, 25), 13, BUDGET).state for _ in range(500)]
    assert np.mean([state == "slower" for state in found]) >= 0.95


def test_more_cases_need_more_evidence() -> None:
    logs = series(0.034, sd=0.014, seed=5)
    assert judge(logs, 13, BUDGET, 0.01 / 2).state == "slower"
    assert judge(logs, 13, BUDGET, 0.01 / 2000).state == "undecided"


@pytest.mark.parametrize(("count", "said"), [(1, "over 1 launch does not"), (3, "over 3 launches do not")])
def test_one_launch_is_told_as_one(count: int, said: str) -> None:
    sample = centre(series(0.25, 0.1))
    assert sample is not None
    open_yet = replace(sample, mean=0.03, median=0.03, error=0.05, count=count)
    assert said in look(open_yet, "all", BUDGET, ERROR, 0.0).reason

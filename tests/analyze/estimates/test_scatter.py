"""Moderated variances and the centres they bound: closed forms, seeded simulations, properties."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bench.analyze.estimates import scatter
from bench.analyze.estimates.scatter import Array, Centres, Numbers, Prior, centres, fitted, moderated

BETWEEN_VISITS, BETWEEN_LAUNCHES = 0.10, 0.08


def simulated(
    random: np.random.Generator,
    launches: Numbers,
    visits: int,
    draw: Callable[[int], Array],
    unlike: float = 8.0,
) -> tuple[Array, Numbers, Numbers]:
    """Visits of cases whose ln(seconds per call) is truly 0; their variances are unlike: so much freedom."""
    cases = len(launches)
    scale = np.sqrt(unlike / random.chisquare(unlike, cases))
    case = np.repeat(np.arange(cases), launches)
    launch = np.concatenate([np.arange(count) for count in launches])
    shifts = draw(len(case)) * BETWEEN_LAUNCHES * scale[case]
    of_visit = np.repeat(np.arange(len(case)), visits)
    logs = shifts[of_visit] + draw(len(of_visit)) * BETWEEN_VISITS * scale[case][of_visit]
    return logs, case[of_visit], launch[of_visit]


def heavy(random: np.random.Generator) -> Callable[[int], Array]:
    """Student's t with four degrees of freedom, of variance 1."""
    return lambda count: random.standard_t(4, count) / np.sqrt(2)


def held(found: Centres) -> float:
    return float((np.abs(found.log) <= found.half()).mean())


def test_moments_of_a_normal_value_cut_off_are_scipys() -> None:
    low, high = -0.4, 1.7
    cut = stats.norm.expect(lambda z: np.clip(z, low, high))
    square = stats.norm.expect(lambda z: (np.clip(z, low, high) - cut) ** 2)
    assert scatter._cut_moments(low, high) == pytest.approx((cut, square), abs=1e-6)


@pytest.mark.parametrize("freedom", [4.0, 12.0])
def test_the_distribution_of_deviations_is_found(freedom: float) -> None:
    """2 000 cases of 1 to 6 degrees of freedom, drawn from one distribution: its scale and its freedom."""
    random = np.random.default_rng(3)
    own = random.integers(1, 7, 2000).astype(float)
    variance = 0.15**2 * freedom / random.chisquare(freedom, 2000)
    prior = fitted(np.sqrt(variance * random.chisquare(own) / own), own)
    assert prior is not None
    assert prior.deviation == pytest.approx(0.15, rel=0.05)
    assert prior.freedom == pytest.approx(freedom, rel=0.4)


def test_wild_cases_do_not_widen_the_others() -> None:
    """A tenth of the cases scatters ten times as much: the others' intervals grow by less than a third, where
    the variance of all would triple them; and the wild ones keep their own."""
    random = np.random.default_rng(3)
    own, group, is_wild = np.full(500, 3.0), np.zeros(500, dtype=int), np.arange(500) < 50
    deviation = 0.1 * np.sqrt(random.chisquare(3, 500) / 3)
    wild = np.where(is_wild, 10, 1) * deviation
    halves = [
        stats.t.ppf(0.975, freedom) * moderate
        for moderate, freedom in (moderated(each, own, group) for each in (deviation, wild))
    ]
    assert np.median((halves[1] / halves[0])[~is_wild]) < 1.33
    assert np.sqrt((wild**2).mean()) > 3 * np.sqrt((deviation**2).mean())
    kept, _ = moderated(wild, own, group)
    np.testing.assert_array_less(0.8 * wild[is_wild & (wild > 0.5)], kept[is_wild & (wild > 0.5)])


def test_among_cases_that_are_alike_a_wild_one_keeps_its_own() -> None:
    """A hundred cases of one scale are worth many degrees of freedom, but not for one of ten times that."""
    random = np.random.default_rng(4)
    deviation = 0.1 * np.sqrt(random.chisquare(4, 100) / 4)
    deviation[0] = 1.0
    moderate, freedom = moderated(deviation, np.full(100, 4.0), np.zeros(100, dtype=int))
    assert moderate[0] > 0.9
    assert freedom[0] < 5
    assert np.median(freedom) > 15


def test_smyths_formula() -> None:
    """Of four and two degrees of freedom: the weighted mean of the squares, and their sum."""
    prior = Prior(0.3, 4.0)
    deviation, freedom = moderated(np.array([0.2, 9.0]), np.array([2.0, 0.0]), np.array([0, 0]), prior)
    assert deviation == pytest.approx([np.sqrt((4 * 0.09 + 2 * 0.04) / 6), 0.3])
    assert freedom == pytest.approx([6, 4])


def test_a_small_group_is_judged_by_the_whole() -> None:
    random = np.random.default_rng(5)
    group = np.array([0] * 100 + [1] * 100 + [2] * 3)
    scale = np.array([0.1, 0.4, 0.4])[group]
    own = np.full(len(group), 4.0)
    deviation, _ = moderated(scale * np.sqrt(random.chisquare(4, len(group)) / 4), own, group)
    none = np.where(np.arange(len(group)) % 100 == 0, 0.0, own)
    alone, _ = moderated(deviation, none, group)
    assert alone[0] == pytest.approx(0.1, rel=0.2)
    assert alone[100] == pytest.approx(0.4, rel=0.2)
    assert 0.1 < alone[200] < 0.4


@pytest.mark.parametrize("launches", [2, 3, 5, 12])
@pytest.mark.parametrize("visits", [1, 4])
def test_95_percent_hold_the_truth_with_heavy_tails(launches: int, visits: int) -> None:
    """2 000 cases in ten runs: 93 to 97 %."""
    random = np.random.default_rng(launches)
    shares = []
    for _ in range(10):
        logs, case, launch = simulated(random, np.full(200, launches), visits, heavy(random))
        shares.append(held(centres(logs, case, launch, np.zeros(200, dtype=int))))
    assert 0.93 <= np.mean(shares) <= 0.97


def test_95_percent_hold_the_truth_where_cases_have_one_to_twelve_launches() -> None:
    random = np.random.default_rng(1)
    shares, single = [], []
    for _ in range(20):
        count = random.integers(1, 13, 200)
        logs, case, launch = simulated(random, count, 2, heavy(random))
        found = centres(logs, case, launch, np.zeros(200, dtype=int))
        holds = np.abs(found.log) <= found.half()
        shares.append(holds.mean())
        single += list(holds[found.launches == 1])
    assert 0.93 <= np.mean(shares) <= 0.97
    assert 0.91 <= np.mean(single) <= 0.99, "about 300 cases of one launch, from what the others show"


def test_without_tails_the_intervals_are_no_wider_than_they_must_be() -> None:
    """Five launches of one visit, cases alike: within a tenth of the interval that knows the true scatter."""
    random = np.random.default_rng(2)
    case, launch = (each.ravel() for each in np.meshgrid(np.arange(400), np.arange(5), indexing="ij"))
    found = centres(random.normal(0, 0.1, 2000), case, launch, np.zeros(400, dtype=int))
    assert np.median(found.half()) == pytest.approx(1.96 * 0.1 / np.sqrt(5), rel=0.1)
    assert 0.93 <= held(found) <= 0.97


def test_one_launch_always_has_an_interval() -> None:
    """One visit, or several; one case, or a hundred."""
    for visits, cases in ((1, 1), (3, 1), (1, 100), (3, 100)):
        random = np.random.default_rng(visits)
        logs, case, launch = simulated(random, np.ones(cases, dtype=int), visits, heavy(random))
        found = centres(logs, case, launch, np.zeros(cases, dtype=int))
        assert np.isfinite(found.half()).all()
        assert (found.half() > 0).all()


def test_a_case_without_visits_has_none() -> None:
    found = centres(np.array([0.0, 0.1]), np.array([1, 1]), np.array([0, 1]), np.zeros(3, dtype=int))
    assert np.isnan(found.log[[0, 2]]).all()
    assert np.isnan(found.half()[[0, 2]]).all()
    assert found.launches.tolist() == [0, 2, 0]
    assert np.isfinite(found.half()[1])


def test_rescaling_shifts_the_centres_alone() -> None:
    random = np.random.default_rng(6)
    logs, case, launch = simulated(random, random.integers(1, 8, 100), 3, heavy(random))
    before, after = (centres(each, case, launch, np.zeros(100, dtype=int)) for each in (logs, logs + 3.0))
    np.testing.assert_allclose(after.log, before.log + 3.0)
    np.testing.assert_allclose(after.half(), before.half())


def test_more_launches_do_not_widen() -> None:
    """Of the median case, over runs of the same cases with more launches each."""
    random = np.random.default_rng(7)
    logs, case, launch = simulated(random, np.full(200, 12), 2, heavy(random))
    halves = []
    for count in (1, 2, 3, 4, 6, 9, 12):
        some = launch < count
        found = centres(logs[some], case[some], launch[some], np.zeros(200, dtype=int), blocks=0.03)
        halves.append(np.median(found.half()))
    assert (np.diff(halves) < 0.02 * np.array(halves[:-1])).all()


def test_a_burst_does_not_move_the_centre() -> None:
    """One of seven launches took twice as long: the centre moves by less than the others' error."""
    random = np.random.default_rng(8)
    case, launch = (each.ravel() for each in np.meshgrid(np.arange(50), np.arange(7), indexing="ij"))
    logs = random.normal(0, 0.02, len(case))
    burst = logs + np.where((case == 0) & (launch == 3), np.log(2), 0)
    plain, hit = (centres(each, case, launch, np.zeros(50, dtype=int)) for each in (logs, burst))
    assert abs(hit.log[0] - plain.log[0]) < 0.02
    assert hit.half()[0] < 0.1


@pytest.mark.parametrize(("apart", "least", "most"), [(0.0, 0.93, 0.97), (0.15, 0.88, 0.98)])
def test_what_templates_differ_by_is_in_the_interval(apart: float, least: float, most: float) -> None:
    """Two templates of three launches each; where they differ, intervals that ignore them hold less."""
    random = np.random.default_rng(9)
    shares, unaware = [], []
    for _ in range(10):
        logs, case, launch = simulated(random, np.full(200, 6), 1, random.standard_normal, unlike=200)
        template = launch % 2
        logs = logs + (apart * random.standard_normal((200, 2)))[case, template]
        kinds = np.zeros(200, dtype=int)
        shares.append(held(centres(logs, case, launch, kinds, template=template)))
        unaware.append(held(centres(logs, case, launch, kinds)))
    assert least <= np.mean(shares) <= most
    if apart:
        assert np.mean(unaware) < 0.85

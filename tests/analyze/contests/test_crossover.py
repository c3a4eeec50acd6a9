"""Crossings against closed forms, in seeded trials, and properties that any definition must have.

A contender that takes a·s meets one that takes b + c·s at s = b / (a - c).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.analyze.contests.crossover import Array, Duel, Outcome, duel, find

SIZES: Array = 64.0 * 2 ** np.arange(0.0, 15.0)
A = 1e-9


def launched(seconds: Array, random: np.random.Generator, launches: int = 5, noise: float = 0.01) -> Array:
    """The ln(seconds) of each size in each launch, around the truth."""
    return np.log(seconds)[:, None] + random.normal(0, noise, (len(seconds), launches))


def apart(one: Array, other: Array) -> tuple[Array, Array]:
    """The launches of two contenders that shared none."""
    gap = np.full_like(one, np.nan)
    return np.hstack([one, gap]), np.hstack([gap, other])


def together(one: Array, other: Array) -> tuple[Array, Array]:
    return one, other


def exact(y: Sequence[float] | Array, half: float = 0.01) -> Duel:
    """A duel with a given y at each size and the same band everywhere."""
    number = len(y)
    return Duel(
        2.0 ** np.arange(float(number)), np.array(y, float), np.full(number, half), np.full(number, 5)
    )


@pytest.mark.parametrize("launches", [apart, together])
@pytest.mark.parametrize("sizes", [64 * 2 ** (np.arange(0, 29) / 2), SIZES, SIZES[::2], SIZES[::3]])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5])
def test_interval_holds_the_truth(
    sizes: Array, share: float, launches: Callable[[Array, Array], tuple[Array, Array]]
) -> None:
    """200 trials at 5 launches and 1 % between launches: at least 183 hold it (P = 0.9 % for a true 95 %)."""
    random = np.random.default_rng(7)
    held, widths = 0, []
    for _ in range(200):
        truth = np.exp(random.uniform(np.log(sizes[1]), np.log(sizes[-2])))
        b, c = truth * A * (1 - share), A * share
        sides = launches(launched(A * sizes, random), launched(b + c * sizes, random))
        found = find(duel(sizes, *sides))
        assert found.state == "crosses_at"
        (place,) = found.places
        held += place.low <= truth <= place.high
        widths.append(place.high / place.low - 1)
    assert held >= 183
    if share < 0.5 and sizes[1] <= 2 * sizes[0]:  # a run adds sizes where the curve leaves more open
        assert np.median(widths) <= 0.10


@pytest.mark.parametrize("launches", [2, 3, 4])
def test_few_launches_are_wide_or_undecided_but_not_wrong(launches: int) -> None:
    random = np.random.default_rng(3)
    truth, held, decided = 4000.0, 0, 0
    for _ in range(200):
        acc = truth * A * 0.9 + 0.1 * A * SIZES
        sides = launched(A * SIZES, random, launches), launched(acc, random, launches)
        for place in find(duel(SIZES, *sides)).places:
            decided += 1
            held += place.low <= truth <= place.high
    assert held >= 0.95 * decided


def test_what_a_launch_does_to_both_contenders_cancels() -> None:
    random = np.random.default_rng(5)
    speed = random.normal(0, 0.3, 5)  # a machine whose clock wanders by a third
    sides = [launched(each, random) + speed for each in (A * SIZES, 4e-6 + 0.1 * A * SIZES)]
    shared, apart_ = find(duel(SIZES, *sides)), find(duel(SIZES, *apart(*sides)))
    assert shared.places[0].high / shared.places[0].low < 1.06
    assert not apart_.places or apart_.places[0].high / apart_.places[0].low > 1.5


def test_below_five_launches_a_claim_needs_bands_that_are_clear_of_each_other() -> None:
    means = np.array([[np.log(1.1)], [np.log(1.3)]])
    launches = np.array([[-0.01, 0, 0.01]])  # each contender's own interval reaches 2.5 % to either side
    sides = means + launches, 0 * means + launches
    for y, half in ((1.1, 0.0497), (1.3, 0.0497)):
        met = duel(np.array([1.0, 2.0]), *sides)
        assert met.half == pytest.approx(half, rel=0.01)
        assert y in np.exp(met.y).round(9)
    closer = np.log([[1.04], [1.3]])
    assert "not told apart at 1" not in find(duel(np.array([1.0, 2.0]), *sides)).reason
    assert find(duel(np.array([1.0, 2.0]), closer + launches, launches + 0 * closer)).reason == "tied at 1"


def test_one_launch_says_nothing() -> None:
    seconds = np.log(A * SIZES)[:, None]
    found = find(duel(SIZES, seconds, seconds))
    assert (found.state, found.places) == ("inconclusive", ())
    assert "one launch" in found.reason


def test_a_size_from_one_launch_does_not_hide_the_others() -> None:
    random = np.random.default_rng(1)
    sides = [launched(each, random) for each in (A * SIZES, 4e-6 + 0.1 * A * SIZES)]
    sides[0][7, 1:] = np.nan
    found = find(duel(SIZES, *sides))
    assert found.state == "crosses_at"


@pytest.mark.parametrize(
    ("lone", "state"), [(0.5, "always_faster"), (0.0, "always_faster"), (-0.04, "always_faster"),
                        (-0.7, "inconclusive")],
)  # fmt: skip
def test_nobody_is_ahead_throughout_where_a_single_launch_speaks_against_it(lone: float, state: str) -> None:
    duel = exact([0.2, lone, 0.5, 0.6])
    duel.half[1] = np.nan
    found = find(duel)
    assert found.state == state
    assert ("one launch speaks against it at 2" in found.reason) == (state == "inconclusive")
    assert find(duel.turned()).state == {"always_faster": "never"}.get(state, state)


@pytest.mark.parametrize("y", [[-0.5, -0.5, -0.5, 0.5, 0.5, 0.5], [-0.5, 0.5]])
def test_a_jump_may_be_anywhere_between_its_two_sizes(y: Sequence[float]) -> None:
    """A kernel that is exchanged from some size on: no curve tells from which."""
    (place,) = find(exact(y)).places
    below = 2.0 ** (len(y) // 2 - 1)
    assert (place.low, place.high) == pytest.approx((below, 2 * below), rel=0.02)


@pytest.mark.parametrize("bend", [-1.0, 1.0])
def test_a_bend_lies_between_the_straight_line_and_the_extended_ones(bend: float) -> None:
    x = np.arange(6.0)
    (place,) = find(exact(x - 2.4 + bend * (x - 2.4) ** 2 / 12, half=1e-9)).places
    assert place.low < 2**2.4 < place.high
    assert place.high / place.low < 1.1


# Thousandths: a curve that misses zero by 1e-300 is no curve of times.
logs = st.lists(st.integers(-3000, 3000).map(lambda thousandths: thousandths / 1000), min_size=2, max_size=12)


def ends(found: Outcome) -> list[float]:
    return [end for place in found.places for end in (place.low, place.size, place.high)]


@given(logs)
def test_swapping_contenders_mirrors(y: Sequence[float]) -> None:
    one, other = find(exact(y)), find(exact(y).turned())
    mirrored = {"always_faster": "never", "never": "always_faster"}
    assert other.state == mirrored.get(one.state, one.state)
    assert ends(other) == pytest.approx(ends(one))
    assert (one.turned != other.turned) == bool(one.places)


@given(logs, st.floats(0.01, 1000))
@example([0.0, -2.0, 0.0, 1.0], 1 / 3)  # points on one line, which rounding must not bend
def test_rescaling_sizes_shifts(y: Sequence[float], factor: float) -> None:
    met = exact(y)
    one, other = find(met), find(replace(met, sizes=met.sizes * factor))
    assert other.state == one.state
    assert ends(other) == pytest.approx([end * factor for end in ends(one)])


@given(logs)
def test_no_state_without_a_crossing_carries_a_size(y: Sequence[float]) -> None:
    found = find(exact(y))
    assert {0: False, 1: "crosses_at"}.get(len(found.places), "multiple") == (
        found.state if found.state in ("crosses_at", "multiple") else False
    )
    for place in found.places:
        assert 1 <= place.low <= place.size <= place.high <= 2.0 ** (len(y) - 1) * (1 + 1e-12)


@settings(max_examples=50)
@given(st.integers(1, 8), st.floats(0.05, 3))
def test_a_one_point_dip_is_told_and_not_counted(position: int, depth: float) -> None:
    rising = np.array([-2, -1, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5])
    plain = find(exact(rising))
    dipped = rising.copy()
    if position < 4:  # beside the change itself there is no telling which of two sizes dips
        dipped = -np.ones(10)
        dipped[position] = depth
        found = find(exact(dipped))
        assert found.state == "never"
    else:
        dipped[position] = -depth
        found = find(exact(dipped))
        assert (found.state, found.turned) == ("crosses_at", False)
        assert found.places[0].size == pytest.approx(plain.places[0].size, rel=0.2)
    assert f"except at {2**position}" in found.reason


@pytest.mark.parametrize(
    ("y", "state", "reason"),
    [
        ([1, 2, 3], "always_faster", ""),
        ([-1, -2, -3], "never", ""),
        ([0, 0.001, -0.002], "inconclusive", "within 5 % of each other"),
        ([1, 0.001, 2], "always_faster", "tied at 2"),
        ([-1, -1, 1, 1, -1, -1, 1, 1], "multiple", ""),
        ([1], "not_measured", "1 of the 2 sizes"),
    ],
)
def test_states(y: Sequence[float], state: str, reason: str) -> None:
    found = find(exact(y))
    assert found.state == state
    assert reason in found.reason


def test_a_wide_band_decides_nothing() -> None:
    assert find(exact([-0.2, 0.1, 0.3], half=0.5)).reason == "the launches do not tell them apart"
    assert "not told apart at 1" in find(exact([-0.2, 1, 2], half=0.5)).reason


def test_sustained_crossing_is_the_headline() -> None:
    found = find(exact([-1, -1, 1, 1, -1, -1, 1, 1]))
    assert [place.size for place in found.places] == pytest.approx([2**1.5, 2**3.5, 2**5.5])

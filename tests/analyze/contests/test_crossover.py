"""Crossings against closed forms, in seeded trials, and properties that any definition must have."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analyze.contests.crossover import AHEAD, BEHIND, LEVEL, OPEN, Outcome, find, suggested
from bench.analyze.contests.curve import curves
from bench.analyze.contests.levels import Array
from tests.analyze.contests.contested import (
    SIZES,
    TRIALS,
    bent,
    curve,
    jumping,
    least_held,
    overtaken,
    points,
)

KINDS, NOISES = ("smooth", "kinked", "jump"), (0.005, 0.1)

DENSE: Array = 64.0 * 2 ** np.arange(0, 12.5, 0.5)


@cache
def trials(kind: str, noise: float, dense: bool = False) -> tuple[list[Outcome], Array]:
    """Outcomes of contests with one crossing each, and where these truly are."""
    random, sizes = np.random.default_rng(7), DENSE if dense else SIZES
    truths = np.exp(random.uniform(np.log(sizes[1]), np.log(sizes[-2]), TRIALS))
    made = []
    for truth in truths:
        kink = np.exp(random.uniform(*np.log(sizes[[0, -1]])))
        y = {
            "smooth": overtaken(truth, random.choice([0.01, 0.1, 0.3]), sizes),
            "kinked": bent(truth, kink, sizes),
            "jump": jumping(truth, sizes),
        }[kind]
        made.append(points(sizes, y + random.normal(0, noise, len(sizes)), noise))
    return [find(each) for each in curves(made)], truths


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_truth(kind: str, noise: float) -> None:
    found, truths = trials(kind, noise)
    assert all(outcome.state in ("crosses_at", "inconclusive") for outcome in found)
    held = [place.low <= truth <= place.high for each, truth in zip(found, truths, strict=True)
            for place in each.places]  # fmt: skip
    assert len(held) >= 0.9 * TRIALS
    assert sum(held) >= least_held(len(held))


def test_intervals_of_all_kinds_together_hold_the_truth() -> None:
    """Of so many, a share that is a little too small shows."""
    held = [place.low <= truth <= place.high
            for kind in KINDS for noise in NOISES
            for each, truth in zip(*trials(kind, noise), strict=True) for place in each.places]  # fmt: skip
    assert sum(held) >= least_held(len(held))


def test_more_data_does_not_widen() -> None:
    """Half the error, or twice the sizes, narrows the median interval."""

    def width(noise: float, dense: bool = False) -> float:
        found, _ = trials("smooth", noise, dense)
        return float(np.median([np.log(place.high / place.low) for each in found for place in each.places]))

    usual = width(0.1)
    assert width(0.05) < 0.7 * usual
    assert width(0.1, dense=True) < 0.9 * usual


# Hundredths: a curve that misses zero by 1e-300 is no curve of times.
logs = st.lists(st.integers(-300, 300).map(lambda hundredths: hundredths / 100), min_size=2, max_size=9)


def ends(found: Outcome) -> list[float]:
    return [end for place in found.places for end in (place.low, place.size, place.high)]


@settings(max_examples=15, deadline=None)
@given(logs)
def test_swapping_contenders_mirrors(y: Sequence[float]) -> None:
    one, other = find(curve(y)), find(curve([-each for each in y]))
    mirrored = {"always_faster": "never", "never": "always_faster"}
    assert other.state == mirrored.get(one.state, one.state)
    assert ends(other) == pytest.approx(ends(one), rel=1e-4)
    assert (one.turned != other.turned) == bool(one.places)


@settings(max_examples=15, deadline=None)
@given(logs, st.floats(0.01, 1000))
def test_rescaling_sizes_shifts(y: Sequence[float], factor: float) -> None:
    sizes = np.asarray(2.0 ** np.arange(len(y)), float)
    one, other = (find(curves([points(sizes * by, y)])[0]) for by in (1.0, factor))
    assert other.state == one.state
    assert ends(other) == pytest.approx([end * factor for end in ends(one)], rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(logs)
def test_no_state_without_a_crossing_carries_a_size(y: Sequence[float]) -> None:
    found = find(curve(y))
    assert {0: False, 1: "crosses_at"}.get(len(found.places), "multiple") == (
        found.state if found.state in ("crosses_at", "multiple") else False
    )
    for place in found.places:
        assert 1 <= place.low <= place.size <= place.high <= 2.0 ** (len(y) - 1) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("y", "error", "state", "reason"),
    [
        ([1, 2, 3], 0.01, "always_faster", ""),
        ([-1, -2, -3], 0.01, "never", ""),
        ([0.4], 0.05, "always_faster", ""),
        ([0, 0.001, -0.002], 0.01, "equal", ""),
        ([0.5, 0.2, 0.01, 0, 0.01, 0], 0.01, "equal", "b ahead at 1 to 2 (2 of 6 sizes), 1.2–1.6 ×"),
        ([0.01, 0.5, 1, 1.5], 0.01, "always_faster", "level or not told apart at 1"),
        ([1, 0.5, 3, 0.5, 1], 0.01, "always_faster", "open between the sizes measured"),
        ([-1, -1, 1, 1, -1, -1, 1, 1], 0.01, "multiple", ""),
        ([-1, -1, -1, 0.9, -1, -1, -1], 0.01, "inconclusive", "b ahead at 8 (1 of 7 sizes), 2.5 ×"),
        ([-1, -1, 1, 1, 1, -1, 1, 1, 1], 0.01, "crosses_at", "except at 32"),
        ([-0.2, 0.1, 0.3], 0.5, "inconclusive", "not told apart at 1 to 4, where b is 0.3"),
        ([0.0, 0.6, 0.7, 0.8], 0.15, "inconclusive", "b ahead at 2 to 8 (3 of 4 sizes)"),
    ],
)  # fmt: skip
def test_states(y: Sequence[float], error: float, state: str, reason: str) -> None:
    found = find(curve(y, error), ("a", "b"))
    assert found.state == state
    assert reason in found.reason
    assert bool(found.reason) == bool(reason)


def test_the_sustained_crossing_is_the_last() -> None:
    found = find(curve([-1, -1, 1, 1, -1, -1, 1, 1]))
    assert [place.size for place in found.places] == pytest.approx([2**1.5, 2**3.5, 2**5.5], rel=0.1)
    assert not found.turned


def test_stretches_say_who_is_ahead_where() -> None:
    crossed, equal = find(curve([-1, -0.5, 0.5, 1])), find(curve([0.5, 0.2, 0.01, 0, 0.01, 0]))
    assert [(each.code, each.smallest) for each in crossed.stretches] == [
        (BEHIND, 1), (AHEAD, crossed.places[0].size)
    ]  # fmt: skip
    assert [(each.code, each.smallest, each.largest) for each in equal.stretches] == [
        (AHEAD, 1, 2), (LEVEL, 4, 32)
    ]  # fmt: skip
    assert find(curve([0.1, 0.1], error=1)).stretches[0].code == OPEN


def test_a_jump_may_be_anywhere_between_its_two_sizes() -> None:
    """A kernel that is exchanged from some size on: no curve tells from which."""
    (place,) = find(curve([-0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5], error=0.005)).places
    assert place.low < 8 * 2**0.1
    assert place.high > 16 / 2**0.1


def test_suggested_crossings_leave_open_what_the_shape_does() -> None:
    """However large the points' error, and however little is decided."""
    (wide,) = suggested(curve([-1.2, -0.4, 0.1, 0.2], error=0.3))
    (narrow,) = suggested(curve([-1.5, -0.9, -0.3, 0.3, 0.9, 1.5], error=0.001))
    assert 1 < narrow.high / narrow.low < 1.05
    assert 2 < wide.size < 8
    assert suggested(curve([0.01, -0.01, 0.02, -0.03])) == ()

"""Curves through noisy points: their bands hold the truth, whatever its shape, and are not too wide."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.analyze.contests.curve import PIECES, Curve, curves
from bench.analyze.contests.levels import Array
from tests.analyze.contests.contested import SIZES, bent, curve, jumping, overtaken, points

TRUTHS: dict[str, Callable[[float, np.random.Generator], Array]] = {
    "smooth": lambda truth, random: overtaken(truth, random.choice([0.01, 0.1, 0.3])),
    "kinked": lambda truth, random: bent(truth, np.exp(random.uniform(*np.log(SIZES[[0, -1]])))),
    "jump": lambda truth, _: jumping(truth),
    "equal": lambda _, __: np.zeros(len(SIZES)),
}


def fitted(truth: str, noise: float, trials: int = 40) -> tuple[list[Curve], Array]:
    random = np.random.default_rng(3)
    wheres = np.exp(random.uniform(np.log(SIZES[1]), np.log(SIZES[-2]), trials))
    true = np.array([TRUTHS[truth](where, random) for where in wheres])
    noisy = true + random.normal(0, noise, true.shape)
    return curves([points(SIZES, y, noise) for y in noisy]), true


@pytest.mark.parametrize("noise", [0.01, 0.15])
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_band_holds_the_truth_and_neighbours_tell_of_each_other(truth: str, noise: float) -> None:
    found, true = fitted(truth, noise)
    bands = np.array([np.array(each.band)[:, each.at_points] for each in found])
    held = (bands[:, 0] <= true) & (true <= bands[:, 2])
    assert 0.92 <= held.mean() <= 0.995
    width = np.median(bands[:, 2] - bands[:, 0]) / (2 * 1.96 * noise)
    assert width <= {"smooth": 0.85, "kinked": 0.85, "jump": 0.85, "equal": 0.6}[truth]


def test_a_noisy_point_weighs_less() -> None:
    y = np.linspace(-1, 1, 7)
    y[3] += 0.5
    trusted, doubted = points(SIZES[:7], y, 0.02), points(SIZES[:7], y, 0.02)
    doubted.error[3] = 0.5
    middles = [each.band[1][each.at_points[3]] for each in curves([trusted, doubted])]
    assert middles[0] == pytest.approx(0.5, abs=0.05)
    assert middles[1] == pytest.approx(0.0, abs=0.05)


def test_draws_follow_the_curve_from_point_to_point() -> None:
    found = curve([-1, 0, 1])
    assert found.draws.shape == (1000, 2 * PIECES + 1)
    assert np.exp(found.x[found.at_points]) == pytest.approx([1, 2, 4])


def test_a_single_size_has_a_band() -> None:
    low, middle, high = curve([0.3], error=0.05).band
    assert [low[0], middle[0], high[0]] == pytest.approx([0.2, 0.3, 0.4], abs=0.01)


def test_the_same_points_give_the_same_curve_to_the_digit() -> None:
    assert (curve([-1, 0.2, 1]).draws == curve([-1, 0.2, 1]).draws).all()


def test_how_smooth_curves_are_is_learned_from_the_run() -> None:
    """Beside contests that jump, the middle between two points is known less well than beside smooth ones."""
    sizes, open_ = SIZES[::3], points(SIZES[::3], [-1, -0.5, 0.2, 0.5, 0.6])
    wild = [points(sizes, np.random.default_rng(i).normal(0, 0.5, 5)) for i in range(20)]
    smooth = [points(sizes, overtaken(2000.0 * (i + 1), 0.1, sizes)) for i in range(20)]
    widths = []
    for others in (wild, smooth):
        low, _, high = curves([open_, *others])[0].band
        widths.append((high - low)[PIECES * 3 // 2])
    assert widths[0] > 2 * widths[1]


def test_a_run_without_contests_has_no_curves() -> None:
    assert curves([]) == []

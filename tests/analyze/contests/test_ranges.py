"""How surely two contenders' ranges are known: whoever follows an answer must not lose by it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.analyze.contests.crossover import find
from bench.analyze.contests.curve import curves
from bench.analyze.contests.ranges import Range, ranges_of_two
from tests.analyze.contests.contested import curve, points


def ranges(y: Sequence[float], error: float = 0.01) -> tuple[Range, ...]:
    fitted = curve(y, error)
    return ranges_of_two(("0", "2"), fitted, find(fitted))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("y", "confidence"),
    [
        ([0.4, 0.5, 0.6, 0.7], "solid"),
        ([0.4, 0.04, 0.6, 0.7], "rough"),  # ahead everywhere, at one size by less than matters
        ([0.4, 0.0, 0.6, 0.7], "rough"),  # level there: who follows the answer loses nothing
        ([0.0, 0.0, 0.6, 0.7, 0.8], "rough"),
    ],
)
def test_one_that_is_level_at_worst_is_a_known_answer(y: Sequence[float], confidence: str, sign: int) -> None:
    [known] = ranges([sign * each for each in y])
    assert (known.state, known.winner) == (("always_faster", "2") if sign == 1 else ("never", "0"))
    assert known.confidence == confidence


@pytest.mark.parametrize("error", [0.04, 0.2])
def test_a_size_at_which_the_leader_may_be_behind_leaves_the_contest_unsettled(error: float) -> None:
    known = ranges([0.9, -0.02, 0.9, 0.9], error)
    assert [each.confidence for each in known if not each.winner] == ["unsettled"]


def test_level_at_every_size_is_known_though_the_curve_between_them_may_be_anywhere() -> None:
    """One noisy size keeps the contest open; a jump elsewhere on the axis, the curve between two others."""
    known = points([1.0, 4.0, 16.0, 64.0, 256.0], [0.0, 0.0, -0.05, 1.5, 1.5])
    [fitted] = curves([replace(known, error=np.array([0.01, 0.01, 0.08, 0.01, 0.01]))])
    level, noisy, ahead = ranges_of_two(("0", "2"), fitted, find(fitted))
    assert [each.state for each in (level, noisy, ahead)] == ["equal", "inconclusive", "always_faster"]
    assert (level.confidence, noisy.confidence) == ("rough", "unsettled")

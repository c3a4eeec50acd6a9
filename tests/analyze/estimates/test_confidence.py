"""The scale of confidence, at and beside each of its edges."""

import math

import pytest

from bench.analyze.estimates.confidence import of_band, of_crossing, of_interval


@pytest.mark.parametrize(
    ("half", "word"),
    [(1.0, "solid"), (1.099, "solid"), (1.101, "rough"), (1.999, "rough"), (2.001, "unsettled")],
)
def test_an_interval_by_its_half(half: float, word: str) -> None:
    assert of_interval(1e-3 / half, 1e-3 * half) == word


def test_without_an_interval_nothing_is_settled() -> None:
    assert of_interval(math.nan, math.nan) == "unsettled"
    assert of_interval(0.0, 1.0) == "unsettled"
    assert of_crossing(16, math.inf) == "unsettled"
    assert of_band([], []) == "unsettled"
    assert of_band([1.2, math.nan], [1.3, math.nan]) == "unsettled"


@pytest.mark.parametrize(
    ("octaves", "word"), [(0.49, "solid"), (0.51, "rough"), (1.9, "rough"), (2.1, "unsettled")]
)
def test_a_crossing_by_its_octaves(octaves: float, word: str) -> None:
    assert of_crossing(100, 100 * 2**octaves) == word


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        ([1.06, 1.2], [1.5, 3.0], "solid"),
        ([0.3, 0.5], [0.6, 0.94], "solid"),
        ([0.96, 0.97], [1.0, 1.04], "solid"),
        ([1.01, 1.2], [1.5, 3.0], "rough"),
        ([0.92, 0.97], [1.0, 1.04], "rough"),
        ([0.99, 1.2], [1.5, 3.0], "unsettled"),
        ([0.8, 0.97], [1.0, 1.04], "unsettled"),
    ],
)
def test_a_band_over_all_sizes(low: list[float], high: list[float], word: str) -> None:
    assert of_band(low, high) == word
    mirrored = [1 / each for each in high], [1 / each for each in low]
    assert of_band(*mirrored) == word

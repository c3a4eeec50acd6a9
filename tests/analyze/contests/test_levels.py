"""Ratios at single sizes: what a launch does to both contenders cancels, and errors are true ones."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from bench.analyze.contests.levels import Array, Means, Points, meeting, points
from tests.analyze.contests.contested import TRIALS

SIZES = np.array([1.0, 2.0, 4.0])
TRUTH = 0.3

RUNS = 8 if TRIALS >= 100 else 4
"""Of twenty contests each; `nox -s crossovers` has the more."""


def visits(log: Array) -> pd.DataFrame:
    """Visits of shape (rows, launches, passes) as a frame; NaN for none."""
    index = pd.MultiIndex.from_product([range(each) for each in log.shape], names=["row", "launch", "pass"])
    made = {"log": log.ravel(), "spread": 0.03}
    return pd.DataFrame(made, index=index).dropna(subset="log").reset_index()


def means(log: Array, unsure: Array | float = 0.0) -> Means:
    made = visits(log)
    made["unsure"] = np.broadcast_to(unsure, len(log))[made["row"]]
    return Means.of(made, np.zeros(len(log), dtype=int), log.shape[1])


def noisy(
    random: np.random.Generator, launches: int, passes: int, shared: float = 0.0, tails: bool = False
) -> Array:
    """Two contenders at each size, in six rows: a ratio of TRUTH, and noise of launches and visits."""
    shape = 6, launches, passes
    noise = random.standard_t(3, shape) / 3**0.5 if tails else random.normal(size=shape)
    own, both = random.normal(0, 0.05, shape[:2]), random.normal(0, shared, launches)
    return np.repeat([TRUTH, 0.0], 3)[:, None, None] + 0.1 * noise + (own + both)[:, :, None]


def one_run(contests: list[tuple[Means, Means]]) -> list[Points]:
    return points([meeting(SIZES, *each) for each in contests])


def run(random: np.random.Generator, paired: bool, **options: float) -> Iterator[Points]:
    """Twenty contests of a run."""
    pairs = []
    for _ in range(20):
        log = noisy(random, **options)  # type: ignore[arg-type]  # what `noisy` takes
        if not paired:
            gap = np.full_like(log[:3], np.nan)
            log = np.concatenate(
                [np.concatenate([log[:3], gap], axis=1), np.concatenate([gap, log[3:]], axis=1)]
            )
        timed = means(log)
        pairs.append((timed.of_rows(np.arange(3)), timed.of_rows(np.arange(3, 6))))
    yield from one_run(pairs)


@pytest.mark.parametrize("tails", [False, True])
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize(("launches", "passes"), [(1, 5), (2, 1), (2, 4), (3, 2), (5, 3), (12, 1)])
def test_errors_hold_the_truth(launches: int, passes: int, paired: bool, tails: bool) -> None:
    """Of 240 intervals 92 to 98 %, as true ones in 19 of 20 trials.

    Where one launch tells of launches, what is foreseen may be too wide.
    """
    random = np.random.default_rng(launches + 10 * passes)
    held = []
    for _ in range(RUNS):
        for each in run(random, paired, launches=launches, passes=passes, tails=tails):
            held += (np.abs(each.y - TRUTH) <= 1.96 * each.error).tolist()
    assert 0.92 <= np.mean(held) <= (0.98 if launches > 1 else 1.0)


def test_what_a_launch_does_to_both_contenders_cancels() -> None:
    options = {"launches": 5, "passes": 2, "shared": 0.5}
    errors = [
        np.median([each.error for each in run(np.random.default_rng(1), paired, **options)])
        for paired in (True, False)
    ]
    assert errors[0] < 0.1
    assert errors[1] > 4 * errors[0]


def test_swapping_contenders_mirrors() -> None:
    timed = means(noisy(np.random.default_rng(2), 3, 2))
    sides = timed.of_rows(np.arange(3)), timed.of_rows(np.arange(3, 6))
    (one,), (other,) = one_run([sides]), one_run([sides[::-1]])
    assert one.y == pytest.approx(-other.y)
    assert one.error == pytest.approx(other.error)


def test_rescaling_times_shifts_nothing() -> None:
    log = noisy(np.random.default_rng(2), 3, 2)
    (one,), (other,) = (
        one_run([(means(each).of_rows(np.arange(3)), means(each).of_rows(np.arange(3, 6)))])
        for each in (log, log + 3.0)
    )
    assert one.y == pytest.approx(other.y)
    assert one.error == pytest.approx(other.error)


def test_a_contender_with_fewer_launches_is_paired_in_those() -> None:
    log = noisy(np.random.default_rng(3), 4, 2, shared=1.0)
    log[3:, 2:] = np.nan
    timed = means(log)
    (found,) = one_run([(timed.of_rows(np.arange(3)), timed.of_rows(np.arange(3, 6)))])
    assert found.launches.tolist() == [2, 2, 2]
    assert found.visits.tolist() == [4, 4, 4]
    assert np.abs(found.y - TRUTH).max() < 0.3


def test_a_run_without_noise_has_hardly_any_error() -> None:
    log = np.broadcast_to(np.repeat([TRUTH, 0.0], 3)[:, None, None], (6, 5, 1)).copy()
    timed = means(log)
    (found,) = one_run([(timed.of_rows(np.arange(3)), timed.of_rows(np.arange(3, 6)))])
    assert found.y == pytest.approx(TRUTH)
    assert found.error.max() < 1e-4


@pytest.mark.parametrize("paired", [True, False])
def test_what_is_not_known_of_the_pace_is_in_the_error(paired: bool) -> None:
    log = noisy(np.random.default_rng(3), launches=3, passes=4)
    if not paired:
        gap = np.full_like(log[:3], np.nan)
        log = np.concatenate([np.concatenate([log[:3], gap], axis=1), np.concatenate([gap, log[3:]], axis=1)])
    found = []
    for unsure in (0.0, 0.4):
        timed = means(log, np.repeat([unsure, 0.3 * (unsure > 0)], 3))
        found += one_run([(timed.of_rows(np.arange(3)), timed.of_rows(np.arange(3, 6)))])
    assert found[1].error == pytest.approx(np.hypot(found[0].error, 0.5))
    assert found[1].y == pytest.approx(found[0].y)


def test_a_row_that_no_launch_timed_has_no_seconds() -> None:
    log = np.zeros((2, 2, 3))
    log[1] = np.nan
    assert np.array_equal(means(log).seconds(), [1.0, np.nan], equal_nan=True)

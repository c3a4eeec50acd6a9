"""How many pairs and visits a launch of the gate makes of a case."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.measure.drive.entry import Entry, Threads, Timing
from bench.measure.sides import stopping
from bench.measure.sides.stopping import LaunchProgress, pairs_due, pairs_in_visit
from bench.measure.worker import controls
from bench.records import Block, Case
from tests.measure.builders import MILLISECOND, entry


@pytest.mark.parametrize(
    ("call_s", "visits"), [(1e-6, 16), (1e-3, 16), (0.01, 12), (0.05, 3), (0.2, 1), (3.0, 1)]
)
def test_launch_spends_an_eighth_of_a_second_on_a_case(call_s: float, visits: int) -> None:
    timing = Timing(stopping.BLOCK_S).with_speed(Block("wall", 0.0, 1, call_s))
    assert pairs_due(replace(timing, calls=timing.calls_per_block)) == visits


def test_case_that_disturbs_itself_gets_three_long_blocks() -> None:
    timing = Timing().with_speed(Block("wall", 0.0, 1, 0.02, children=1))
    timing = replace(timing, calls=timing.calls_per_block)
    assert timing.calls * timing.call_s == pytest.approx(0.2)
    assert pairs_due(timing) == 3


def test_a_launch_spreads_its_pairs_over_visits() -> None:
    assert pairs_in_visit(replace(MILLISECOND, calls=2)) == 4
    assert pairs_in_visit(MILLISECOND) == 2
    assert pairs_in_visit(Timing(call_s=1.0, calls=1)) == 1
    assert pairs_in_visit(Timing()) == 1


def visits_made(entry: Entry, visit: Callable[[int], list[float]]) -> int:
    """How many visits a launch makes of a case whose n-th visit reads `visit(n)`."""
    one, number = LaunchProgress({"c": entry}, ["c"]), 0
    while one.wants("c"):
        one.take_in("c", visit(number))
        number += 1
    return number


def test_launch_goes_on_for_clean_pairs_but_not_for_ever() -> None:
    case = entry()
    assert visits_made(case, lambda _: [1.0, 1.0]) == 6
    assert visits_made(case, lambda _: [1.0, math.nan]) == 6, "half of the pairs are enough"
    assert visits_made(case, lambda number: [1.0, math.nan] if number % 2 else [math.nan]) == 12
    assert visits_made(case, lambda _: [math.nan, math.nan]) == 12
    assert visits_made(case, lambda _: []) == 24
    assert visits_made(entry(cost_s=2.0), lambda _: [1.0, 1.0]) == 3, "the first is not counted"


@pytest.mark.parametrize(
    ("scatter", "fewest", "most"), [(0.01, 6, 6), (0.03, 6, 8), (0.05, 8, 9), (0.2, 9, 9)]
)
def test_launch_goes_on_until_its_visits_agree(scatter: float, fewest: int, most: int) -> None:
    rng = np.random.default_rng(1)
    made = [
        visits_made(entry(), lambda _: [rng.normal(1.0, scatter)] * 2)  # as its data came to lie
        for _ in range(100)
    ]
    assert fewest <= np.mean(made) <= most


def test_a_control_gets_no_more_visits_than_are_due() -> None:
    assert visits_made(entry(suite=controls.SUITE), lambda number: [1.0 + 0.2 * (number % 2)] * 2) == 6


def test_a_case_of_long_calls_gets_one_more_of_them() -> None:
    long = entry(Timing(call_s=0.3, calls=1), cost_s=0.7)
    assert visits_made(long, lambda _: [1.0]) == 2
    assert visits_made(long, lambda _: [math.nan]) == 4, "one clean pair tells"
    assert visits_made(long, lambda number: [1.0 if number else math.nan]) == 2


def test_cases_on_one_thread_come_first_in_a_pass() -> None:
    threads = {str(number): Threads(parallel=number % 2 == 0) for number in range(10)}
    entries = {name: Entry(Case(name, "s", "o"), threads=each) for name, each in threads.items()}
    order = LaunchProgress(entries, entries).next_pass(random.Random(1))
    assert [entry.threads.parallel for entry in order] == [False] * 5 + [True] * 5
    assert [entry.case.id for entry in order] != sorted(entry.case.id for entry in order)

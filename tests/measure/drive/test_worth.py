"""What another visit is worth, held against closed forms and against what a simulation gains by it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing, Visited
from bench.measure.drive.worth import (
    LEAST_LAUNCH,
    MAX_VISITS,
    Scatter,
    Typical,
    gain_per_s,
    launches_worth,
    typical,
    width,
)
from bench.records import Case


def entry(launches: Sequence[Sequence[float]], fresh_s: float = 1.0, later_s: float = 1.0) -> Entry:
    """A case whose visits came to these logarithms, launch by launch."""
    visited = Visited()
    for launch, logs in enumerate(launches):
        for log in logs:
            visited = visited.after(launch, log)
    visits = {launch: len(logs) for launch, logs in enumerate(launches)}
    return Entry(
        Case("c", "s", "o"), Timing(visited=visited), lifecycle=Lifecycle(visits), cost=Cost(fresh_s, later_s)
    )


def drawn(rng: np.random.Generator, visit: float, launch: float, launches: int, visits: int) -> Entry:
    logs = rng.normal(0, launch, (launches, 1)) + rng.normal(0, visit, (launches, visits))
    return entry(logs.tolist())


def test_squares_are_those_from_each_launch_s_mean() -> None:
    launches = [[1.0, 2.0, 4.0], [7.0], [3.0, 3.5]]
    visited = entry(launches).timing.visited
    assert visited.squares == pytest.approx(sum(np.var(logs) * len(logs) for logs in launches))
    assert (visited.total, visited.freedom) == (6, 3)
    assert visited.means == pytest.approx({0: 7 / 3, 1: 7.0, 2: 3.25})


def test_a_run_s_scatter_is_found_at_both_levels() -> None:
    rng = np.random.default_rng(1)
    found = typical([drawn(rng, 0.10, 0.20, 6, 8) for _ in range(200)]).others
    assert found.visit == pytest.approx(0.10, rel=0.15)
    assert found.launch == pytest.approx(0.20, rel=0.15)
    two = typical([drawn(rng, 0.10, 0.10, 2, 4) for _ in range(400)]).others
    assert two.launch == pytest.approx(0.10, rel=0.2), "of two launches the usual variance is half the mean"
    still = typical([drawn(rng, 0.10, 0.0, 6, 8) for _ in range(200)]).others
    assert still.launch == pytest.approx(LEAST_LAUNCH * still.visit)


def test_few_cases_or_one_launch_leave_what_they_cannot_tell_to_the_constants() -> None:
    rng = np.random.default_rng(1)
    assert typical([drawn(rng, 0.3, 0.1, 4, 4)]) == Typical()
    single = typical([drawn(rng, 0.3, 0.1, 1, 9) for _ in range(50)]).others
    assert (single.visit, single.launch) == (pytest.approx(0.3, rel=0.2), Scatter().launch)


def test_a_case_s_own_scatter_outweighs_the_run_s_once_it_has_said_enough() -> None:
    rng = np.random.default_rng(1)
    run = Typical(Scatter(0.1, 0.05), Scatter(0.02, 0.01))
    assert run.of(drawn(rng, 0.5, 0.0, 1, 2)).visit < 0.3
    assert run.of(drawn(rng, 0.5, 0.0, 5, 20)).visit == pytest.approx(0.5, rel=0.2)
    unseen = Entry(Case("c", "s", "o"))
    assert run.of(unseen) == run.others
    itself = replace(unseen, timing=replace(unseen.timing, self_disturbing=True))
    assert run.of(itself) == run.self_disturbing, "of other cases that disturb themselves, and no others"


def test_the_width_is_what_repeated_runs_show() -> None:
    rng, run = np.random.default_rng(1), Scatter(0.10, 0.06)
    centres = [
        np.mean([np.mean(rng.normal(rng.normal(0, run.launch), run.visit, 5)) for _ in range(4)])
        for _ in range(4000)
    ]
    assert run.half_width(visits=20, launches=4) == pytest.approx(1.96 * np.std(centres), rel=0.05)


def test_gain_is_the_narrowing_for_each_second() -> None:
    run, known = Typical(Scatter(0.2, 0.0)), entry([[0.0] * 4], later_s=0.5)
    scatter = run.of(known)
    narrower = scatter.half_width(4, 1) - scatter.half_width(4 + 6 / 6.5, 1)
    assert gain_per_s(known, 0, run) == pytest.approx(narrower / 0.5)
    assert width(known, run) == scatter.half_width(4, 1)
    assert gain_per_s(replace(known, cost=Cost(1.0, 1.0)), 0, run) == pytest.approx(narrower)


def test_a_launch_is_worth_entering_where_launches_scatter() -> None:
    known = entry([[0.0, 0.1] * 4], fresh_s=4.0)
    steady, jumping = Typical(Scatter(0.1, 0.001)), Typical(Scatter(0.1, 0.2))
    assert gain_per_s(known, 0, steady) > gain_per_s(known, 1, steady)
    assert gain_per_s(known, 1, jumping) > gain_per_s(known, 0, jumping)


def test_a_case_whose_visits_never_count_is_not_asked_for_ever() -> None:
    run, cost = Typical(), Cost(1.0, 1.0)
    gains = [
        gain_per_s(Entry(Case("c", "s", "o"), lifecycle=Lifecycle({0: made}), cost=cost), 0, run)
        for made in (0, 10, 100)
    ]
    assert gains[0] > 2.5 * gains[1] > 6.25 * gains[2] > 0


def test_launches_are_as_many_as_kalibera_and_jones_have_it() -> None:
    """Ten cases, 1 s a pass, 4 s to open a launch: sqrt(4) x 0.1 / 0.05 is 4 passes, 8 s a launch."""
    cases = [entry([[0.0]], fresh_s=0.3, later_s=0.1) for _ in range(10)]
    assert launches_worth(81.0, 2.0, cases, Typical(Scatter(0.1, 0.05))) == 10
    assert launches_worth(81.0, 2.0, cases, Typical(Scatter(0.1, 1e-9))) == 81 // (4 + MAX_VISITS), (
        "at most as many passes as a launch visits a case"
    )
    assert launches_worth(81.0, 2.0, cases, Typical(Scatter(0.1, 9.0))) == 81 // (4 + 2), "and two at least"
    assert launches_worth(1.0, 2.0, cases, Typical()) == 1
    assert launches_worth(60.0, 2.0, [], Typical()) >= 1


def test_launches_planned_so_come_within_3_percent_of_the_best_fixed_plan() -> None:
    run, seconds, fresh_s, later_s = Scatter(0.15, 0.05), 40.0, 1.0, 0.25
    best = min(
        run.half_width(launches * visits, launches)
        for launches in range(1, 60)
        for visits in range(1, 200)
        if launches * (fresh_s + (visits - 1) * later_s) <= seconds
    )
    planned = launches_worth(seconds, 0.0, [entry([[0.0]], fresh_s, later_s)], Typical(run))
    in_each = int((seconds / planned - fresh_s) / later_s) + 1
    assert run.half_width(planned * in_each, planned) <= 1.03 * best

"""The contests of a whole run: who meets whom, over which sizes, with the data moved or in place."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze.blocks.clean import marked
from bench.analyze.contests.contests import Contest, contests
from bench.analyze.contests.groups import groups, pairs
from bench.analyze.contests.order import Disorder, disorders
from bench.analyze.contests.transfers import transfers
from bench.analyze.estimates.estimate import ENDED
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded
from tests.made_cases import Made

SIZES = [64.0 * 2**n for n in range(15)]
A = 1e-9


def met(tmp_path: Path, cases: list[Made], **options: Any) -> list[Contest]:
    run = store.read_run(recorded.write(tmp_path / "run", cases, **options))
    return contests(run, marked(run.blocks))


def test_contests_of_a_run(tmp_path: Path) -> None:
    cases = made_cases.curve("work", {"a": lambda s: A * s, "b": lambda s: 2e-6 + 0.1 * A * s}, SIZES[::2])
    (contest,) = met(tmp_path, cases)
    crossing = contest.crossing
    assert (crossing.state, crossing.incumbent, crossing.challenger) == ("crosses_at", "a", "b")
    assert crossing.low <= 2e-6 / (0.9 * A) <= crossing.high
    assert set(crossing.evidence) == {case.id for case in cases}
    assert contest.ratio[-1] == pytest.approx(SIZES[14] * A / (2e-6 + 0.1 * A * SIZES[14]), rel=0.05)


def time_by(workers: int) -> Callable[[float], float]:
    return lambda s: (workers + 1) * A * s


def test_the_first_collected_meets_each_other(tmp_path: Path) -> None:
    times = {str(workers): time_by(workers) for workers in (2, 0, 1)}
    pairs = [
        (contest.crossing.incumbent, contest.crossing.challenger)
        for contest in met(tmp_path, made_cases.curve("work", times, [64, 128], between="num_workers"))
    ]
    assert pairs == [("0", "1"), ("0", "2")]


def test_a_reason_calls_contenders_as_everything_else_does(tmp_path: Path) -> None:
    times = {str(workers): time_by(1) for workers in (0, 1)}
    cases = made_cases.curve("work", times, [64, 128], between="num_workers")
    (group,) = groups(store.read_run(recorded.write(tmp_path / "run", cases)).cases)
    assert [pair.named for pair in pairs(group)] == [("0 workers", "1 worker")]


def test_transfers_move_device_crossings_in_order(tmp_path: Path) -> None:
    found = met(tmp_path, [case for case in made_cases.course() if case.operation == "mul"])
    latency = {
        contest.crossing.definition: contest for contest in found if "latency" in contest.crossing.definition
    }
    sizes = [latency[form].crossing.size for form in ("latency", "latency inputs", "latency round_trip")]
    assert sizes == sorted(sizes)
    assert disorders(found) == []
    reuses = latency["latency round_trip"].reuses
    assert reuses[0] == np.inf
    assert 0 < reuses[-1] < 1


def test_disordered_transfers_are_noticed(tmp_path: Path) -> None:
    found = met(tmp_path, [case for case in made_cases.course() if case.operation == "mul"])
    swapped = {"throughput": "throughput inputs", "throughput inputs": "throughput"}
    for contest in found:
        name = contest.crossing.definition
        object.__setattr__(contest.crossing, "definition", swapped.get(name, name))
    (disorder,) = disorders(found)
    assert disorder == Disorder("mul", "throughput", "n", disorder.size, less="", more="inputs")


def test_a_contender_without_times_is_not_measured_and_says_why(tmp_path: Path) -> None:
    (works,) = made_cases.curve("work", {"b": lambda s: A * s}, [64])
    broken = replace(works, outcome="failed", message="no memory")
    cases = [*made_cases.curve("work", {"a": lambda s: A * s}, [64, 128]), broken]
    (contest,) = met(tmp_path, cases)
    assert (contest.crossing.state, contest.crossing.reason) == ("not_measured", "no memory")


def test_contenders_that_the_run_did_not_get_to_are_said_to_be_that(tmp_path: Path) -> None:
    cases = made_cases.curve("work", {"a": lambda s: A * s, "b": lambda s: A * s}, [64])
    run = store.read_run(recorded.write(tmp_path / "run", cases))
    run.cases["outcome"] = ["passed", ""]
    (contest,) = contests(run, marked(run.blocks[run.blocks["case"] == cases[0].id]))
    assert (contest.crossing.state, contest.crossing.reason) == ("not_measured", ENDED)


def test_a_single_contender_makes_no_contest(tmp_path: Path) -> None:
    assert met(tmp_path, made_cases.curve("work", {"a": lambda s: A * s}, [64, 128])) == []


def moved(n: int, trip: str, seconds: float) -> Made:
    """A case of the operation `add` on `cuda`, moved in each call as the trip says; "" is in place."""
    params = {"n": n} | ({"trip": trip} if trip else {})
    extra = {"resident": "add"} if trip else {}
    name, between = ("add_moved", "trip") if trip else ("add", "device")
    return made_cases.Made("test_add", name, params, seconds, "cuda", axis="n", between=between, extra=extra)


def test_trips_that_were_timed_are_contests_of_the_operation_they_move(tmp_path: Path) -> None:
    sizes = 2.0 ** np.arange(6, 20, 2)
    cases = [made_cases.Made("test_add", "add", {"n": n}, A * n, axis="n", between="device") for n in sizes]
    fixed = {"": 1e-6, "inputs pinned": 4e-6, "inputs pageable": 9e-6, "round_trip pinned": 7e-6}
    cases += [moved(n, trip, b + 0.1 * A * n) for trip, b in fixed.items() for n in sizes]
    by_device = [contest for contest in met(tmp_path, cases) if contest.between == "device"]
    found = {contest.crossing.definition: contest for contest in by_device}
    assert set(found) == {f"{basis} {trip}".strip() for basis in ("throughput", "latency") for trip in fixed}
    for trip, b in fixed.items():
        crossing = found[f"throughput {trip}".strip()].crossing
        assert crossing.operation == "add"
        assert crossing.size == pytest.approx(b / (0.9 * A), rel=0.05)
    pinned = found["throughput inputs pinned"]
    assert pinned.reuses[-1] == pytest.approx(3e-6 / (0.9 * A * sizes[-1] - 1e-6), rel=0.1)
    assert disorders(found.values()) == []


def test_trips_also_meet_each_other(tmp_path: Path) -> None:
    cases = [
        moved(n, trip, b)
        for trip, b in (("inputs pageable", 2e-6), ("inputs pinned", 1e-6))
        for n in (64, 128)
    ]
    contest, *_ = met(tmp_path, cases)
    assert (contest.between, contest.crossing.operation, contest.crossing.state) == (
        "trip",
        "add_moved",
        "always_faster",
    )


def test_a_trip_that_is_faster_than_none_is_noticed(tmp_path: Path) -> None:
    sizes = [2**10, 2**14, 2**18]
    cases = [made_cases.Made("test_add", "add", {"n": n}, A * n, axis="n", between="device") for n in sizes]
    fixed = {"": 4e-6, "inputs pinned": 1e-6, "round_trip pinned": 7e-6}
    cases += [moved(n, trip, b + 0.1 * A * n) for trip, b in fixed.items() for n in sizes]
    found = disorders(met(tmp_path, cases))
    assert len(found) == 2  # back to back, and for one call
    assert found[0] == Disorder("add", "throughput", "n", 1024, less="", more="inputs pinned")


def test_links_are_added_for_each_kind_of_memory() -> None:
    links = {
        "to_device": {"latency_s": 1e-5, "bytes_per_s": 2e10},
        "to_host": {"latency_s": 2e-5, "bytes_per_s": 1e10},
    }
    extra = [{"input_bytes": 2e4, "output_bytes": 1e4}]
    assert {form: seconds[0] for form, seconds in transfers(links, extra).items()} == pytest.approx(
        {"inputs": 1.1e-5, "round_trip": 3.2e-5}
    )
    slower = {f"{way}_pageable": {**link, "latency_s": 3e-5} for way, link in links.items()}
    assert {form: seconds[0] for form, seconds in transfers(links | slower, extra).items()} == pytest.approx(
        {
            "inputs pinned": 1.1e-5,
            "round_trip pinned": 3.2e-5,
            "inputs pageable": 3.1e-5,
            "round_trip pageable": 6.2e-5,
        }
    )
    assert transfers(links, [{"input_bytes": 1}]).keys() == {"inputs"}
    assert transfers({}, extra) == {}

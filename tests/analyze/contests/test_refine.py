"""Sizes added near crossovers: which they are, that they end in narrow and true intervals, and real runs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.analyze.contests import refine
from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Outcome, find
from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Points
from bench.analyze.contests.ranges import ranges_of_two
from bench.events import Event, Launch, Sizes, SizesAdded, Visit
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.start.process import Spec
from bench.measure.worker.plugin import evenly
from bench.records import Crossing
from tests.analyze.contests.contested import TRIALS, least_held, points

Contenders = tuple[Callable[[float], float], Callable[[float], float]]
"""The seconds of two contenders by size."""

Logs = dict[float, list[list[float]]]
"""The ln(seconds) of both contenders in each launch, by size."""

TRIED = min(TRIALS, 40)
"""Contests of a kind. Of 200 between overheads 174 hold the truth: fewer than they say."""

LAUNCHES = 5
COARSE = [64.0, 1024.0, 16384.0, 262144.0, 4194304.0]
A = 1e-9


def overtakes(truth: float, share: float) -> Contenders:
    """A contender with a fixed cost that grows at a share of the other's rate."""
    return lambda s: A * s, lambda s: truth * A * (1 - share) + share * A * s


def exchanged(truth: float, _: float) -> Contenders:
    """A contender that takes another way from some size on: faster there by a half, slower below."""
    return lambda s: A * s, lambda s: A * s * (1.5 if s < truth else 0.67)


def between_overheads(truth: float, share: float) -> Contenders:
    """Both have fixed costs; one grows with the cube. The curve of their ratio is steepest in the middle."""
    fixed = 10 * share * truth**3
    return lambda s: fixed / 8 + s**3, lambda _: fixed / 8 + truth**3


def refined(random: np.random.Generator, contenders: Contenders, noise: float = 0.01) -> tuple[Outcome, Logs]:
    """What a run finds that adds sizes after each launch, and looks at them alone after the fifth."""
    logs: Logs = {size: [[], []] for size in COARSE}
    near = set(COARSE)
    for number in range(2 * LAUNCHES):
        for size in logs if number < LAUNCHES else near:
            for side, time in enumerate(contenders):
                logs[size][side].append(math.log(time(size)) + random.normal(0, noise))
        found = find(met := of_logs(logs, noise))
        near = refine.around(met, found.places, LAUNCHES)
        logs |= {size: [[], []] for size in near if size not in logs}
        if number >= LAUNCHES - 1 and not near:
            break
    return found, logs


def of_logs(logs: Logs, noise: float) -> Curve:
    known = sorted(size for size, sides in logs.items() if sides[0])
    launches = np.array([len(logs[size][0]) for size in known])
    y = np.array([np.mean(logs[size][0]) - np.mean(logs[size][1]) for size in known])
    points = Points(np.array(known, float), y, noise * np.sqrt(2 / launches), launches, launches)
    return curves([points])[0]


@pytest.mark.parametrize(
    ("contenders", "share"), [(overtakes, 0.05), (overtakes, 0.3), (exchanged, 0), (between_overheads, 0.2)]
)
def test_adaptive_sizes_end_in_narrow_and_true_intervals(
    contenders: Callable[[float, float], Contenders], share: float
) -> None:
    """TRIED over sizes a factor 16 apart, whose curves alone would tell the crossing to a factor 2."""
    random = np.random.default_rng(11)
    held, widths, sizes = 0, [], []
    for _ in range(TRIED):
        truth = math.exp(random.uniform(math.log(200), math.log(1e6)))
        found, logs = refined(random, contenders(truth, share))
        place = found.places[-1]
        held += place.low <= truth <= place.high
        widths.append(place.high / place.low - 1)
        sizes.append(len(logs) - len(COARSE))
    assert held >= least_held(TRIED)
    assert np.median(widths) <= 0.10
    assert np.max(sizes) <= 12


def met(y: Sequence[float], error: float, launches: int = LAUNCHES) -> Curve:
    sizes, counts = 64.0 * 4.0 ** np.arange(float(len(y))), np.full(len(y), launches)
    return curves([Points(sizes, np.array(y), np.full(len(y), error), counts, counts)])[0]


def around(curve: Curve) -> set[float]:
    return refine.around(curve, find(curve).places, LAUNCHES)


BENT, STRAIGHT = [-1.2, -0.4, 0.1, 0.2], [-1.5, -0.9, -0.3, 0.3, 0.9, 1.5]


def test_a_size_is_added_where_the_curve_is_open_and_launches_where_the_times_are() -> None:
    assert around(met(BENT, 0.005)) == {256, 512, 1024}
    assert around(met(STRAIGHT, 0.005)) == set()
    assert around(met(STRAIGHT, 0.1)) == {1024, 4096}


@pytest.mark.parametrize("error", [0.1, 0.15])
def test_no_size_is_added_while_the_crossing_may_be_anywhere_between_two(error: float) -> None:
    """Whether it was located (0.1) or not even that (0.15): what is there is measured again."""
    assert around(met(BENT, error)) == {256, 1024, 4096}


def test_a_narrow_interval_from_few_launches_is_not_known_well_enough() -> None:
    assert around(met(STRAIGHT, 0.005, launches=LAUNCHES - 1)) == {1024, 4096}


def test_nothing_is_added_to_ties_and_to_one_sided_contests() -> None:
    for y in ([1, 2, 3], [-1, -2, -3], [0.01, -0.01, 0.02, -0.03]):
        assert around(met(y, 0.3)) == set()


def test_what_is_not_decided_is_enough_to_ask() -> None:
    assert find(met(BENT, 0.5, launches=1)).state == "inconclusive"
    assert around(met(BENT, 0.5, launches=1))


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [(64, 256, [128]), (1024, 2048, [1472]), (184, 192, []), (3, 4, []), (3, 5, [4]), (1, 1.5, [1.5**0.5])],
)
def test_middle(below: float, above: float, expected: list[float]) -> None:
    assert refine.middle(below, above) == expected


SUITE = """
import pytest

sizes = pytest.mark.parametrize("n", [1, 10, 100, pytest.param(1000, marks=pytest.mark.preset("thorough"))])

@pytest.mark.crossover(axis="n", between="way")
@pytest.mark.parametrize("way", ["a", "b"])
@sizes
def test_marked(benchmark, way, n):
    benchmark.pedantic(sum, args=(range(n),), rounds=1)

@pytest.mark.crossover(axis="n", between="way")
@pytest.mark.parametrize("n", [1, 10, 100], ids=["one", "ten", "hundred"])
class TestClass:
    @pytest.mark.parametrize("way", ["a", "b"])
    def test_in_class(self, benchmark, way, n):
        benchmark.pedantic(sum, args=(range(n),), rounds=1)

@pytest.mark.crossover(axis="n", between="way")
@pytest.mark.parametrize("n", range(1, 19))
@pytest.mark.parametrize("way", ["a"])
def test_many(benchmark, way, n):
    benchmark.pedantic(sum, args=(range(n),), rounds=1)

def test_other(benchmark):
    benchmark.pedantic(sum, args=([1],), rounds=1)
"""

TWO = Preset("default", 2, math.inf, 100.0, 0.5, 60.0, refining_s=1.0)
"""Two launches, satisfied with anything."""

ASKED: Sizes = {
    "test_it.py::test_marked": {"n": [10, 30, 100, 1000]},
    "test_it.py::TestClass::test_in_class": {"n": [20]},
    "test_it.py::test_many": {"n": [3, 40]},
}


class Run:
    """A run over SUITE in `folder`, that asks for sizes as it is told to; `past` events make it go on.

    With `cut` it is interrupted so many events after it first asked.
    """

    def __init__(self, folder: Path, asked: list[Sizes], past: Sequence[Event] = (), cut: int = 0) -> None:
        (folder / "test_it.py").write_text(SUITE)
        self.events = list(past)
        self.left = cut
        spec = Spec((str(folder),), directory=folder, rootdir=folder, environment={"BENCH_PRESET": "default"})
        coordinator = Coordinator(Plan(spec, TWO, 2, ceilings=False), Progress(), past)
        answers = iter(asked)
        try:
            coordinator.collect()
            coordinator.measure(self.record, (lambda: next(answers)) if asked else None)
        except KeyboardInterrupt:
            pass
        finally:
            coordinator.close()

    def record(self, event: Event) -> None:
        self.events.append(event)
        if self.left and any(isinstance(each, SizesAdded) for each in self.events):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    def visited(self) -> list[set[str]]:
        """The cases of each launch."""
        launches: list[set[str]] = []
        for event in self.events:
            if isinstance(event, Launch):
                launches.append(set())
            if isinstance(event, Visit):
                assert event.outcome == "passed", event.message
                launches[-1].add(event.case.partition("::")[2])
        return launches


LISTED = {f"test_marked[{n}-{way}]" for n in (1, 10, 100) for way in "ab"} | {
    f"TestClass::test_in_class[{way}-{n}]" for n in ("one", "ten", "hundred") for way in "ab"
} | {"test_other", *(f"test_many[a-{n}]" for n in evenly(range(1, 19), 5))}  # fmt: skip
ADDED = {f"test_marked[{n}-{way}]" for n in (30, 1000) for way in "ab"} | {
    f"TestClass::test_in_class[{way}-20]" for way in "ab"
} | {"test_many[a-3]", "test_many[a-40]"}  # fmt: skip
NEAR = ADDED | {f"test_marked[{n}-{way}]" for n in (10, 100) for way in "ab"}


def test_sizes_join_the_launches_that_follow_then_have_some_of_their_own(tmp_path: Path) -> None:
    run = Run(tmp_path, [ASKED, ASKED, ASKED, {}])
    assert run.visited() == [LISTED, LISTED | ADDED, NEAR, NEAR]
    run = Run(tmp_path, [ASKED, {}])
    assert run.visited() == [LISTED, LISTED | ADDED]


def test_nobody_who_does_not_ask_gets_sizes(tmp_path: Path) -> None:
    """Such as the gate, whose two sides must measure the same cases."""
    assert Run(tmp_path, []).visited() == [LISTED, LISTED]


def test_a_run_that_is_resumed_goes_on_with_the_sizes_it_asked_for(tmp_path: Path) -> None:
    cut = Run(tmp_path, [ASKED, ASKED, {}], cut=12)
    assert sum(isinstance(event, SizesAdded) for event in cut.events) == 1
    resumed = Run(tmp_path, [ASKED, {}], cut.events)
    sizes = [event.sizes for event in resumed.events if isinstance(event, SizesAdded)]
    assert sizes == [ASKED, ASKED, {}]
    first, second, *rest = resumed.visited()
    assert first == LISTED
    assert set().union(second, *rest) == LISTED | ADDED


def test_time_that_is_spent_ends_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    spec = Spec((str(tmp_path),), directory=tmp_path, rootdir=tmp_path)
    spent = Preset("default", 2, 0.0, 100.0, 0.5, 60.0, refining_s=1.0)
    coordinator = Coordinator(Plan(spec, spent, 2, ceilings=False), Progress(), [])
    events: list[Event] = []
    try:
        coordinator.measure(events.append, lambda: pytest.fail("nobody has time for what would be asked"))
    finally:
        coordinator.close()
    assert sum(isinstance(event, Launch) for event in events) == 1


def test_sizes_without_an_answer_are_measured_again() -> None:
    """Of five sizes one is noisy: nobody is known to be ahead there, nor that they are level."""
    errors = np.array([0.01, 0.01, 0.08, 0.01, 0.01])
    known = replace(points(COARSE, [0.0, 0.0, -0.05, 1.5, 1.5]), error=errors)
    [fitted] = curves([known])
    names, evidence = ("torch", "numpy"), ("test.py::test_it[torch-64]", "test.py::test_it[numpy-64]")
    crossing = Crossing("it", "n", *names, "throughput", "inconclusive", evidence=evidence)
    met = Contest(crossing, "test", "engine", tuple(COARSE), (), (), (), (LAUNCHES,) * 5, curve=fitted)
    ranges = ranges_of_two(names, fitted, find(fitted))
    choice = Choice("test", "it", "n", "engine", "throughput", {}, names, ranges, (met,))
    assert refine.wanted([choice]) == {"test.py::test_it": {"n": [16384]}}
    assert refine.wanted([choice], LAUNCHES) == {}  # somebody asked for so many, and it has them
    assert refine.wanted([choice], LAUNCHES + 1) == {"test.py::test_it": {"n": [16384]}}
    assert refine.wanted([replace(choice, ranges=())]) == {}

"""Lock step: where the two workers of a case run, and what is read of them."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.decision import replay
from bench.analyze.gate.pairs import launch_ratios
from bench.analyze.gate.settings import Settings
from bench.events import Event, Header, Note, Visit
from bench.measure.drive.entry import Lifecycle, Threads, Timing
from bench.measure.drive.plan import Progress
from bench.measure.sides import lockstep
from bench.measure.sides.lockstep import Lockstep
from bench.measure.sides.matching import match
from bench.measure.sides.pair import CAN_PIN
from bench.records import Block
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests.measure.builders import MILLISECOND, entry, sides


@pytest.mark.parametrize(
    ("base", "head", "parallel"),
    [((1, 1), (1, 1), False), ((2, 1), (1, 2), False), ((2, 2), (2, 2), True), ((2, 2), (1, 1), True)],
)
def test_a_case_is_parallel_where_all_of_a_side_s_blocks_are(
    base: tuple[int, int], head: tuple[int, int], parallel: bool
) -> None:
    """In some of them another case's threads may still have spun; a side may have lost its threads."""
    both = [
        Visit("c", 0, blocks=tuple(Block("wall", 0.0, 1, 0.01, threads=number) for number in threads))
        for threads in (base, head)
    ]
    assert entry().after(both).threads.parallel == parallel


@pytest.mark.parametrize(
    ("threads", "notes", "processors", "is_team"),
    [
        (1, (), 2, False),
        (2, ("team",), 2, True),
        (2, (), 2, False),  # they come and go, or the calling one waits for them
        (3, ("team",), 2, False),
        (3, ("team",), 4, True),
    ],
)
def test_only_threads_that_can_be_given_places_are_a_team(
    threads: int, notes: tuple[str, ...], processors: int, is_team: bool
) -> None:
    blocks = [Block("wall", 0.0, 1, 0.003, threads=threads, notes=notes, processors=1)] * 2
    case = entry(replace(MILLISECOND, processors=processors))
    assert case.after([Visit("c", 0, blocks=tuple(blocks))] * 2).is_team == is_team


@pytest.mark.skipif(not CAN_PIN, reason="needs a system with affinities")
@pytest.mark.parametrize(
    ("visits", "threads", "self_disturbing", "processors", "expected"),
    [
        (0, Threads(), False, 2, "free"),
        (0, Threads(parallel=True), False, 2, "free"),
        (1, Threads(), False, 2, "together"),
        (1, Threads(parallel=True), False, 2, "apart"),
        (1, Threads(parallel=True), False, 1, "free"),
        (1, Threads(parallel=True, loose=True), False, 2, "free"),
        (1, Threads(parallel=True), True, 2, "free"),
    ],
)
def test_where_the_workers_of_a_case_run(
    visits: int, threads: Threads, self_disturbing: bool, processors: int, expected: str
) -> None:
    case = replace(entry(Timing(self_disturbing=self_disturbing)), threads=threads)
    case = case if visits else replace(case, lifecycle=Lifecycle())
    assert lockstep._placement(case, processors) == expected


DEVICE = """
import torch

def test_zero(benchmark, device):
    benchmark(torch.empty({n}, device=device).zero_)
"""


def test_slowdown_on_a_device_shows_in_device_and_wall_time(tmp_path: Path) -> None:
    """On the simulated accelerator with virtual time: half as much work again, exactly."""
    pytest.importorskip("torch")
    import simulated_accelerator as simulation

    environment = simulation.install(tmp_path / "installed", simulation.Parameters(virtual=True))
    environment["BENCH_DEVICES"] = "sim"
    both = sides(tmp_path, DEVICE.format(n=1_000_000), DEVICE.format(n=1_500_000), environment)
    lockstep = Lockstep(both, Progress(), with_controls=False)
    entry = {"settings": asdict(Settings())}
    try:
        collected, (base, head) = lockstep.collect()
        matching = match(base, head, {}, [])
        with Journal.create(tmp_path / "run", Header(run="run", gate=entry)) as journal:
            lockstep.add_cases(matching, collected, journal.append)
            lockstep.measure_launch(0, lockstep.cases)
    finally:
        lockstep.close()
    run = read_run(tmp_path / "run")
    left_alone = run.blocks.assign(counted=True)  # real delays say nothing of virtual time
    ratios = launch_ratios(left_alone).droplevel("case")[0].map(math.exp)
    p = simulation.Parameters()
    device_s = [p.fixed_s + 4 * n / p.bytes_per_s for n in (1_000_000, 1_500_000)]
    assert ratios["device"] == pytest.approx(device_s[1] / device_s[0], rel=1e-6)
    assert ratios["wall"] == pytest.approx(device_s[1] / device_s[0], rel=0.02)
    assert replay(AnalyzedRun(run)).wanted  # a single launch settles nothing
    device = run.blocks[run.blocks["kind"] == "device"]
    assert set(device["side"]) == {"base", "head"}
    assert not run.blocks["kind"].isin(["latency", "cold"]).any()
    assert {check.passed for check in run.checks} == {True}
    assert [each.device for each in run.initializations] == ["sim"]


FIRST_ONLY = """
ran = set()
def alone(name):
    ran.add(name)
    assert ran == {name}
def test_a(benchmark):
    alone("a")
    benchmark(int)
def test_b(benchmark):
    alone("b")
    benchmark(int)
"""


def test_what_fails_behind_others_is_tried_once_more_in_a_new_pair(tmp_path: Path) -> None:
    """On one side here: the other one's tests do not mind each other."""
    both = sides(tmp_path, FIRST_ONLY, FIRST_ONLY.replace("{name}", "ran"))
    lockstep = Lockstep(both, Progress(), with_controls=False)
    events: list[Event] = []
    try:
        collected, (base, head) = lockstep.collect()
        lockstep.add_cases(match(base, head, {}, []), collected, events.append)
        lockstep.measure_launch(0, lockstep.cases)
        assert len(lockstep.cases) == 2
        lockstep.measure_launch(1, lockstep.cases)
    finally:
        lockstep.close()
    (note,) = [event for event in events if isinstance(event, Note)]
    victim, other = note.text.split()[0], note.text.split()[7]
    visits = [event for event in events if isinstance(event, Visit) and event.case == victim]
    assert [(visit.side, visit.launch, visit.outcome) for visit in visits] == [
        (side, launch, "passed") for launch in (0, 1) for side in ("base", "head")
    ]
    assert other != victim


BREAKS = """
import pathlib
def test_good(benchmark):
    benchmark(int)
def test_breaks(benchmark):
    pathlib.Path.exists = None
    benchmark(int)
"""


def test_what_breaks_pytest_itself_costs_no_neighbour(tmp_path: Path) -> None:
    """Whatever comes next ends its process, in any visit; it is then visited first in each launch, once."""
    lockstep = Lockstep(sides(tmp_path, BREAKS, BREAKS), Progress(), with_controls=False)
    events: list[Event] = []
    try:
        collected, (base, head) = lockstep.collect()
        lockstep.add_cases(match(base, head, {}, []), collected, events.append)
        for number in range(3):
            lockstep.measure_launch(number, lockstep.cases)
        assert any("test_good" in case for case in lockstep.cases)
    finally:
        lockstep.close()
    good = [event for event in events if isinstance(event, Visit) and event.case.endswith("::test_good")]
    assert {visit.outcome for visit in good} == {"passed"}
    assert {visit.launch for visit in good} == {0, 1, 2}

"""What a comparison of two sides rests on: matching cases, telling whose code ran, and lock step itself."""

import math
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.analyze.gate.decision import replay
from bench.analyze.gate.pairs import launch_ratios
from bench.analyze.gate.settings import Settings, recorded
from bench.events import Header, Visit
from bench.measure.drive import visits
from bench.measure.drive.entry import Cost, Entry, Lifecycle, Threads, Timing
from bench.measure.drive.plan import Progress
from bench.measure.drive.policy import settled
from bench.measure.drive.process import Spec
from bench.measure.host.gpu_monitor import exclusive
from bench.measure.sides import lockstep, stopping
from bench.measure.sides.lockstep import Lockstep
from bench.measure.sides.matching import match
from bench.measure.sides.pair import CAN_PIN, Pair
from bench.measure.sides.side import Side, environment_of, moved
from bench.measure.sides.stopping import LaunchProgress, pairs_due, pairs_in_visit
from bench.measure.worker import code, controls
from bench.measure.worker.injection import VARIABLE, injected, period
from bench.measure.worker.protocol import TellTexts
from bench.records import Block, Case
from bench.storage.journal import Journal
from bench.storage.store import read_run


def test_cases_are_matched_by_id_and_by_the_names_that_were_changed() -> None:
    base = {
        "a.py::test_same": "1",
        "a.py::test_edited": "1",
        "a.py::test_old[3]": "1",
        "a.py::test_gone": "1",
    }
    base |= {"a.py::test_lost": "1", "a.py::K::test_in_class[x]": "1"}
    head = {
        "a.py::test_same": "1",
        "a.py::test_edited": "2",
        "a.py::test_new[3]": "1",
        "a.py::test_more": "1",
    }
    head |= {"b.py::K::test_in_class[x]": "1"}
    renamed = {"test_old": "test_new", "a.py::K::test_in_class": "b.py::K::test_in_class"}
    found = match(base, head, renamed, ["test_gone*"])
    assert found.names == {
        "a.py::test_same": "a.py::test_same",
        "a.py::test_edited": "a.py::test_edited",
        "a.py::test_new[3]": "a.py::test_old[3]",
        "b.py::K::test_in_class[x]": "a.py::K::test_in_class[x]",
    }
    assert found.renamed["a.py::test_old[3]"] == "a.py::test_new[3]"
    assert (found.added, found.removed) == (("a.py::test_more",), ("a.py::test_gone",))
    assert (found.missing, found.edited) == (("a.py::test_lost",), ("a.py::test_edited",))


@pytest.mark.parametrize("params", ["[4]", "[a::b]", "[x[y]]", ""])
def test_renamed_case_keeps_its_parameters(params: str) -> None:
    found = match(
        {f"a.py::test_old{params}": ""}, {f"a.py::test_new{params}": ""}, {"test_old": "test_new"}, []
    )
    assert found.renamed == {f"a.py::test_old{params}": f"a.py::test_new{params}"}


@pytest.fixture
def trees(tmp_path: Path) -> dict[str, Path]:
    """A repository with an environment in it, and one side's tree of it."""
    made = {"repository": tmp_path / "project", "home": tmp_path / "gate" / "base"}
    made["tree"] = made["home"] / "project"
    for root in (made["repository"], made["tree"]):
        for name in ("src/pkg/__init__.py", "lib/other/core.py", "conftest.py", "json.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    return made


@pytest.mark.parametrize(
    ("name", "file", "stray"),
    [
        ("pkg", "{tree}/src/pkg/__init__.py", False),
        ("pkg", "{repository}/src/pkg/__init__.py", True),
        ("other.core", "{repository}/lib/other/core.py", True),
        ("numpy", "{repository}/.venv/lib/python3.12/site-packages/numpy/__init__.py", False),
        ("pkg", "/usr/lib/python3/site-packages/pkg/__init__.py", True),
        ("pkg", "{home}/environment/lib/site-packages/pkg/__init__.py", False),
        ("json", "/usr/lib/python3.12/json/__init__.py", False),
        ("test_it", "{repository}/shared/test_it.py", False),
    ],
)
def test_module_of_the_project_from_elsewhere_is_a_stray(
    trees: dict[str, Path], name: str, file: str, stray: bool
) -> None:
    path = file.format(**trees)
    shared = [trees["repository"] / "shared"]
    found = code.strays([(name, path)], trees["home"], trees["tree"], [trees["repository"]], shared)
    assert found == ([(name, path)] if stray else [])


def test_side_finds_its_own_places_on_the_path(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([f"{trees['repository']}/lib", "/somewhere/else"]))
    tree = trees["tree"]
    own = environment_of(tree.parent, trees["repository"], tree, on_path=True)["PYTHONPATH"]
    assert own.split(os.pathsep) == [str(tree), f"{tree}/src", f"{tree}/lib", "/somewhere/else"]
    installed = environment_of(tree.parent, trees["repository"], tree, on_path=False)["PYTHONPATH"]
    assert installed.split(os.pathsep) == [f"{tree}/lib", "/somewhere/else"]


def test_spec_moves_with_its_tree_but_shared_paths_stay(tmp_path: Path) -> None:
    head, base = tmp_path / "head" / "p", tmp_path / "base" / "p"
    (base / "sub").mkdir(parents=True)
    spec = Spec((f"{head}/suites/test_it.py::test_x[{head}]", "/other"), "k", directory=head / "sub")
    there = moved(spec, head, base)
    assert there.paths == (f"{base}/suites/test_it.py::test_x[{head}]", "/other")
    assert there.directory == base / "sub"
    (base / "sub").rmdir()
    assert moved(spec, head, base).directory == base  # the folder is new on head


@pytest.mark.parametrize(
    ("call_s", "visits"), [(1e-6, 16), (1e-3, 16), (0.01, 12), (0.05, 3), (0.2, 1), (3.0, 1)]
)
def test_launch_spends_an_eighth_of_a_second_on_a_case(call_s: float, visits: int) -> None:
    timing = Timing(stopping.BLOCK_S).with_speed(Block("wall", 0.0, 1, call_s))
    assert pairs_due(replace(timing, calls=timing.calls_per_block)) == visits


def test_case_that_disturbs_itself_gets_three_long_blocks() -> None:
    timing = Timing().with_speed(Block("wall", 0.0, 1, 0.02, children=1))
    timing = replace(timing, calls=timing.calls_per_block)
    assert timing.calls * timing.call_s == pytest.approx(0.56)
    assert pairs_due(timing) == 3


def test_whether_a_case_disturbs_itself_is_read_from_its_latest_warm_up_then_from_any_block() -> None:
    spinning = Block("warmup", 0.0, 1, 0.02, threads=3, processors=2)
    timing = Timing().with_speed(spinning)
    assert timing.self_disturbing
    timing = timing.with_speed(replace(spinning, threads=2))
    assert not timing.self_disturbing
    blocks = replace(spinning, kind="wall"), replace(spinning, kind="wall", threads=2)
    timing = timing.after([Visit("c", 0, blocks=blocks)]).with_speed(replace(spinning, threads=2))
    assert timing.self_disturbing


@pytest.mark.parametrize(
    ("series", "steady"),
    [
        ([1.0] * 5, False),
        ([1.0] * 6, True),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02], False),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02, 1.01, 1.0, 1.0, 1.0], True),
        ([1.06, 0.95, 1.07, 0.94, 1.0, 0.96], True),
        ([1.5, 1.0, 1.0, 1.0, 1.0, 1.0], True),
    ],
)
def test_a_warm_up_ends_when_the_series_gets_no_faster(series: list[float], steady: bool) -> None:
    assert settled(series) is steady


def test_noise_prolongs_a_warm_up_once_in_twenty_times() -> None:
    noise = np.random.default_rng(1).normal(1, 0.1, (2000, 6))
    assert np.mean([not settled(list(series)) for series in noise]) == pytest.approx(0.05, abs=0.015)


class FakeSession:
    """A session whose calls take 0.1 ms each."""

    left = None

    def __init__(self) -> None:
        self.blocks = [Block("warmup", 0.0, 1, 1e-4)]

    def block(self, kind: Any, calls: int) -> Block:
        self.blocks.append(Block(kind, 0.0, calls, calls * 1e-4))
        return self.blocks[-1]


@pytest.mark.parametrize(
    ("calls", "chosen"), [(0, 100), (1, 100), (25, 100), (26, 26), (100, 100), (399, 399), (400, 100)]
)
def test_calls_that_were_misjudged_are_chosen_anew(calls: int, chosen: int) -> None:
    timing = Timing(calls=calls, call_s=1e-4, fastest_s=1e-4)
    assert visits.calibrated(FakeSession(), timing).calls == chosen  # type: ignore[arg-type]  # as much of one as it needs


def test_a_first_call_says_nothing_of_the_speed() -> None:
    """On a GPU the first call of a process waits for the libraries: 0.1 s, of which 0.1 ms are the call's."""
    session = FakeSession()
    session.blocks = [Block("first", 0.0, 1, 0.1)]
    timing = visits.calibrated(session, Timing())  # type: ignore[arg-type]  # as much of one as it needs
    assert (timing.calls, timing.fastest_s) == (100, pytest.approx(1e-4))


@pytest.mark.parametrize(("calls", "chosen"), [(3, 6), (6, 6), (9, 9)])
def test_blocks_of_a_case_that_disturbs_itself_grow_with_its_speed(calls: int, chosen: int) -> None:
    """Else they would be too short to read what others took from them."""
    timing = Timing(calls=calls, call_s=0.1, fastest_s=0.1, self_disturbing=True)
    assert visits.calibrated(FakeSession(), timing).calls == chosen  # type: ignore[arg-type]  # as much of one as it needs


MILLISECOND = Timing(call_s=1e-3, calls=10)
"""Of a case that takes 1 ms a call."""


def entry(timing: Timing = MILLISECOND, cost_s: float = 0.0, suite: str = "s") -> Entry:
    """A case that was visited once, in an earlier launch."""
    return Entry(Case("c", suite, "o"), timing, lifecycle=Lifecycle({-1: 1}), cost=Cost(cost_s))


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
    assert visits_made(long, lambda _: [math.nan]) == 2


def test_cases_on_one_thread_come_first_in_a_pass() -> None:
    threads = {str(number): Threads(parallel=number % 2 == 0) for number in range(10)}
    entries = {name: Entry(Case(name, "s", "o"), threads=each) for name, each in threads.items()}
    order = LaunchProgress(entries, entries).next_pass(random.Random(1))
    assert [entry.threads.parallel for entry in order] == [False] * 5 + [True] * 5
    assert [entry.case.id for entry in order] != sorted(entry.case.id for entry in order)


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


def test_leftover_threads_and_pinning_make_no_case_disturb_itself() -> None:
    timing = MILLISECOND.with_speed(Block("warmup", 0.0, 1, 6e-5, threads=3, processors=2))
    timing = timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=2, processors=1))
    assert not timing.self_disturbing
    assert timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=3, processors=2)).self_disturbing


def test_injected_slowdown_makes_every_twentieth_call_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    assert injected(calls.append) == calls.append
    monkeypatch.setenv(VARIABLE, str(period(0.05)))
    slowed = injected(calls.append)
    for number in range(100):
        slowed(number)
    assert len(calls) == 105
    assert Timing(multiple=period(0.05), fastest_s=1e-3).calls_per_block == 20


SIDE = "import os\nfrom pathlib import Path\ndef test_it(benchmark):\n    benchmark(int)\n"


def sides(folder: Path, base: str, head: str, environment: dict[str, str] | None = None) -> list[Side]:
    """Two sides with a suite each."""
    made = []
    for name, text in (("base", base), ("head", head)):
        tree = folder / name / "project"
        tree.mkdir(parents=True)
        (tree / "test_it.py").write_text(text)
        spec = Spec((str(tree),), directory=tree, rootdir=tree, environment=environment or {})
        made.append(Side(name, tree, spec))
    return made


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with Pair(sides(tmp_path, SIDE, SIDE), [{}, {}]) as made:
        made.collected()
        yield made


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes' states by /proc")
def test_partner_is_stopped_but_in_its_turn_and_both_run_on_afterwards(pair: Pair) -> None:
    base, head = (worker.process.pid for worker in pair.workers)
    sessions = pair.sessions(("test_it.py::test_it", "test_it.py::test_it"), "free")
    try:
        assert "T" not in (state_of(base), state_of(head)), "both, until the first turn"
        for session, runs, waits in (
            (sessions[0], base, head),
            (sessions[1], head, base),
            (sessions[1], head, base),
        ):
            with session.turn():
                wait_until(lambda waits=waits: state_of(waits) == "T")
                assert state_of(runs) != "T"
            assert (state_of(runs), state_of(waits)) != ("T", "T"), "it goes on until its partner's turn"
    finally:
        pair.resume()
    assert "T" not in (state_of(base), state_of(head))
    assert pair.ask(TellTexts())[0] == {"test_it.py::test_it": SIDE.partition("Path\n")[2]}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes' states by /proc")
def test_stopped_pair_can_be_ended(pair: Pair) -> None:
    for worker in pair.workers:
        worker.signal_group(signal.SIGSTOP)
    processes = [worker.process for worker in pair.workers]
    pair.kill()
    assert [process.returncode for process in processes] == [-signal.SIGKILL] * 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system with affinities")
def test_pair_is_pinned_to_the_same_processor(pair: Pair) -> None:
    processor = min(os.sched_getaffinity(0))
    pair.run_on({processor})
    assert {tuple(os.sched_getaffinity(worker.process.pid)) for worker in pair.workers} == {(processor,)}
    pair.run_on(os.sched_getaffinity(0))
    assert all(os.sched_getaffinity(worker.process.pid) == os.sched_getaffinity(0) for worker in pair.workers)


THREADED = """
from threading import Event, Thread
Thread(target=Event().wait, daemon=True).start()

def test_it(benchmark):
    benchmark(int)
"""


@pytest.mark.skipif(not CAN_PIN, reason="needs a system with affinities")
@pytest.mark.skipif(os.cpu_count() == 1, reason="needs two processors")
def test_the_calling_thread_is_held_on_a_processor_and_all_others_are_kept_off_it(tmp_path: Path) -> None:
    everywhere = os.sched_getaffinity(0)
    processor = max(everywhere)
    with Pair(sides(tmp_path, THREADED, THREADED), [{}, {}]) as pair:
        pair.collected()
        pair.run_on(everywhere)
        pair.keep_apart(processor)
        for worker in pair.workers:
            calling, *others = sorted(map(int, os.listdir(f"/proc/{worker.process.pid}/task")))
            assert os.sched_getaffinity(calling) == {processor}
            assert {tuple(os.sched_getaffinity(thread)) for thread in others} == {
                tuple(everywhere - {processor})
            }
        pair.run_on(everywhere)
        assert {
            tuple(os.sched_getaffinity(int(thread)))
            for worker in pair.workers
            for thread in os.listdir(f"/proc/{worker.process.pid}/task")
        } == {tuple(everywhere)}


def wait_until(holds: Any) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never held")


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
    entry = {"settings": recorded(Settings())}
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
    assert replay(run).wanted  # a single launch settles nothing
    device = run.blocks[run.blocks["kind"] == "device"]
    assert set(device["side"]) == {"base", "head"}
    assert not run.blocks["kind"].isin(["latency", "cold"]).any()
    assert {check.passed for check in run.checks} == {True}
    assert [each.device for each in run.initializations] == ["sim"]


class Nvml:
    """NVML of a machine with one GPU, whose compute mode is `mode`."""

    NVML_COMPUTEMODE_EXCLUSIVE_PROCESS = 3

    class NVMLError(Exception):
        pass

    def __init__(self, mode: int) -> None:
        self.mode = mode

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - NVML's name
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVML's name
        return index

    def nvmlDeviceGetUUID(self, _handle: int) -> str:  # noqa: N802 - NVML's name
        return "GPU-1"

    def nvmlDeviceGetComputeMode(self, _handle: int) -> int:  # noqa: N802 - NVML's name
        return self.mode

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        pass


@pytest.mark.parametrize(("mode", "expected"), [(0, []), (3, ["cuda:0"])])
def test_gpu_that_admits_one_process_is_told(
    monkeypatch: pytest.MonkeyPatch, mode: int, expected: list[str]
) -> None:
    monkeypatch.setattr("bench.measure.host.gpu_monitor._start_nvml", lambda: Nvml(mode))
    assert exclusive({"GPU-1": "cuda:0", "GPU-2": "cuda:1"}) == expected

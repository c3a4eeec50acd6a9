"""Two workers that take turns: real processes, their states and their processors."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bench.measure.sides.pair import CAN_PIN, Pair
from bench.measure.sides.side import Side
from bench.measure.start.process import Worker
from bench.measure.worker.protocol import Ask
from tests.measure.builders import SIDE, sides
from tests.waiting import until


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def is_stopped(process: int) -> bool:
    return state_of(process) == "T"


def started(both: list[Side]) -> Pair:
    return Pair(both, [Worker(side.spec) for side in both])


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with started(sides(tmp_path, SIDE, SIDE)) as made:
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
                until(partial(is_stopped, waits), "the partner was not stopped")
                assert state_of(runs) != "T"
            assert (state_of(runs), state_of(waits)) != ("T", "T"), "it goes on until its partner's turn"
    finally:
        pair.resume()
    assert "T" not in (state_of(base), state_of(head))
    assert pair.ask(Ask("texts"))[0] == {"test_it.py::test_it": SIDE.partition("Path\n")[2]}


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
    with started(sides(tmp_path, THREADED, THREADED)) as pair:
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

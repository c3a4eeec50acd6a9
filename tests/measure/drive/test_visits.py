"""What a visit times, and in which order, with sessions that only keep books."""

import random
from typing import Any

import pytest

from bench.measure.devices.device import MAX_LAUNCHES
from bench.measure.drive import visits
from bench.measure.drive.policy import Known, first_pass
from bench.records import Block, Case


class Queue:
    """A session of a device whose queue takes so many calls of a case; 0: its calls wait for the device."""

    left = None

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.asked: list[tuple[str, int]] = []

    def block(self, kind: Any, calls: int) -> Block:
        self.asked.append((kind, calls))
        notes = ("queue_ran_dry",) if kind != "wall" and calls > self.takes else ()
        return Block(kind, 0.0, calls, calls * 1e-5, notes=notes)


def device_calls(takes: int, calls: int, blocks: int = 5) -> list[int]:
    """The calls of the device blocks of one visit."""
    session, known = Queue(takes), Known(Case("c", "s", "o", device="cuda"), calls=calls)
    for _ in range(blocks):
        visits._block_of_each_kind(session, known, False, accelerator=True)  # type: ignore[arg-type]  # as much of one as it needs
    return [calls for kind, calls in session.asked if kind == "device"]


@pytest.mark.parametrize(
    ("takes", "calls", "made"),
    [
        (1000, 80, [80] * 5),
        (1000, 5000, [MAX_LAUNCHES] * 5),
        (100, 5000, [500, 62, 62, 62, 62]),
        (1, 60, [60, 7, 1, 1, 1]),
        (0, 60, [60, 7, 1]),
        (0, 1, [1]),
    ],
)
def test_a_queue_is_filled_with_what_fits(takes: int, calls: int, made: list[int]) -> None:
    assert device_calls(takes, calls) == made


def test_every_turn_follows_one_of_the_partner_s() -> None:
    sessions: Any = ["a", "b"]
    assert "".join(session for session, _ in visits._order(sessions, 4, flip=False, length=1)) == "abababab"
    assert "".join(session for session, _ in visits._order(sessions, 4, flip=True, length=1)) == "babababa"
    order = list(visits._order(sessions, 5, flip=False, length=3))
    assert "".join(session for session, _ in order) == "aaabbbaabb"
    assert [number for session, number in order if session == "b"] == [0, 1, 2, 3, 4]


def test_calls_that_wait_are_tried_once_more_in_the_next_launch() -> None:
    known = Known(Case("c", "s", "o", device="cuda"), queued={"device": 0, "cold": 62})
    known.enter(1)
    assert known.queued == {"cold": 62}


def visited(name: str, launches: int, cost_s: float) -> Known:
    return Known(Case(name, "s", "o"), visits=launches, launches=set(range(launches)), cost_s=cost_s)


def test_what_does_not_fit_into_a_launch_is_what_a_crossover_needs_least() -> None:
    """There is time for three of seven: the new one, the one wanted, and the one known from fewest."""
    cases = [visited(f"known {n}", 3, 1.0) for n in range(4)]
    cases += [visited("known from one", 1, 1.0), visited("wanted", 3, 1.0), visited("new", 0, 0.0)]
    order = first_pass(cases, 2.5, random.Random(1), near={"wanted"})
    assert {known.case.id for known in order} == {"new", "wanted", "known from one"}


def test_a_cold_block_leaves_room_for_its_flushes_and_events() -> None:
    session, known = Queue(1000), Known(Case("c", "s", "o", device="cuda"), calls=489)
    visits._block_of_each_kind(session, known, True, accelerator=True)  # type: ignore[arg-type]  # as much of one as it needs
    assert session.asked == [("wall", 489), ("device", 489), ("latency", 489), ("cold", MAX_LAUNCHES // 4)]

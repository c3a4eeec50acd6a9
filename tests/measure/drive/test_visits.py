"""What a visit times, and in which order, with sessions that only keep books."""

import random
from typing import Any

import pytest

from bench.events import Visit
from bench.measure.devices import MAX_LAUNCHES
from bench.measure.drive import visits
from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing
from bench.measure.drive.policy import first_pass
from bench.records import Block, Case, Kind


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
    session, queued = Queue(takes), dict[Kind, int]()
    for _ in range(blocks):
        visits.device_blocks(session, calls, queued, False)  # type: ignore[arg-type]  # as much of one as it needs
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
    assert (
        "".join(session for session, _ in visits.order_of_blocks(sessions, 4, flip=False, length=1))
        == "abababab"
    )
    assert (
        "".join(session for session, _ in visits.order_of_blocks(sessions, 4, flip=True, length=1))
        == "babababa"
    )
    order = list(visits.order_of_blocks(sessions, 5, flip=False, length=3))
    assert "".join(session for session, _ in order) == "aaabbbaabb"
    assert [number for session, number in order if session == "b"] == [0, 1, 2, 3, 4]


def test_calls_that_wait_are_tried_once_more_in_the_next_launch() -> None:
    timing = Timing(queued={"device": 0, "cold": 62})
    assert timing.in_new_launch().queued == {"cold": 62}


def test_the_ledger_learns_how_many_calls_a_queue_takes() -> None:
    """From both sides of a gate, which share the device."""
    blocks = [Block("device", 0.0, calls, 1.0, notes=("queue_ran_dry",)) for calls in (500, 62)]
    base, head = (Visit("c", 0, blocks=(block,)) for block in blocks)
    assert Timing(calls=500).after([base, head]).queued == {"device": 7}


def visited(name: str, launches: int, cost_s: float) -> Entry:
    lifecycle = Lifecycle(dict.fromkeys(range(launches), 1))
    return Entry(Case(name, "s", "o"), lifecycle=lifecycle, cost=Cost(cost_s))


def test_what_does_not_fit_into_a_launch_is_what_a_crossover_needs_least() -> None:
    """There is time for three of seven: the new one, the one wanted, and the one known from fewest."""
    cases = [visited(f"known {n}", 3, 1.0) for n in range(4)]
    cases += [visited("known from one", 1, 1.0), visited("wanted", 3, 1.0), visited("new", 0, 0.0)]
    order = first_pass(cases, 2.5, random.Random(1), near={"wanted"})
    assert {entry.case.id for entry in order} == {"new", "wanted", "known from one"}


def test_a_cold_block_leaves_room_for_its_flushes_and_events() -> None:
    session = Queue(1000)
    visits.device_blocks(session, 489, {}, True)  # type: ignore[arg-type]  # as much of one as it needs
    assert session.asked == [("device", 489), ("latency", 489), ("cold", MAX_LAUNCHES // 4)]

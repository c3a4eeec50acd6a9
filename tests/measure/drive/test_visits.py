"""What a visit times, and in which order, with sessions that only keep books."""

from dataclasses import replace
from typing import Any, cast

import pytest

from bench.events import Visit
from bench.measure.devices.device import MAX_LAUNCHES
from bench.measure.drive import visits
from bench.measure.drive.entry import Timing
from bench.measure.drive.session import CaseSession, record_work
from bench.measure.worker.protocol import Recorded
from bench.records import Block, Kind
from tests.measure.builders import MILLISECOND, entry


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
        visits.queued_block(session, "device", calls, queued)  # type: ignore[arg-type]  # as much of one as it needs
    return [calls for kind, calls in session.asked if kind == "device"]


@pytest.mark.parametrize(
    ("takes", "calls", "made"),
    [
        (1000, 80, [80] * 5),
        (1000, 5000, [MAX_LAUNCHES] * 5),
        (100, 5000, [500, 62, 62, 62, 62, 62]),
        (1, 60, [60, 7, 1, 1, 1, 1, 1]),
        (0, 60, [60, 7, 1]),
        (0, 1, [1]),
    ],
)
def test_a_queue_is_filled_with_what_fits(takes: int, calls: int, made: list[int]) -> None:
    assert device_calls(takes, calls) == made


def test_a_visit_of_one_block_still_finds_what_fits_into_the_queue() -> None:
    """On an H200 103 forward passes of five launches each did not fit, and no mode had a device time."""
    assert device_calls(100, 103, blocks=1) == [103, 12]


def test_every_turn_follows_one_of_the_partner_s() -> None:
    sessions: Any = ["a", "b"]  # whatever they are

    def turns(number: int, flip: bool, length: int) -> str:
        return "".join(map(str, visits.order_of_blocks(sessions, number, flip=flip, length=length)))

    assert turns(4, False, 1) == "abababab"
    assert turns(4, True, 1) == "babababa"
    assert turns(5, False, 3) == "aaabbbaabb"


def test_calls_that_wait_are_tried_once_more_in_the_next_launch() -> None:
    timing = Timing(queued={"device": 0, "cold": 62})
    assert timing.in_new_launch().queued == {"cold": 62}


def test_a_cold_block_leaves_room_for_its_flushes_and_events() -> None:
    session = Queue(1000)
    visits.queued_block(session, "cold", 489, {})  # type: ignore[arg-type]  # as much of one as it needs
    assert session.asked == [("cold", MAX_LAUNCHES // 4)]


def test_both_sides_look_at_their_work_at_once() -> None:
    """It is not timed: one after the other it took a gate twice as long."""
    said: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.name = name

        def tell(self, command: Any) -> None:
            said.append(f"tell {self.name} {command.what}")

        def hear(self, _timeout_s: float) -> Recorded:
            said.append(f"hear {self.name}")
            return Recorded(facts={"of": self.name})

    workers: list[Any] = [Told("base"), Told("head"), Told("few rounds")]
    sessions = [CaseSession(worker, 1.0) for worker in workers]
    sessions[2].left = 3
    record_work(sessions)
    assert said == ["tell base work", "tell head work", "hear base", "hear head"]
    assert [dict(session.work) for session in sessions] == [{"of": "base"}, {"of": "head"}, {}]


class FakeSession:
    """A session whose calls take 0.1 ms each."""

    left = None

    def __init__(self) -> None:
        self.blocks = [Block("warmup", 0.0, 1, 1e-4)]
        self.peaks: list[bool] = []

    def block(self, kind: Any, calls: int, peak: bool = False) -> Block:
        self.peaks.append(peak)
        self.blocks.append(Block(kind, 0.0, calls, calls * 1e-4))
        return self.blocks[-1]


class WholeVisit(FakeSession):
    """A session of a visit from its set-up on."""

    running, alone = True, False

    def __init__(self, call_s: float) -> None:
        super().__init__()
        self.blocks, self._call_s = [], call_s

    def block(self, kind: Any, calls: int, peak: bool = False) -> Block:  # noqa: ARG002 - as a session's
        self.blocks.append(Block(kind, 0.0, calls, calls * self._call_s))
        return self.blocks[-1]

    def allowed(self, calls: int, blocks: int) -> int:  # noqa: ARG002 - as a session's
        return calls

    def per_call_s(self, kind: Kind) -> list[float]:
        return [block.wall_s / block.calls for block in self.blocks if block.kind == kind]


SLOW: dict[str, Any] = {"slow_starts": (True, True)}
"""What is known of a case whose visits one block does not lead in."""


@pytest.mark.parametrize(
    ("call_s", "launch", "timing", "device", "kinds"),
    [
        pytest.param(1e-3, -1, {}, "cpu", "warmup warmup wall wall", id="short calls"),
        pytest.param(1e-3, -1, SLOW, "cpu", f"{'warmup ' * 6}wall wall", id="calls that start slow"),
        pytest.param(0.1, -1, {}, "cpu", "wall", id="long calls"),
        pytest.param(0.1, 0, {}, "cpu", "first wall", id="long calls in a fresh process"),
        pytest.param(0.1, -1, {"calls": 9}, "cpu", "warmup wall", id="calls that do not fit"),
        pytest.param(0.3, -1, {"self_disturbing": True}, "cpu", "warmup wall wall", id="workers begin"),
        pytest.param(0.1, -1, {}, "cuda", "warmup wall", id="a device's clocks and caches"),
    ],
)
def test_which_visits_begin_with_calls_that_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
    call_s: float,
    launch: int,
    timing: dict[str, Any],
    device: str,
    kinds: str,
) -> None:
    for name in ("set_up", "tear_down"):
        monkeypatch.setattr(visits, name, lambda *_: None)
    known = Timing(calls=max(1, round(0.01 / call_s)), call_s=call_s, fastest_s=call_s)
    case = entry(replace(known, **timing))
    session = WholeVisit(call_s)
    visits.visit([session], replace(case, case=replace(case.case, device=device)), launch)  # type: ignore[list-item]  # as much of one as it needs
    assert " ".join(block.kind for block in session.blocks) == kinds


@pytest.mark.parametrize(("call_s", "calls"), [(1e-5, [1, 299]), (1e-3, [1, 2]), (0.02, [1])])
def test_a_later_visit_is_led_in_by_a_block_of_the_warm_up(
    monkeypatch: pytest.MonkeyPatch, call_s: float, calls: list[int]
) -> None:
    """One call is by itself, which tells of a spent input; by it alone, the first block of 4 million
    products took up to twice as long as the rest."""
    for name in ("set_up", "tear_down"):
        monkeypatch.setattr(visits, name, lambda *_: None)
    session = WholeVisit(call_s)
    known = Timing(calls=max(1, round(0.01 / call_s)), call_s=call_s, fastest_s=call_s)
    visits.visit([session], entry(known), -1)  # type: ignore[list-item]  # as much of one as it needs
    assert [block.calls for block in session.blocks if block.kind == "warmup"] == calls


def later(first_s: float, kinds: str = "warmup warmup wall wall", delay_s: float = 0.0) -> Visit:
    """A visit whose first block that counts takes so long a call, and all others 1 ms."""
    blocks = [Block(kind, 0.0, 10, 0.01, delay_s=delay_s) for kind in cast(list[Kind], kinds.split())]
    first = [block.kind for block in blocks].index("wall")
    blocks[first] = replace(blocks[first], wall_s=10 * first_s)
    return Visit("c", 0, blocks=tuple(blocks))


@pytest.mark.parametrize(
    ("visited", "slow"),
    [
        pytest.param([later(1.1e-3)], False, id="one tells nothing"),
        pytest.param([later(1.1e-3)] * 2, True, id="two"),
        pytest.param([later(1.1e-3), later(1e-3)], False, id="half of them"),
        pytest.param([later(1.1e-3), later(1e-3), later(1.1e-3)], True, id="most"),
        pytest.param([later(1.04e-3)] * 9, False, id="by no difference that matters"),
        pytest.param([later(1.1e-3, "first warmup wall wall")] * 9, False, id="in a fresh process"),
        pytest.param([later(1.1e-3, "warmup warmup wall")] * 9, False, id="nothing to hold it against"),
        pytest.param([later(1.1e-3, delay_s=0.005)] * 9, False, id="disturbed"),
        pytest.param(
            [later(1.1e-3)] * 2 + [later(1e-3, "warmup warmup warmup wall wall")] * 9, True, id="for good"
        ),
    ],
)
def test_a_case_starts_slow_where_most_visits_that_one_block_led_in_did(
    visited: list[Visit], slow: bool
) -> None:
    timing = MILLISECOND
    for each in visited:
        timing = timing.after([each])
    assert timing.starts_slow == slow


class Listed(WholeVisit):
    """A session that says in a list that it shares when it is asked for a block."""

    def __init__(self, name: str, said: list[str]) -> None:
        super().__init__(1e-3)
        self._name, self._said = name, said

    def block(self, kind: Any, calls: int, peak: bool = False) -> Block:
        self._said.append(f"{kind} {self._name}")
        return super().block(kind, calls, peak)


@pytest.mark.parametrize("launch", [-1, 0])
def test_the_side_that_goes_first_is_another_one_each_time_in_all_of_a_visit(
    monkeypatch: pytest.MonkeyPatch, launch: int
) -> None:
    """Calls that get faster for a while, as copies to fresh memory do, were 5 to 10 % slower on the side that
    always led in first."""
    set_up: list[Any] = []
    monkeypatch.setattr(visits, "set_up", lambda sessions, _case: set_up.append(list(sessions)))
    monkeypatch.setattr(visits, "tear_down", lambda _sessions: None)
    case = entry(Timing(calls=10, call_s=1e-3, fastest_s=1e-3))
    orders = []
    for flip in (False, True):
        said: list[str] = []
        sessions: list[Any] = [Listed(name, said) for name in ("one", "other")]
        visits.visit(sessions, case, launch, flip=flip)
        assert set_up[-1] == (sessions[::-1] if flip else sessions)
        orders.append(said)
    swapped = {"one": "other", "other": "one"}
    assert orders[1] == [f"{kind} {swapped[name]}" for kind, name in map(str.split, orders[0])]


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


@pytest.mark.parametrize(("first_s", "known", "seen"), [(0.1, 0, 1), (0.01, 0, 0), (0.1, 1000, 0)])
def test_the_second_call_ever_tells_the_memory_of_long_ones(first_s: float, known: int, seen: int) -> None:
    session = FakeSession()
    session.blocks = [Block("first", 0.0, 1, first_s)]
    visits.calibrated(session, Timing(calls=known, fastest_s=1e-4))  # type: ignore[arg-type]  # as above
    assert (session.peaks[0], sum(session.peaks)) == (bool(seen), seen)


@pytest.mark.parametrize(("calls", "chosen"), [(1, 2), (2, 2), (3, 3)])
def test_blocks_of_a_case_that_disturbs_itself_grow_with_its_speed(calls: int, chosen: int) -> None:
    """Else they would be too short to read what others took from them."""
    timing = Timing(calls=calls, call_s=0.1, fastest_s=0.1, self_disturbing=True)
    assert visits.calibrated(FakeSession(), timing).calls == chosen  # type: ignore[arg-type]  # as much of one as it needs


def test_the_ledger_learns_how_many_calls_a_queue_takes() -> None:
    """From both sides of a gate, which share the device."""
    blocks = [Block("device", 0.0, calls, 1.0, notes=("queue_ran_dry",)) for calls in (500, 62)]
    base, head = (Visit("c", 0, blocks=(block,)) for block in blocks)
    assert Timing(calls=500).after([base, head]).queued == {"device": 7}

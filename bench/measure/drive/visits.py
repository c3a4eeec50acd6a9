"""A visit: one case, set up, warmed up, timed for a few blocks and torn down, in one worker or two.

Two workers are timed in lock step, turn by turn, with the order flipped from visit to visit; both make the
same number of calls a block, chosen once on the first.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence

from bench.disturbance import MISFIT
from bench.measure.devices.device import MAX_LAUNCHES
from bench.measure.drive.policy import (
    WARMUP_BLOCKS,
    Known,
    blocks_per_visit,
    calls_per_block,
    settled,
)
from bench.measure.drive.session import CaseSession, set_up, tear_down
from bench.records import Kind

WARMUP_S = 0.25
"""The longest warm-up of a case in a launch, beyond its first call and its calibration."""

COLD_EXCESS = 3.0
"""How many times the longest call a cold first call may take before the case is given up."""

TURN = 2
"""Blocks that a worker times before its partner does, where turns cost something. Each turn follows one of
the partner's, on both sides alike: behind a block of the same worker caches are warm, and a product of 4
million numbers took 1.3 ms there, 2.5 ms behind the partner's. On a GPU that two share it is up to 15 %."""

QUEUED_CALLS: dict[Kind, int] = {"device": MAX_LAUNCHES, "cold": MAX_LAUNCHES // 4}
"""Most calls of a block that is queued as a whole; with a cold call go a flush and two events."""

FEWER = 8
"""By how much a block is cut whose queue ran dry: a forward pass is five launches a call or more."""


def visit(
    sessions: Sequence[CaseSession],
    known: Known,
    *,
    flip: bool = False,
    blocks: int | None = None,
    longest_s: float = math.inf,
    every_kind: bool = True,
    once_set_up: Callable[[], object] = lambda: None,
    once_warm: Callable[[], object] = lambda: None,
    once_timed: Callable[[], object] = lambda: None,
) -> None:
    """Visits a case in every session. The sessions then hold the blocks and how the test ended.

    Without `every_kind` latency and cold calls are left out; `once_set_up` is called before the first call,
    `once_warm` before the first that counts, `once_timed` behind the last.

    Raises WorkerError where a worker dies or hangs.
    """
    begun_s = time.monotonic()
    set_up(sessions, known.case.id)
    once_set_up()
    _begin(sessions, known)  # also of a test whose partner has ended: it may read its result
    running = all(session.running for session in sessions)
    if running and max(_per_call_s(session) for session in sessions) <= COLD_EXCESS * longest_s:
        _warmed(sessions, known)
        once_warm()
        _time(sessions, known, flip, blocks, every_kind)
    once_timed()
    tear_down(sessions)
    known.learn(sessions[0].blocks)
    known.cost_s = time.monotonic() - begun_s


def _begin(sessions: Sequence[CaseSession], known: Known) -> None:
    """The first call of the visit: cold in a fresh process; the only one where the test allows no more."""
    fresh = known.launch not in known.launches
    for session in sessions:
        session.block("wall" if session.left == 1 else "first" if fresh else "warmup", 1)


def _per_call_s(session: CaseSession) -> float:
    """Seconds of the latest call; infinite where the test has ended instead."""
    return (
        session.blocks[-1].wall_s / session.blocks[-1].calls
        if session.running and session.blocks
        else math.inf
    )


def _warmed(sessions: Sequence[CaseSession], known: Known) -> None:
    """Calls that do not count: until a block's calls are known, and in a fresh process until it is warm."""
    _calibrate(sessions[0], known)
    if known.launch not in known.launches and not known.long:
        for session in sessions:
            _warm_up(session, known)
        known.fastest_s = min([known.fastest_s, *sessions[0].per_call_s(("warmup",))])
        _calibrate(sessions[0], known)  # once more: the first call may have waited for others


def _time(
    sessions: Sequence[CaseSession], known: Known, flip: bool, blocks: int | None, every_kind: bool
) -> None:
    accelerator = known.case.device != "cpu"
    latest = None
    turn = TURN if accelerator or any(session.alone for session in sessions) else 1
    for session, number in _order(sessions, blocks or blocks_per_visit(known), flip, turn):
        if session.alone and session is not latest:
            session.come_back(known.call_s)
        _block_of_each_kind(session, known, every_kind and number == 0, accelerator)
        latest = session
    if not known.visits and not known.long:
        sessions[0].look_aside()


def _order(
    sessions: Sequence[CaseSession], blocks: int, flip: bool, length: int
) -> Iterator[tuple[CaseSession, int]]:
    """Whose block comes next, and its number: turns of so many, by one session and the other."""
    for start in range(0, blocks, length):
        for session in reversed(sessions) if flip else sessions:
            for number in range(start, min(start + length, blocks)):
                yield session, number


def _block_of_each_kind(session: CaseSession, known: Known, every_kind: bool, accelerator: bool) -> None:
    session.block("wall", _affordable(session, known.calls))
    if not accelerator:
        return
    _queued_block(session, known, "device")
    if every_kind:
        session.block("latency", known.calls)
        _queued_block(session, known, "cold")


def _queued_block(session: CaseSession, known: Known, kind: Kind) -> None:
    """A block that is queued as a whole; the next has fewer calls where so many do not fit into the queue.

    Of calls that wait for the device not even one does: the launch then tries no more of them.
    """
    calls = known.queued.get(kind, min(QUEUED_CALLS[kind], known.calls))
    block = session.block(kind, calls) if calls else None
    if block and "queue_ran_dry" in block.notes:
        known.queued[kind] = max(1, calls // FEWER) if calls > 1 else 0


def _affordable(session: CaseSession, calls: int) -> int:
    """As many of the calls as the test allows in this visit."""
    return calls if session.left is None else max(1, min(calls, session.left))


def _calibrate(session: CaseSession, known: Known) -> None:
    """Finds, on a case's very first visit, the calls that fill a block.

    A process's first call says nothing of it: it may wait for a second until libraries and device are ready.
    Again where they turn out to be far too few, or far too many: the case is none that disturbs itself. More
    of them where one that does has become faster: nobody could tell what others took from its short blocks.
    """
    if known.calls and known.calls / MISFIT < calls_per_block(known) < MISFIT * known.calls:
        if known.self_disturbing:
            known.calls = max(known.calls, calls_per_block(known))
        return
    if session.left is None and session.blocks[-1].kind == "first" and session.block("warmup", 1) is None:
        return
    known.learn_speed(session.blocks[-1])
    tried = 1
    while session.left is None and MISFIT * tried <= calls_per_block(known):
        tried = min(10 * tried, calls_per_block(known))
        block = session.block("warmup", tried)
        if block is None:
            return
        known.learn_speed(block)
    known.calls = calls_per_block(known)


def _warm_up(session: CaseSession, known: Known) -> None:
    """Goes on until the series is stationary, or its time is spent."""
    if WARMUP_BLOCKS * known.call_s > WARMUP_S:
        return  # the first call has warmed up what so few more could
    calls = min(known.calls, max(1, round(known.block_s / known.call_s)))
    spent_s = 0.0
    while session.left is None and spent_s < WARMUP_S and not settled(session.per_call_s(("warmup",))):
        block = session.block("warmup", calls)
        if block is None:
            return
        spent_s += block.wall_s

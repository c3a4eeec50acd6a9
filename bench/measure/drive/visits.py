"""A visit: one case, set up, warmed up, timed for a few blocks and torn down, in one worker or two.

Two workers are timed in lock step, turn by turn, with the order flipped from visit to visit; both make the
same number of calls a block, chosen once on the first.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat

from bench.disturbance import MISFIT
from bench.measure.devices.device import MAX_LAUNCHES
from bench.measure.drive.entry import Entry, Timing, fewer_calls
from bench.measure.drive.policy import WARMUP_BLOCKS, blocks_per_visit, settled
from bench.measure.drive.session import CaseSession, record_work, set_up, tear_down
from bench.measure.worker.memory import MOST_S
from bench.records import Kind

MAX_WARMUP_S = 0.25
"""The longest warm-up of a case in a launch, beyond its first call and its calibration."""

WARMUP_BLOCK_S = 0.003
"""Length of a block of the warm-up: it takes six to see that a series gets no faster."""

COLD_EXCESS = 3.0
"""How many times the longest call a call of a visit's warm-up may take before the case is given up."""

TURN = 2
"""Blocks that a worker times before its partner does, where turns cost something: see
docs/measurements.md, "Turns of two workers"."""

NOT_LED_IN_S = 0.05
"""Calls from here on count from the first of a later visit on: it takes as long as the others. See
docs/measurements.md, "Calls that lead a block in"."""

MAX_QUEUED: dict[Kind, int] = {"device": MAX_LAUNCHES, "cold": MAX_LAUNCHES // 4}
"""Most calls of a block that is queued as a whole; with a cold call go a flush and two events."""


def visit(
    sessions: Sequence[CaseSession],
    entry: Entry,
    launch: int,
    *,
    flip: bool = False,
    blocks: int | None = None,
    longest_s: float = math.inf,
    kinds: Callable[[Entry], Sequence[Kind]] = lambda _entry: ("wall",),
    once_set_up: Callable[[], object] = lambda: None,
    once_warm: Callable[[], object] = lambda: None,
    once_timed: Callable[[], object] = lambda: None,
) -> None:
    """Visits a case in every session. The sessions then hold the blocks and how the test ended.

    With `flip` the last session goes first in all that they do in turn, lead-in calls included: what comes
    later in a visit may find the machine warmer. `kinds` says, of the case once it is warm, what blocks are
    timed in every turn; `once_set_up` is called before the first call, `once_warm` before the first that
    counts, `once_timed` after the last.

    Raises WorkerError where a worker dies or hangs.
    """
    fresh = launch not in entry.lifecycle.visits
    in_turn = list(reversed(sessions)) if flip else sessions
    set_up(in_turn, entry.case.id)
    once_set_up()
    led_in = fresh or _is_led_in(entry) or any(session.left == 1 for session in sessions)
    if led_in:
        _first_calls(in_turn, entry.timing, fresh, longest_s)
        if _go_on(sessions, longest_s):
            entry = replace(entry, timing=_warmed_up(sessions, in_turn, entry.timing, fresh))
    if not led_in or _go_on(sessions, longest_s):
        once_warm()
        _time(sessions, entry, flip, blocks or blocks_per_visit(entry), kinds(entry))
    once_timed()
    if not entry.lifecycle.visits and entry.timing.calls and not entry.timing.is_long:
        record_work(sessions)
    tear_down(sessions)


def _is_led_in(entry: Entry) -> bool:
    """Whether a later visit begins with calls that do not count."""
    timing = entry.timing
    short = timing.call_s < NOT_LED_IN_S or timing.calls != timing.calls_per_block
    return short or timing.self_disturbing or entry.case.device != "cpu"


def _first_calls(sessions: Sequence[CaseSession], timing: Timing, fresh: bool, longest_s: float) -> None:
    """A call in every session, another where it is far too long for a process's first one to judge by; in a
    later visit as many more as make a block of the warm-up. The one is by itself: a call that changes its
    input, or is answered from a cache, shows in nothing else."""
    for session in sessions:  # also of a test whose partner has ended: it may read its result
        session.block("wall" if session.left == 1 else "first" if fresh else "warmup", 1)
    for session in sessions:
        if not fresh and session.left is None and (more := _warmup_calls(timing) - 1):
            session.block("warmup", more)
        if fresh and _latest_call_s(session) > longest_s:
            session.block("warmup", 1)  # a first call may compile for minutes: it judges no case


def _go_on(sessions: Sequence[CaseSession], longest_s: float) -> bool:
    """True while every test runs, none of whose calls is far too long."""
    calls_s = [_latest_call_s(session) for session in sessions]
    return math.isfinite(max(calls_s)) and max(calls_s) <= COLD_EXCESS * longest_s


def _latest_call_s(session: CaseSession) -> float:
    """Seconds of the latest call; infinite where the test has ended instead."""
    ended = not (session.running and session.blocks)
    return math.inf if ended else session.blocks[-1].wall_s / session.blocks[-1].calls


def _warmed_up(
    sessions: Sequence[CaseSession], in_turn: Sequence[CaseSession], timing: Timing, fresh: bool
) -> Timing:
    """Calls that do not count: until a block's calls are chosen, and in a fresh process until it is warm, in
    every visit where one block of them is not enough."""
    timing = calibrated(sessions[0], timing.in_new_launch() if fresh else timing)
    if not (fresh or timing.starts_slow) or timing.is_long or not sessions[0].running:
        return timing
    for session in in_turn:
        warm_up(session, timing)
    fastest_s = min([timing.fastest_s, *sessions[0].per_call_s("warmup")])
    # Once more: the first call may have waited for others.
    return calibrated(sessions[0], replace(timing, fastest_s=fastest_s))


def calibrated(session: CaseSession, timing: Timing) -> Timing:
    """The timing with the calls that make a block, chosen on a case's very first visit.

    A process's first call says nothing of it: it may wait for a second until libraries and device are ready.
    They are chosen anew where they turn out to be far too few or too many, unless the case disturbs itself.
    Where it does and has become faster, they grow: nobody could tell what others took from its short blocks.
    """
    fitting = timing.calls_per_block
    if timing.calls and timing.calls / MISFIT < fitting < MISFIT * timing.calls:
        return replace(timing, calls=max(timing.calls, fitting)) if timing.self_disturbing else timing
    if session.left is None and session.blocks[-1].kind == "first":
        # A case seen for the first time has its memory looked at, too: of long calls this spares one.
        peak = not timing.calls and session.blocks[-1].wall_s > MOST_S
        if session.block("warmup", 1, peak) is None:
            return timing
    timing = timing.with_speed(session.blocks[-1])
    tried = 1
    while session.left is None and MISFIT * tried <= timing.calls_per_block:
        tried = min(10 * tried, timing.calls_per_block)
        block = session.block("warmup", tried)
        if block is None:
            return timing
        timing = timing.with_speed(block)
    return replace(timing, calls=timing.calls_per_block)


def _warmup_calls(timing: Timing) -> int:
    """How many calls make a block of the warm-up."""
    return max(1, min(timing.calls, round(WARMUP_BLOCK_S / timing.call_s)))


def warm_up(session: CaseSession, timing: Timing) -> None:
    """Goes on until the series is stationary, or its time is spent."""
    if WARMUP_BLOCKS * timing.call_s > MAX_WARMUP_S:
        return  # the first call has warmed up what so few more could
    calls, spent_s = _warmup_calls(timing), 0.0
    while session.left is None and spent_s < MAX_WARMUP_S and not settled(session.per_call_s("warmup")):
        block = session.block("warmup", calls)
        if block is None:
            return
        spent_s += block.wall_s


def _time(
    sessions: Sequence[CaseSession], entry: Entry, flip: bool, blocks: int, kinds: Sequence[Kind]
) -> None:
    timing, queued, latest = entry.timing, dict(entry.timing.queued), None
    accelerator = entry.case.device != "cpu"
    turn = TURN if accelerator or any(session.alone for session in sessions) else 1
    for session in order_of_blocks(sessions, blocks, flip, turn):
        if session.alone and session is not latest:
            session.come_back(timing.call_s)
        latest = session
        for to_come, kind in zip(range(len(kinds), 0, -1), kinds, strict=True):
            calls = session.allowed(timing.calls, to_come)  # a few rounds are shared by all kinds
            if kind in MAX_QUEUED:
                queued_block(session, kind, calls, queued)
            else:
                session.block(kind, calls)


def order_of_blocks(
    sessions: Sequence[CaseSession], blocks: int, flip: bool, length: int
) -> Iterator[CaseSession]:
    """Whose block comes next: turns of so many, by one session and the other."""
    for start in range(0, blocks, length):
        for session in reversed(sessions) if flip else sessions:
            yield from repeat(session, min(length, blocks - start))


def queued_block(session: CaseSession, kind: Kind, calls: int, queued: dict[Kind, int]) -> None:
    """A block that is queued as a whole, tried again at once with fewer calls where so many do not fit into
    the queue: a visit may have no other block of that kind.

    Of calls that wait for the device not even one does: the launch then tries no more of them.
    """
    calls = queued.get(kind, min(MAX_QUEUED[kind], calls))
    while calls:
        block = session.block(kind, calls)
        if block is None or "queue_ran_dry" not in block.notes:
            return
        queued[kind] = calls = fewer_calls(calls)

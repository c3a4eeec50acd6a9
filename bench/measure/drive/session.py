"""A session: one worker during one visit, the blocks that it has timed, and what came of it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.events import Outcome, Visit
from bench.measure.drive.entry import BLOCK_S
from bench.measure.start.process import Worker, WorkerError
from bench.measure.worker import protocol
from bench.records import Block, Kind

COME_BACK_S = 0.006
"""How long a worker that was stopped works before it is timed, since the scheduler first has to spread its
threads: see docs/measurements.md, "A worker that was stopped"."""

PINNED_COME_BACK_S = 0.001
"""The same where each thread has its processor and none has to be moved, from a visit's second turn on; in
the first, memory may still have to be allocated."""

Expected = TypeVar("Expected", Block, protocol.Recorded)

UNKNOWN_S = 1e9
"""What the first call is expected to take: it may be anything."""


@dataclass
class CaseSession:
    """One worker during one visit: its blocks, and how the visit ended.

    Each block is timed within `turn`. `alone` says that the partner is stopped meanwhile, `pinned` that each
    thread has its processor, `name` what this worker calls the case, where that differs. `left` is how many
    calls the test still allows, None for any number; `work` what untimed calls showed.
    """

    worker: Worker
    timeout_s: float
    turn: Callable[[], AbstractContextManager[object]] = nullcontext
    alone: bool = False
    pinned: bool = False
    name: str = ""
    blocks: list[Block] = field(default_factory=list)
    left: int | None = None
    ended: protocol.Visited | None = None
    setup_s: float = 0.0
    teardown_s: float = 0.0
    work: Mapping[str, Any] = field(default_factory=dict)
    came_back: bool = False

    @property
    def running(self) -> bool:
        """True from the announcement until the test has ended."""
        return self.ended is None

    def block(self, kind: Kind, calls: int, peak: bool = False) -> Block | None:
        """Times one block; None where the test has ended instead, or may not be called so often.

        With `peak`, the memory that it needs is seen meanwhile.
        """
        if not self.running or (self.left is not None and calls > self.left):
            return None
        expected_s = calls * self.blocks[-1].wall_s / self.blocks[-1].calls if self.blocks else UNKNOWN_S
        block = self.ask(protocol.TimeBlock(kind, calls, expected_s, peak), Block)
        if block:
            self.blocks.append(block)
            self.left = None if self.left is None else self.left - calls
        return block

    def allowed(self, calls: int, blocks: int = 1) -> int:
        """As many of the calls as the test still allows each of so many blocks to come, and one at least."""
        return calls if self.left is None else max(1, min(calls, self.left // blocks))

    def come_back(self, call_s: float) -> None:
        """Lets the worker, stopped until now, work for a moment that is not recorded, before it is timed."""
        expected_s = PINNED_COME_BACK_S if self.pinned and self.came_back else COME_BACK_S
        self.came_back = True
        if self.running and self.left is None and call_s <= 2 * BLOCK_S:
            self.ask(protocol.TimeBlock("warmup", math.ceil(expected_s / call_s), expected_s), Block)
        elif self.running:
            with self.turn():
                time.sleep(expected_s)

    def visit(
        self,
        case: str,
        launch: int,
        pass_number: int,
        side: str = "",
        elapsed_s: float = 0.0,
        took_s: float = 0.0,
    ) -> Visit:
        """The visit as its run's journal keeps it; the test must have ended."""
        assert self.ended is not None
        facts = {**self.work, **self.ended.extra_info}
        ended = self.ended
        return Visit(
            case, launch, pass_number, side, self.setup_s, self.teardown_s, took_s, ended.outcome,
            ended.message, facts, ended.group, elapsed_s, tuple(self.blocks),
        )  # fmt: skip

    def ask(self, command: protocol.Command, expected: type[Expected]) -> Expected | None:
        """The worker's answer in its turn; None where the test has ended instead.

        A worker that is lost ends the visit; raises WorkerError.
        """
        with self.watched(), self.turn():
            reply = self.worker.ask(command, self.timeout_s)
        if isinstance(reply, expected):
            return reply
        self.take(reply)
        return None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ends the visit where the worker is lost meanwhile, and lets its WorkerError pass."""
        try:
            yield
        except WorkerError as lost:
            self.ended = protocol.Visited(lost.outcome, str(lost))
            raise

    def take(self, reply: protocol.Announced | protocol.Visited) -> None:
        """Takes in what the test came to: `benchmark(...)`, or its end."""
        if isinstance(reply, protocol.Announced):
            self.left, self.setup_s = reply.limit, reply.setup_s
        else:
            self.ended = reply

    def per_call_s(self, kind: Kind) -> list[float]:
        return [block.wall_s / block.calls for block in self.blocks if block.kind == kind]


def never_visited(case: str, outcome: Outcome, message: str, side: str = "", elapsed_s: float = 0.0) -> Visit:
    """What stands for the visit of a case that no launch came to."""
    return Visit(case, -1, side=side, outcome=outcome, message=message, elapsed_s=elapsed_s)


def set_up(sessions: Sequence[CaseSession], case: str) -> None:
    """Sets the test up in every session, side by side, out of turn; it may end before `benchmark`."""
    for session in sessions:
        with session.watched():
            session.worker.tell(protocol.VisitCase(session.name or case))
    for session in sessions:
        with session.watched():
            session.take(session.worker.hear(session.timeout_s))


def record_work(sessions: Sequence[CaseSession]) -> None:
    """More calls, untimed, for what timing would disturb: memory, and FLOPs; side by side, out of turn."""
    asked = [session for session in sessions if session.running and session.left is None]
    for session in asked:
        with session.watched():
            session.worker.tell(protocol.Record("work"))
    for session in asked:
        with session.watched():
            reply = session.worker.hear(session.timeout_s)
        if isinstance(reply, protocol.Recorded):
            session.work = reply.facts
        else:
            session.take(reply)


def tear_down(sessions: Sequence[CaseSession]) -> None:
    """Lets the tests finish and be torn down, side by side, out of turn."""
    begun_s = time.monotonic()
    while running := [session for session in sessions if session.running]:
        for session in running:
            with session.watched():
                session.worker.tell(protocol.Done())
        for session in running:
            with session.watched():
                session.take(session.worker.hear(session.timeout_s))
                session.teardown_s = time.monotonic() - begun_s

"""A session: one worker during one visit, the blocks that it has timed, and what came of it."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bench.events import Visit
from bench.measure.drive.policy import BLOCK_S
from bench.measure.drive.process import Worker, WorkerError
from bench.measure.worker.protocol import (
    Announced,
    Aside,
    Command,
    Done,
    LookAside,
    TimeBlock,
    VisitCase,
    Visited,
)
from bench.records import Block, Kind

COME_BACK_S = 0.006
"""How long a worker that was stopped works before it is timed. All of its threads wake up at once, often two
on one processor, until the scheduler has moved one. Of the blocks of products on two threads 60 % are
disturbed if they are timed at once, 40 % after 3 ms of work, 3 % after 6 ms, 12 % after 5 ms of sleep."""

HELD_S = 0.001
"""The same from a visit's second turn on where each thread has its place, and none has to be moved: after 1,
3 and 6 ms the share of clean blocks is the same within 3 %, in seven cases with 4 to 49 % of them disturbed.
In the first turn memory may have to be found yet: a product of 4 million numbers takes 7 ms then, not 2."""

LONG_S = 1e9
"""What the first call may take: nothing is known of it."""


@dataclass
class CaseSession:
    """One worker during one visit: its blocks, and how the visit ended."""

    worker: Worker
    timeout_s: float
    turn: Callable[[], AbstractContextManager[object]] = nullcontext
    alone: bool = False  # in its turn its partner is stopped
    held: bool = False  # each of its threads has its place
    name: str = ""  # of the case, where this worker knows it by another
    blocks: list[Block] = field(default_factory=list)
    left: int | None = None
    ended: Visited | None = None
    setup_s: float = 0.0
    aside: Aside = field(default_factory=Aside)
    came_back: bool = False

    @property
    def running(self) -> bool:
        """True from the announcement until the test has ended."""
        return self.ended is None

    def block(self, kind: Kind, calls: int) -> Block | None:
        """Times one block; None where the test has ended instead, or may not be called so often."""
        if not self.running or (self.left is not None and calls > self.left):
            return None
        expected_s = calls * self.blocks[-1].wall_s / self.blocks[-1].calls if self.blocks else LONG_S
        block = self._ask(TimeBlock(kind, calls, expected_s))
        if not isinstance(block, Block):
            self.take(block)
            return None
        self.blocks.append(block)
        if self.left is not None:
            self.left -= calls
        return block

    def come_back(self, call_s: float) -> None:
        """Lets the worker, stopped until now, find itself again before it is timed: by work, not recorded."""
        expected_s = HELD_S if self.held and self.came_back else COME_BACK_S
        self.came_back = True
        if self.running and self.left is None and call_s <= 2 * BLOCK_S:
            calls = math.ceil(expected_s / call_s)
            block = self._ask(TimeBlock("warmup", calls, expected_s))
            if not isinstance(block, Block):
                self.take(block)
        elif self.running:
            with self.turn():
                time.sleep(expected_s)

    def look_aside(self) -> None:
        """More calls, untimed, for what timing would disturb: the device's peak memory, and FLOPs."""
        if self.running and self.left is None:
            reply = self._ask(LookAside())
            if isinstance(reply, Aside):
                self.aside = reply
            else:
                self.take(reply)

    def visit(
        self, case: str, launch: int, pass_number: int, side: str = "", elapsed_s: float = 0.0
    ) -> Visit:
        """The visit as its run's journal keeps it; the test must have ended."""
        assert self.ended is not None
        return Visit(
            case,
            launch,
            pass_number,
            side,
            self.setup_s,
            self.ended.outcome,
            self.ended.message,
            {**self.aside.facts, **self.ended.extra_info},
            self.ended.group,
            elapsed_s,
            tuple(self.blocks),
        )

    def _ask(self, command: Command) -> Any:
        """The worker's reply in its turn. A worker that is lost ends the visit; raises WorkerError."""
        with self.watched(), self.turn():
            return self.worker.ask(command, self.timeout_s)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ends the visit where the worker is lost meanwhile, and lets its WorkerError pass."""
        try:
            yield
        except WorkerError as lost:
            self.ended = Visited(lost.outcome, str(lost))
            raise

    def take(self, reply: Announced | Visited) -> None:
        """Takes in what the test came to: `benchmark(...)`, or its end."""
        if isinstance(reply, Announced):
            self.left, self.setup_s = reply.limit, reply.setup_s
        else:
            self.ended = reply

    def per_call_s(self, kinds: Sequence[Kind]) -> list[float]:
        return [block.wall_s / block.calls for block in self.blocks if block.kind in kinds]


def set_up(sessions: Sequence[CaseSession], case: str) -> None:
    """Sets the test up in every session, side by side, out of turn; it may end before `benchmark`."""
    for session in sessions:
        with session.watched():
            session.worker.tell(VisitCase(session.name or case))
    for session in sessions:
        with session.watched():
            session.take(session.worker.hear(session.timeout_s))


def tear_down(sessions: Sequence[CaseSession]) -> None:
    """Lets the tests finish and be torn down, side by side, out of turn."""
    while running := [session for session in sessions if session.running]:
        for session in running:
            with session.watched():
                session.worker.tell(Done())
        for session in running:
            with session.watched():
                session.take(session.worker.hear(session.timeout_s))

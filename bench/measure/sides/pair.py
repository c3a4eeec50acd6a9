"""Two live workers, one a side: started together and kept out of each other's way.

Cases that use one thread run with both workers on the same processor, where they cannot differ by it.
All others get every processor, and the partner is stopped meanwhile: an idle OpenMP team spins and takes
the other's processor. Without stopping it, 1 block of 80 is clean. A team's calling thread is kept on the
same processor in both, all its other threads are kept off it.
"""

import contextlib
import os
import signal
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Literal, Self

from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.drive.session import CaseSession
from bench.measure.sides.side import Side, SideError
from bench.measure.start.process import Worker, WorkerError
from bench.measure.worker.protocol import Collected, Command, Exit

TIMEOUT_S = 120.0
"""Patience with a block, and with a test's set-up."""

Placement = Literal["free", "together", "apart"]
"""Where a case's workers run: everywhere, in turn; both on one processor; or everywhere, in turn, each with
its calling thread on the same processor and its other threads off it."""

CAN_PIN = hasattr(os, "sched_setaffinity")


class Pair:
    """A worker of each side. Leaving its context ends both: in good order, or at once after an error."""

    def __init__(self, sides: Sequence[Side], workers: Sequence[Worker]) -> None:
        self.sides = sides
        self.workers = workers
        self._processors: Collection[int] = ()
        self._turn_of: Worker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.kill()
            return
        for worker in self.workers:
            with contextlib.suppress(WorkerError):
                worker.tell(Exit())
        for worker in self.workers:
            worker.end()

    def kill(self) -> None:
        """Ends both at once."""
        for worker in self.workers:
            worker.kill()

    def collected(self, timeout_s: float = COLLECT_TIMEOUT_S) -> list[Collected]:
        """What each collected. Raises SideError where one cannot."""
        messages = []
        for side, worker in zip(self.sides, self.workers, strict=True):
            try:
                messages.append(worker.collected(timeout_s))
            except WorkerError as error:
                seen = str(error).replace(f"{side.tree}/", "")  # as the user's own checkout has it
                raise SideError(f"{side.name} could not be collected: {seen}") from None
        return messages

    def ask(self, command: Command) -> list[Any]:
        """What each answers, side by side; None for an error."""
        for worker in self.workers:
            worker.tell(command)
        return [worker.hear(TIMEOUT_S).answer for worker in self.workers]

    def sessions(
        self, names: Sequence[str], placement: Placement, timeout_s: float = TIMEOUT_S
    ) -> list[CaseSession]:
        """A session for each worker, which knows the case by its own name."""
        alone, pinned = placement != "together", placement == "apart"
        return [
            CaseSession(
                worker, timeout_s, partial(self._turn, worker) if alone else nullcontext, alone, pinned, name
            )
            for worker, name in zip(self.workers, names, strict=True)
        ]

    @contextmanager
    def _turn(self, worker: Worker) -> Iterator[None]:
        """The worker runs alone, until its partner's turn: blocks of one side may follow each other."""
        if self._turn_of is not worker:
            self._turn_of = worker
            for partner in self.workers:
                partner.signal_group(signal.SIGCONT if partner is worker else signal.SIGSTOP)
        yield

    def resume(self) -> None:
        """Ends the turns: both run again."""
        self._turn_of = None
        for worker in self.workers:
            worker.signal_group(signal.SIGCONT)

    def run_on(self, processors: Collection[int]) -> None:
        """Lets both run on these processors only, with every thread that they have."""
        if CAN_PIN and processors != self._processors:
            self._processors = processors
            self._place(processors, processors)

    def keep_apart(self, processor: int) -> None:
        """Keeps the calling thread on one processor, in both, and every other thread on the others.

        Visits then scatter less: see docs/measurements.md, "Where threads run".
        """
        others = set(self._processors) - {processor}
        self._processors = ()
        self._place({processor}, others)

    def _place(self, calling: Collection[int], others: Collection[int]) -> None:
        for process in (worker.process.pid for worker in self.workers):
            with contextlib.suppress(FileNotFoundError):  # it died: its next turn says so
                for thread in map(int, os.listdir(f"/proc/{process}/task")):
                    with contextlib.suppress(ProcessLookupError):  # a thread that ended meanwhile
                        os.sched_setaffinity(thread, calling if thread == process else others)

"""The same cases measured on several sides: blocks alternate, or visits, or launches.

A machine's speed can change by half within seconds. What is to be compared is therefore measured close
together: a side is a condition (with or without company) in the same live workers, or has workers of its own
whose launches alternate with the other's. Each side is recorded, and read, as an ordinary run.
"""

import itertools
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.app import selection
from bench.events import Header
from bench.measure.drive.entry import Timing
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import PRESETS
from bench.measure.drive.policy import next_pass
from bench.measure.drive.session import CaseSession
from bench.measure.drive.visits import visit
from bench.measure.host import environment
from bench.measure.host.interference import RECENT_S
from bench.measure.start.process import Spec, Worker, WorkerError
from bench.records import Case
from bench.storage.journal import JOURNAL, Journal
from bench.storage.store import read_run
from trust.recorded import Runs

LONG_BLOCK_S = 0.5
"""From here an interleaved visit has one pair of blocks, below it `MIN_TURNS` at least."""

MIN_TURNS = 4
"""Pairs of a visit whose blocks are not long: each side is first twice."""

ROOT = Path(__file__).resolve().parents[1]

PRESET = PRESETS["default"]
"""Width aimed at, longest call and patience: what a user gets who asks for nothing else."""


@dataclass(frozen=True)
class Side:
    """A side is a name, and the circumstances in which its visits are made."""

    name: str
    circumstances: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Plan:
    """What is measured: which cases, in how many launches, and for how long a side's part of a launch of one
    kind of worker may go on after the first visits. `blocks` are those of a visit, None for the usual; pairs
    of interleaved ones come to `pairs_s` a side. After `deadline_s`, which a machine that others use as well
    may reach, no further launch is begun."""

    spec: Spec
    launches: int = 5
    seconds: float = 5.0
    most_passes: int = 6
    blocks: int | None = None
    pairs_s: float = 0.06
    deadline_s: float = 180.0


def suites(keyword: str, *files: str, arguments: Sequence[str] = ()) -> Spec:
    """The cases that `bench run FILES -k KEYWORD` would measure on the processor."""
    spec = selection.spec([str(ROOT / "suites" / file) for file in files], keyword, ["cpu"], "default")
    surroundings = {**spec.environment, "PYTHONPATH": str(ROOT)}  # for the plugins of this package
    return Spec(spec.paths, keyword, directory=ROOT, rootdir=ROOT, environment=surroundings,
                arguments=tuple(arguments))  # fmt: skip


def together(folder: Path, plan: Plan, sides: Sequence[Side]) -> Runs:
    """Runs that share every worker: the sides' visits of a case follow each other."""
    return _sharing(folder, plan, sides, _launch)


def interleaved(folder: Path, plan: Plan, sides: Sequence[Side]) -> Runs:
    """Runs that share every visit: the sides' blocks alternate, in the order ABBA."""
    return _sharing(folder, plan, sides, _shared_launch)


def _sharing(folder: Path, plan: Plan, sides: Sequence[Side], lead: Callable[..., None]) -> Runs:
    """Runs that share every worker, which `lead` leads through a launch."""
    cases = _cases(plan)
    with ExitStack() as stack:
        recorders = [stack.enter_context(_Recorder(folder, plan, side, cases)) for side in sides]
        for launch, kind in _launches(plan, cases):
            title = f"{folder.name}: launch {launch + 1}/{plan.launches}"
            with _says_if_cut(title), _worker(plan, title) as worker:
                lead(worker, plan, kind, launch, recorders)
    return _read(folder, sides)


@contextmanager
def _says_if_cut(title: str) -> Iterator[None]:
    """A worker that is lost costs the rest of its launch, not the proof."""
    try:
        yield
    except WorkerError as lost:
        print(f"{title} is cut: {lost}", file=sys.stderr)


def apart(folder: Path, plan: Plan, sides: Sequence[Side]) -> Runs:
    """Runs with launches of their own, in turn: independent, but close in time."""
    cases = _cases(plan)
    with ExitStack() as stack:
        recorders = [stack.enter_context(_Recorder(folder, plan, side, cases)) for side in sides]
        for launch, kind in _launches(plan, cases):
            for recorder in recorders if launch % 2 == 0 else reversed(recorders):
                title = f"{folder.name}: launch {launch + 1}/{plan.launches} {recorder.side.name}"
                with _says_if_cut(title), _worker(plan, title) as worker:
                    _launch(worker, plan, kind, launch, [recorder])
    return _read(folder, sides)


class _Recorder:
    """The run of one side while it is measured: its journal and its ledger."""

    def __init__(self, folder: Path, plan: Plan, side: Side, cases: Sequence[Case]) -> None:
        self.side = side
        self._rng = random.Random(1)
        self._plan = plan
        (folder / side.name / JOURNAL).unlink(missing_ok=True)  # an earlier proof of the same section
        header = Header(
            run=f"{folder.name}-{side.name}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            arguments={"paths": list(plan.spec.paths), "k": plan.spec.keyword, "launches": plan.launches},
            environment=environment.environment([]),
            commit=environment.commit(ROOT),
        )
        self._journal = Journal.create(folder / side.name, header)
        self.ledger = Ledger(write=self._journal.append)
        for case in cases:
            self.ledger.record(case)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def due(self, kind: str, launch: int, number: int, left_s: float) -> list[str]:
        """The cases of a kind of worker that a pass is to visit."""
        entries = [entry for entry in self.ledger.entries.values() if entry.case.worker == kind]
        seconds = left_s if number else math.inf
        chosen = next_pass(entries, launch, PRESET.target, seconds, self._rng, every_launch=not number)
        return [entry.case.id for entry in chosen]

    def visit(self, worker: Worker, case: str, launch: int, number: int) -> float:
        """One visit, recorded; the seconds it took."""
        session, entry = CaseSession(worker, PRESET.timeout_s), self.ledger.entries[case]
        with self.side.circumstances():
            visit([session], entry, launch, blocks=self._plan.blocks, longest_s=PRESET.longest_call_s)
        self.ledger.record(session.visit(case, launch, number))
        return self.ledger.entries[case].cost.visit_s()


def _cases(plan: Plan) -> list[Case]:
    """The cases of a plan, as a worker collects them."""
    with Worker(plan.spec) as worker:
        collected = worker.collected(PRESET.timeout_s)
    cases = [case for case in collected.cases if case.id not in collected.skips]
    if not cases:
        raise LookupError(f"no case matches {plan.spec.keyword!r} in {', '.join(plan.spec.paths)}")
    return cases


def _launches(plan: Plan, cases: Sequence[Case]) -> Iterator[tuple[int, str]]:
    """The launches, two of them at least, as long as there is time for another, for every kind of worker."""
    begun_s = time.monotonic()
    for launch in range(plan.launches):
        if launch < 2 or (time.monotonic() - begun_s) * (launch + 1) / launch < plan.deadline_s:
            for kind in dict.fromkeys(case.worker for case in cases):
                yield launch, kind


def _worker(plan: Plan, title: str) -> Worker:
    """A fresh worker that has collected."""
    print(title, file=sys.stderr, flush=True)
    worker = Worker(plan.spec)
    worker.collected(PRESET.timeout_s)
    return worker


def _launch(worker: Worker, plan: Plan, kind: str, launch: int, recorders: Sequence[_Recorder]) -> None:
    """Passes through the cases, each visited on every side that is due; who is first flips every time."""
    left_s = dict.fromkeys(recorders, plan.seconds)
    for number in range(plan.most_passes):
        due = {recorder: recorder.due(kind, launch, number, left_s[recorder]) for recorder in recorders}
        for turn, case in enumerate(dict.fromkeys(itertools.chain.from_iterable(due.values()))):
            for recorder in recorders if (launch + number + turn) % 2 == 0 else reversed(recorders):
                if case in due[recorder]:
                    took_s = recorder.visit(worker, case, launch, number)
                    left_s[recorder] -= took_s if number else 0.0


def _shared_launch(
    worker: Worker, plan: Plan, kind: str, launch: int, recorders: Sequence[_Recorder]
) -> None:
    """Passes through the cases; the first side's ledger learns from the blocks of all sides."""
    lead, left_s = recorders[0], plan.seconds
    sides = [recorder.side for recorder in recorders]
    for number in range(plan.most_passes):
        for case in lead.due(kind, launch, number, left_s):
            entry, session = lead.ledger.entries[case], CaseSession(worker, PRESET.timeout_s)
            blocks = len(sides) * pairs_in_visit(plan, entry.timing)
            side_of = _take_turns(session, sides)
            visit([session], entry, launch, blocks=blocks, longest_s=PRESET.longest_call_s)
            visited = session.visit(case, launch, number)
            lead.ledger.learn(visited)
            for side, recorder in enumerate(recorders):
                part = [block for at, block in enumerate(visited.blocks) if side_of[at] == side]
                recorder.ledger.write(replace(visited, blocks=tuple(part)))
            left_s -= lead.ledger.entries[case].cost.visit_s() if number else 0.0


def pairs_in_visit(plan: Plan, timing: Timing) -> int:
    """How many pairs a visit times: one of a case that was never timed."""
    if plan.blocks or math.isnan(timing.call_s):
        return plan.blocks or 1
    block_s = timing.calls * timing.call_s
    return max(MIN_TURNS if block_s < LONG_BLOCK_S else 1, round(plan.pairs_s / block_s))


def _take_turns(session: CaseSession, sides: Sequence[Side]) -> dict[int, int]:
    """Gives the session's wall blocks to the sides in turn, in the order ABBA, and all else to the first.

    The dictionary is filled while blocks are timed, with the side of each. Between the sides the worker rests
    for so long that it reads anew what it has read after the other's block.
    """
    side_of = dict[int, int]()

    def turn() -> AbstractContextManager[object]:
        wall = sum(block.kind == "wall" for block in session.blocks)
        before = side_of.get(len(session.blocks) - 1)
        side = side_of[len(session.blocks)] = (wall + 1) // 2 % len(sides)  # of the block that may come now
        if before not in (side, None):
            time.sleep(RECENT_S)
        return sides[side].circumstances()

    session.turn = turn
    return side_of


def _read(folder: Path, sides: Sequence[Side]) -> Runs:
    return {side.name: read_run(folder / side.name) for side in sides}

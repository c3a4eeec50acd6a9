"""Measures two sides in lock step: fresh pairs of workers, whose blocks alternate.

launch   a fresh pair of workers for each kind (CPU, CPU with ONNX Runtime, accelerator, ...); behind one
         that dies, another in the same launch
pass     one walk through the cases of a launch, in random order
visit    one case in both workers: a pair of blocks, the first side changing from pass to pass
"""

import math
import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from bench.disturbance import disturbed
from bench.events import Event, Launch, Outcome, Visit
from bench.measure.drive import device_tasks
from bench.measure.drive.ledger import Spent
from bench.measure.drive.plan import Progress, file_as_case
from bench.measure.drive.policy import Known, calls_per_block
from bench.measure.drive.process import Worker, WorkerError
from bench.measure.drive.session import CaseSession
from bench.measure.drive.visits import visit
from bench.measure.host.interference import TEAM, processors
from bench.measure.sides.matching import Matching
from bench.measure.sides.pair import CAN_PIN, Pair, Placement
from bench.measure.sides.side import Side, SideError
from bench.measure.sides.stopping import BLOCK_S, LaunchProgress, pairs_in_visit
from bench.measure.worker import controls
from bench.measure.worker.calls import NEVER, TWICE_EVERY, period
from bench.measure.worker.code import Texts
from bench.measure.worker.protocol import (
    Collected,
    Problem,
    Task,
    TellModules,
    TellTexts,
    UseDevice,
    Visited,
)
from bench.records import Block, Case

MAX_INJECTED_S = 1.0
"""The longest block into which a slowdown is injected: it holds as many calls as one slowed call takes."""

PARTNER_LOST = Visited("passed")
"""How a visit ends whose partner died: it was cut, through no fault of its own."""


class Lockstep:
    """Two sides under comparison: `collect` starts a pair, `meet` takes its cases in, `launch` measures."""

    def __init__(
        self,
        sides: Sequence[Side],
        progress: Progress,
        seed: int = 1,
        with_controls: bool = True,
        ceilings: bool = False,
    ) -> None:
        self.sides = sides
        self.progress = progress
        self.record: Callable[[Event], None] = lambda _event: None
        self.spent = Spent()
        self._seed = seed
        self._with_controls = with_controls
        self._ceilings = ceilings
        self._introduced: set[str] = set()
        self._rng = random.Random(seed)
        self._known: dict[str, Known] = {}
        self._names: dict[str, tuple[str, str]] = {}
        self._started_s = time.monotonic()
        self._waiting: tuple[Pair, list[Collected]] | None = None
        self._pairs = 0
        self._slowdown = 0.0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    # Before anything is measured: what there is on both sides.

    def collect(self) -> tuple[list[Collected], list[Texts]]:
        """Starts the first pair, which then waits; what each side collected, and the texts of its tests.

        Raises SideError where a side cannot be collected, or loads another side's code.
        """
        self.progress.move(case="collecting")
        pair, collected = self._start()
        self._waiting = pair, collected
        return collected, pair.ask(TellTexts())

    def meet(
        self, matching: Matching, collected: Sequence[Collected], record: Callable[[Event], None]
    ) -> None:
        """Takes in the cases on both sides, and what records an event before it returns."""
        self.record = record
        cases = {case.id: case for case in collected[1].cases}
        base, head = (each.skips for each in collected)
        for name, old in matching.names.items():
            self._meet(cases[name], (old, name))
            reasons = base.get(old), head.get(name)
            for side, reason in zip(self.sides, reasons, strict=True):
                if reason is not None:
                    self._known[name].closed = "skipped"
                    self._record_unvisited(name, side, "skipped", reason)
        for side, each in zip(self.sides, collected, strict=True):
            for problem in each.problems:
                self._record_problem(side, problem)
        for control in controls.cases() if self._with_controls else ():
            self._meet(control, (control.id, control.id))

    def _meet(self, case: Case, names: tuple[str, str]) -> None:
        self._known[case.id] = Known(case, BLOCK_S)
        self._names[case.id] = names
        self.record(case)

    def _record_problem(self, side: Side, problem: Problem) -> None:
        """A file that could not be collected, or skips itself, is a case of its own."""
        self.record(file_as_case(problem.id))
        self._record_unvisited(problem.id, side, problem.outcome, problem.message)

    def _record_unvisited(self, case: str, side: Side, outcome: Outcome, message: str) -> None:
        self.record(Visit(case, -1, side=side.name, outcome=outcome, message=message))

    def close(self) -> None:
        """Ends a pair that waits."""
        if self._waiting:
            self._waiting[0].kill()
            self._waiting = None

    # Launches.

    @property
    def cases(self) -> list[str]:
        """The cases that can still be measured; controls go without saying."""
        return [
            case
            for case, known in self._known.items()
            if not known.closed and known.case.suite != controls.SUITE
        ]

    def launch(self, number: int, cases: Collection[str], slowdown: float = 0.0) -> None:
        """One launch of these cases and the controls. Raises SideError where a side no longer starts.

        `slowdown` is what head is slowed down by on purpose, as a share; calls too long for that are left
        out.
        """
        self._slowdown = slowdown
        left = [known for case in cases if self._can_be_slowed(known := self._known[case])]
        passes = 0
        for kind in dict.fromkeys(known.case.worker for known in left):
            of_kind = [known for known in left if known.case.worker == kind and not known.closed]
            while of_kind:
                passes, of_kind = self._lead(number, passes, kind, of_kind)

    def _can_be_slowed(self, known: Known) -> bool:
        """Fits the block to what is injected; False where it would be too long."""
        multiple = period(self._slowdown) if self._slowdown else 1
        if multiple != known.multiple:
            known.multiple = multiple
            known.calls = known.calls and calls_per_block(known)
        return known.multiple == 1 or known.multiple * known.call_s <= MAX_INJECTED_S

    def _lead(self, number: int, passes: int, kind: str, cases: list[Known]) -> tuple[int, list[Known]]:
        """One pair's visits; the passes made so far, and the cases that it left because a worker died."""
        pair, collected = self._waiting or self._start()
        self._waiting = None
        self._record_launch(number, kind, collected)
        guards = [each for each in self._known.values() if each.case.suite == controls.SUITE]
        todo = LaunchProgress(number, [*cases, *guards])
        try:
            with pair:
                self._introduce(pair.workers[0], kind)
                while order := todo.next_pass(self._rng):
                    self._pass(pair, order, todo, passes)
                    passes += 1
                self._check(pair)
        except WorkerError:
            pair.kill()
            return passes + 1, [known for known in cases if todo.wants(known)]
        return passes, []

    def _introduce(self, worker: Worker, kind: str) -> None:
        """What is measured once of a device: first use, self-check, and ceilings where budgets need them."""
        device, _, isolate = kind.partition("/")
        if isolate or device in self._introduced:
            return
        self._introduced.add(device)
        tasks: list[Task] = ["initialize", "check"] if device != "cpu" else []
        for task in [*tasks, "ceilings"] if self._ceilings else tasks:
            self.progress.move(case=f"{task} {device}")
            for event in device_tasks.run(worker, task, device):
                self.record(event)

    def _pass(self, pair: Pair, order: Iterable[Known], todo: LaunchProgress, number: int) -> None:
        for known in order:
            if not known.closed:
                self._visit(pair, known, todo, number)

    def _start(self) -> tuple[Pair, list[Collected]]:
        """A fresh pair that has collected. Both hash alike: the order of sets is part of the speed."""
        seed = os.environ.get("PYTHONHASHSEED") or str((self._seed + self._pairs) % 2**32)
        self._pairs += 1
        environments = [{"PYTHONHASHSEED": seed} for _ in self.sides]
        if self._slowdown:
            for environment, every in zip(environments, (NEVER, period(self._slowdown)), strict=True):
                environment[TWICE_EVERY] = str(every)
        pair = Pair(self.sides, environments)
        try:
            collected = pair.collected()
            self._check(pair)
        except WorkerError as error:
            pair.kill()
            raise SideError(f"a side ended before it was measured: {error}") from None
        except BaseException:
            pair.kill()
            raise
        self.spent.imports += max(each.collect_s for each in collected)
        return pair, collected

    def _check(self, pair: Pair) -> None:
        """Raises SideError where a side has loaded code that is not its own."""
        for side, modules in zip(self.sides, pair.ask(TellModules()), strict=True):
            side.check(modules)

    def _record_launch(self, number: int, kind: str, collected: Sequence[Collected]) -> None:
        for side, each in zip(self.sides, collected, strict=True):
            self.record(Launch(number, kind, side.name, 0, each.collect_s, self.elapsed_s))

    # Visits.

    def _visit(self, pair: Pair, known: Known, todo: LaunchProgress, pass_number: int) -> None:
        """One visit on both sides, recorded whatever comes of it. Raises WorkerError where one is lost."""
        case = known.case.id
        self.progress.move(case=case, elapsed_s=self.elapsed_s)
        everywhere = processors()
        placement = _placement(known, len(everywhere))
        of_launch, of_pass = (everywhere[each % len(everywhere)] for each in (todo.number, pass_number // 2))
        held = {of_launch} if placement == "together" else set(everywhere)
        pair.run_on(set(everywhere))
        sessions = pair.sessions(self._names[case], placement)
        flip = (todo.number + pass_number) % 2 == 1
        try:
            with pair.turns():
                visit(
                    sessions,
                    known,
                    flip=flip,
                    blocks=pairs_in_visit(known),
                    every_kind=False,
                    once_set_up=partial(pair.run_on, held),
                    once_warm=partial(pair.hold_apart, of_pass) if placement == "apart" else lambda: None,
                    once_timed=pair.resume,
                )
            if known.case.device != "cpu":  # both sides share the device's memory
                pair.ask(UseDevice("empty_cache", known.case.device))
        except WorkerError as lost:
            known.closed = lost.outcome
            raise
        finally:
            visits = []
            for side, session in zip(self.sides, sessions, strict=True):
                session.ended = session.ended or PARTNER_LOST
                visits.append(session.visit(case, todo.number, pass_number, side.name, self.elapsed_s))
                self.record(visits[-1])
            self.spent.add(*visits)
        self._learn(known, sessions, todo)

    def _learn(self, known: Known, sessions: Sequence[CaseSession], todo: LaunchProgress) -> None:
        """Takes in how the visit ended, how parallel the case is, and how many clean pairs it has."""
        outcomes = {session.ended.outcome for session in sessions if session.ended is not None}
        if outcomes != {"passed"}:
            if known.visits > 1:
                known.fragile = True
            else:
                known.closed = next(iter(outcomes - {"passed"}))
        timed = [[block for block in session.blocks if block.kind == "wall"] for session in sessions]
        for blocks in timed:  # in some of a side's blocks threads of another case may still have spun
            known.parallel |= bool(blocks) and all(block.threads > 1 or block.children for block in blocks)
            known.loose |= bool(blocks) and all(_is_loose(block, known.processors) for block in blocks)
        todo.take_in(
            known,
            (_ratio(base, head, known.self_disturbing) for base, head in zip(*timed, strict=False)),
        )


def _placement(known: Known, processors: int) -> Placement:
    """Where a case's workers run, once a first visit has told how many threads it has."""
    if not (CAN_PIN and known.visits):
        return "free"
    if not known.parallel:
        return "together"
    return "apart" if known.is_team and processors > 1 else "free"


def _is_loose(block: Block, processors: int) -> bool:
    """True where the threads that ran cannot all be given places."""
    return block.threads > 1 and (TEAM not in block.notes or block.threads > processors)


def _ratio(base: Block, head: Block, disturbs_itself: bool) -> float:
    """head/base of a pair of blocks; NaN where others disturbed one, or it took no time at all."""
    if disturbed(base, disturbs_itself) or disturbed(head, disturbs_itself):
        return math.nan
    return head.wall_s / head.calls / (base.wall_s / base.calls or math.nan)

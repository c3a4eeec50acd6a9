"""Measures two sides in lock step: pairs of workers, whose blocks alternate.

launch   a new pair of workers for each kind (CPU, CPU with ONNX Runtime, accelerator, ...); after one that
         dies, another in the same launch
pass     one walk through the cases of a launch, in random order
visit    one case in both workers: a pair of blocks, the first side changing from pass to pass
"""

import math
import random
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from bench.disturbance import disturbed
from bench.events import Event, Launch, Visit
from bench.measure.drive import device_tasks
from bench.measure.drive.entry import Entry, visit_s, wall_blocks
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Progress, file_as_case
from bench.measure.drive.second_tries import SecondTries
from bench.measure.drive.session import CaseSession, never_visited
from bench.measure.drive.visits import visit
from bench.measure.host.interference import processors
from bench.measure.sides.matching import Matching
from bench.measure.sides.pair import CAN_PIN, TIMEOUT_S, Pair, Placement
from bench.measure.sides.side import Side
from bench.measure.sides.starting import Starting, check
from bench.measure.sides.stopping import BLOCK_S, LaunchProgress, pairs_in_visit
from bench.measure.start.process import WorkerError
from bench.measure.start.templates import ForkError, Templates
from bench.measure.worker import controls
from bench.measure.worker.calls import period
from bench.measure.worker.code import Texts
from bench.measure.worker.protocol import Ask, Collected, Visited
from bench.records import Kind

MAX_INJECTED_S = 1.0
"""The longest block into which a slowdown is injected: it holds as many calls as one slowed call takes."""

PARTNER_LOST = Visited("passed")
"""How a visit ends whose partner died: it was cut, through no fault of its own."""


TEMPLATES = 3
"""Templates of a side, which take turns: what the two sides' templates of one number have that differs, such
as where their memory lies, must not be all that a verdict rests on."""


class Lockstep:
    """Two sides under comparison: `collect`, `add_cases`, then `measure_launch` as often as is wanted."""

    def __init__(
        self,
        sides: Sequence[Side],
        progress: Progress,
        seed: int = 1,
        with_controls: bool = True,
        ceilings: bool = False,
        templates: Templates | None = None,
    ) -> None:
        self.sides = sides
        self.progress = progress
        self.ledger = Ledger(BLOCK_S)
        self._seed = seed
        self._with_controls = with_controls
        self._ceilings = ceilings
        self._rng = random.Random(seed)
        self._names: dict[str, tuple[str, str]] = {}
        self._started_s = time.monotonic()
        self._starting = Starting(sides, templates or Templates(TEMPLATES, seed), seed)
        self._waiting: tuple[Pair, list[Collected]] | None = None
        self._slowdown, self._fresh = 0.0, ""
        self._tries = SecondTries()

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
        return collected, pair.ask(Ask("texts"))

    def add_cases(
        self, matching: Matching, collected: Sequence[Collected], write: Callable[[Event], None]
    ) -> None:
        """Takes in the cases on both sides, and what writes an event down before it returns."""
        self.ledger.write = write
        cases = {case.id: case for case in collected[1].cases}
        for name, old in matching.names.items():
            self._names[name] = (old, name)
            self.ledger.record(cases[name])
            for side, of_side, its_name in zip(self.sides, collected, (old, name), strict=True):
                if its_name in of_side.skips:
                    skipped = never_visited(name, "skipped", of_side.skips[its_name], side.name)
                    self.ledger.record(skipped)
        for side, of_side in zip(self.sides, collected, strict=True):
            for problem in of_side.problems:  # a file that could not be collected, or skips itself
                self.ledger.record(file_as_case(problem.id))
                self.ledger.record(never_visited(problem.id, problem.outcome, problem.message, side.name))
        for control in controls.CASES if self._with_controls else ():
            self._names[control.id] = (control.id, control.id)
            self.ledger.record(control)

    def close(self) -> None:
        """Ends a pair that waits, and all templates."""
        if self._waiting:
            self._waiting[0].kill()
            self._waiting = None
        self._starting.templates.close()

    # Launches.

    @property
    def cases(self) -> list[str]:
        """The cases that can still be measured; controls go without saying."""
        return [
            case
            for case, entry in self.ledger.entries.items()
            if not entry.lifecycle.closed and entry.case.suite != controls.SUITE
        ]

    def measure_launch(
        self, number: int, cases: Collection[str], slowdown: float = 0.0, fresh: str = ""
    ) -> None:
        """One launch of these cases and the controls. Raises SideError where a side no longer starts.

        `slowdown` is what head is slowed down by on purpose, as a share; calls too long for that are left
        out. `fresh` is why its workers are started fresh where they could be forks.
        """
        self._slowdown, self._fresh = slowdown, fresh
        entries = self.ledger.entries
        left = [entries[case] for case in cases if self._can_be_slowed(case)]
        passes = 0
        for kind in dict.fromkeys(entry.case.worker for entry in left):
            of_kind = [entry.case.id for entry in left if entry.case.worker == kind]
            while of_kind := [case for case in of_kind if not entries[case].lifecycle.closed]:
                passes, of_kind = self._measure_with_pair(number, passes, kind, of_kind)

    def _can_be_slowed(self, case: str) -> bool:
        """Fits the block to what is injected; False where it would be too long."""
        multiple = period(self._slowdown) if self._slowdown else 1
        self.ledger.fit_calls(case, multiple)
        return multiple == 1 or multiple * self.ledger.entries[case].timing.call_s <= MAX_INJECTED_S

    def _measure_with_pair(
        self, number: int, passes: int, kind: str, cases: list[str]
    ) -> tuple[int, list[str]]:
        """One pair's visits; the passes made so far, and the cases that it left to another, because a worker
        died or to try them once more."""
        pair, collected = self._waiting or self._start(kind)
        self._waiting = None
        self._tries.begin()
        for side, worker, of_side in zip(self.sides, pair.workers, collected, strict=True):
            begun = Launch(number, kind, side.name, 0, of_side.collect_s, self.elapsed_s)
            self.ledger.record(worker.began(begun))
        guards = [case for case, entry in self.ledger.entries.items() if entry.case.suite == controls.SUITE]
        todo = LaunchProgress(self.ledger.entries, [*cases, *guards])
        try:
            with pair:
                ceilings = self._ceilings and not self.ledger.ceilings.get(kind)  # disturbed ones stay
                with self._starting.templates.forgiving(pair.workers, kind):
                    device_tasks.run_due(pair.workers[0], kind, self.ledger, self.progress, ceilings)
                while order := self._tries.order(todo.next_pass(self._rng), number):
                    order = self._starting.templates.trial_first(order, visit_s, pair.workers, kind)
                    for entry in self._tries.order(order, number):
                        self._visit(pair, entry, todo, number, passes)
                    passes += 1
                check(pair)
        except WorkerError:
            pair.kill()
            return passes + 1, [case for case in cases if todo.wants(case)]
        return passes, [case for case in cases if case in self._tries.waiting]

    def _start(self, kind: str = "") -> tuple[Pair, list[Collected]]:
        begun_s = self.elapsed_s
        started = self._starting.start(kind, self._slowdown, self._fresh)
        self.ledger.spent_s["imports"] += self.elapsed_s - begun_s
        return started

    # Visits.

    def _visit(self, pair: Pair, entry: Entry, todo: LaunchProgress, launch: int, pass_number: int) -> None:
        """One visit on both sides, recorded whatever comes of it. Raises WorkerError where one is lost."""
        case = entry.case.id
        self.progress.move(case=case, elapsed_s=self.elapsed_s)
        everywhere = processors()
        placement = _placement(entry, len(everywhere))
        of_launch, of_pass = (everywhere[turn % len(everywhere)] for turn in (launch, pass_number // 2))
        allowed = {of_launch} if placement == "together" else set(everywhere)
        pair.run_on(set(everywhere))
        timeout_s = self._starting.templates.patience_s(pair.workers, entry.case.worker, TIMEOUT_S)
        sessions = pair.sessions(self._names[case], placement, timeout_s)
        try:
            with self._starting.templates.forgiving(pair.workers, entry.case.worker):
                visit(
                    sessions,
                    entry,
                    launch,
                    flip=(launch + pass_number) % 2 == 1,
                    blocks=pairs_in_visit(entry.timing),
                    kinds=_kinds,
                    once_set_up=partial(pair.run_on, allowed),
                    once_warm=partial(pair.keep_apart, of_pass) if placement == "apart" else lambda: None,
                    once_timed=pair.resume,
                )
                if entry.case.device != "cpu":  # both sides share the device's memory
                    pair.ask(Ask("empty_cache", entry.case.device))
        except ForkError:  # nothing is recorded of it: it is made again
            raise
        except BaseException:
            self._record(pair, sessions, case, launch, pass_number)
            raise
        self._starting.templates.prove(pair.workers, entry.case.worker)
        if visits := self._record(pair, sessions, case, launch, pass_number):
            todo.take_in(case, self._ratios(case, *visits))

    def _record(
        self, pair: Pair, sessions: Sequence[CaseSession], case: str, launch: int, pass_number: int
    ) -> list[Visit]:
        """Writes down what came of a visit on each side; nothing where the case is to be tried once more."""
        pair.resume()
        visits: list[Visit] = []
        for side, session in zip(self.sides, sessions, strict=True):
            session.ended = session.ended or PARTNER_LOST
            visits.append(session.visit(case, launch, pass_number, side.name, self.elapsed_s))
        if held := self._tries.holds(self.ledger.entries[case], visits):
            self.ledger.write(held)
            return []
        for each in visits:
            self.ledger.write(each)
        for note in self._tries.told(visits):
            self.ledger.write(note)
        self.ledger.learn_visit(*visits)
        return visits

    def _ratios(self, case: str, base: Visit, head: Visit) -> list[float]:
        """head/base of each pair of blocks; NaN where others disturbed one, or it took no time at all."""
        self_disturbing = self.ledger.entries[case].timing.self_disturbing
        ratios = []
        for pair in zip(wall_blocks(base), wall_blocks(head), strict=False):
            base_s, head_s = (block.wall_s / block.calls for block in pair)
            others = any(disturbed(block, self_disturbing) for block in pair)
            ratios.append(math.nan if others or not base_s else head_s / base_s)
        return ratios


def _kinds(entry: Entry) -> tuple[Kind, ...]:
    """What is compared of a case: `bench.analyze.gate.pairs.KINDS`."""
    return ("wall",) if entry.case.device == "cpu" else ("wall", "device")


def _placement(entry: Entry, processors: int) -> Placement:
    """Where a case's workers run, once a first visit has shown how many threads it has."""
    if not (CAN_PIN and entry.lifecycle.visits):
        return "free"
    if not entry.threads.parallel:
        return "together"
    return "apart" if entry.is_team and processors > 1 else "free"

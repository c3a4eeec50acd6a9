"""The coordinator: starts workers, leads them through their launches, and records every visit at once.

round    one turn through all kinds of worker (CPU, CPU with ONNX Runtime, accelerator, ...)
launch   one new worker process; a worker that dies is followed by a new launch in the same round
pass     one walk through the cases of a launch
"""

import itertools
import math
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from bench.events import Event, Launch, Launched, Sizes, SizesAdded, Skip, Visit
from bench.measure.drive import device_tasks, left_out
from bench.measure.drive.entry import Entry, visit_s
from bench.measure.drive.ledger import digests, restored
from bench.measure.drive.plan import COLLECT_TIMEOUT_S, Plan, Progress, file_as_case, sizes_variable
from bench.measure.drive.policy import extrapolated_s, kinds_in_turn, next_pass, too_long
from bench.measure.drive.schedule import Schedule, Turn, kept_before_s
from bench.measure.drive.second_tries import SecondTries
from bench.measure.drive.session import CaseSession, never_visited
from bench.measure.drive.visits import visit
from bench.measure.start.process import Worker, WorkerError
from bench.measure.start.templates import ForkError, Templates
from bench.measure.worker.protocol import Ask, Collected


class Coordinator:
    """Measures a plan: `collect`, then `measure` with what writes an event down before it returns."""

    def __init__(self, plan: Plan, progress: Progress, past: Iterable[Event] = ()) -> None:
        self.plan = plan
        self.progress = progress
        past = [*past]
        self.ledger = restored(past)
        self._rng = random.Random(plan.seed)
        self._started_s = time.monotonic() - self.ledger.elapsed_s
        most = plan.launches or plan.preset.launches
        self._templates = Templates(min(plan.preset.templates, most), plan.seed)
        self._waiting: list[tuple[Worker, Collected]] = []  # with what each collected
        self._digests: dict[str, str] = {}  # of the tests, as they are now
        self._schedule = Schedule(plan, self.ledger, plan.preset.deadline_s)
        self._tries = SecondTries()
        for event in past:
            self._tries.learn(event)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def collect(self) -> Collected:
        """Starts the first worker, which then waits; what it collected: cases, problems, facts.

        Raises WorkerError where nothing can be collected.
        """
        self._start_workers([""])
        self._templates.learn(self._waiting, COLLECT_TIMEOUT_S)
        self._digests = digests(self._waiting[0][0].ask(Ask("texts"), COLLECT_TIMEOUT_S).answer)
        return self._waiting[0][1]

    def _start_workers(self, kinds: Sequence[str]) -> None:
        """Starts workers of these kinds, which then wait; raises WorkerError where none of them collects."""
        self.progress.move(case="collecting")
        begun_s = time.monotonic()
        environment = {**self.plan.spec.environment, **sizes_variable(self.ledger.sizes.values())}
        spec = replace(self.plan.spec, environment=environment)
        self._waiting += self._templates.start_together(spec, kinds, COLLECT_TIMEOUT_S)
        self._schedule.start_s = time.monotonic() - begun_s
        self.ledger.spent_s["imports"] += self._schedule.start_s

    def close(self) -> None:
        """Ends the workers that wait, and all templates."""
        self._end_waiting()
        self._templates.close()

    def _end_waiting(self) -> None:
        while self._waiting:
            self._waiting.pop()[0].kill()

    def measure(self, write: Callable[[Event], None], wanted: Callable[[], Sizes] | None = None) -> None:
        """Runs launches until every case has reached its target, or the time or their number is spent. A kind
        of worker that cannot begin fails its cases.

        `wanted` says, from what is recorded so far, which sizes a crossover needs. They are added to the
        launches that follow; then further launches look at them alone, while they are wanted and the time
        lasts.
        """
        self.ledger.write = write
        if not self._waiting:
            self.collect()
        self._add_collected(self._waiting[0][1])
        self._tries.forget(self.ledger.record_code(self._digests))
        most, number = self.plan.launches or self.plan.preset.launches, 0
        if wanted:
            self._schedule.deadline_s -= self.plan.preset.refining_s
        while number < most and (not number or self._schedule.goes_on(self.elapsed_s)):
            self._measure_round(number, wanted)
            number += 1
        self._schedule.deadline_s, most = self.plan.preset.deadline_s, number + most
        if not self.plan.launches and math.isfinite(self.plan.preset.deadline_s):
            most = sys.maxsize  # time ends it
        while wanted and number < most:
            self._schedule.near = self.ledger.sizes.get(number - 1)
            if not self._schedule.near or not self._schedule.in_time(self.elapsed_s):
                return
            if self._schedule.uncollected():
                with suppress(WorkerError):  # then there is nothing more to measure
                    self._start_workers([""])
                    self._add_collected(self._waiting[0][1])
            if not self._schedule.goes_on(self.elapsed_s):
                return
            self._measure_round(number, wanted)
            number += 1

    def _measure_round(self, number: int, wanted: Callable[[], Sizes] | None) -> None:
        self.progress.move(round=number + 1)
        later = self._schedule.later(number, self.elapsed_s)
        kinds = [kind for kind in self._schedule.claims() if (kind, number) not in self.ledger.done]
        if missing := kinds[len(self._waiting) :]:
            with suppress(WorkerError):  # each kind will try by itself, and say why it cannot
                self._start_workers(missing)
        for kind in kinds:
            if self.elapsed_s < self._schedule.deadline_s or not number:
                self._measure_kind(Turn(kind, number, self.elapsed_s, later))
        for failed in self._tries.given_up() if kinds else ():  # not after a round that was made before
            self.ledger.record(failed)
        self._end_waiting()
        # A resumed run goes on with what it asked for.
        if wanted and number not in self.ledger.sizes and self._schedule.looks(self.elapsed_s):
            begun_s = self.elapsed_s
            self.ledger.record(SizesAdded(number, wanted()))
            self._schedule.look_s = self.elapsed_s - begun_s

    def _measure_kind(self, turn: Turn) -> None:
        """A launch, and another after each worker that dies, or for what is to be tried once more."""
        kind, number = turn.kind, turn.round
        visited: set[str] = set()
        while (kind, number) not in self.ledger.done:
            before = len(visited)
            self._tries.begin()
            try:
                worker, collected = self._take_waiting(kind)
                with worker:
                    self._add_collected(collected)
                    launch = self.ledger.launches
                    begun = Launch(launch, kind, "", number, collected.collect_s, self.elapsed_s)
                    self.ledger.record(worker.began(begun))
                    with self._templates.forgiving([worker], kind):
                        device_tasks.run_due(worker, kind, self.ledger, self.progress, self.plan.ceilings)
                    self._make_passes(worker, launch, turn, visited)
            except ForkError:
                continue
            except WorkerError as error:
                if len(visited) == before and not self._tries.waiting:  # it is not a case that ends it
                    self._give_up(kind, error)
                    return
                continue
            if self._tries.waiting and self._schedule.in_time(self.elapsed_s):
                continue
            self.ledger.record(Launched(kind, number, self.elapsed_s))

    def _take_waiting(self, kind: str) -> tuple[Worker, Collected]:
        """One that waits, else a new one. Raises WorkerError where that cannot collect."""
        for each in self._waiting:
            if each[0].template is None or not self._templates.refusal(kind):
                self._waiting.remove(each)
                return each
        self._start_workers([kind])
        return self._waiting.pop()

    def _give_up(self, kind: str, error: WorkerError) -> None:
        """No worker of this kind gets as far as its cases: they fail, and the other kinds go on."""
        for entry in list(self.ledger.entries.values()):
            seen = entry.lifecycle.closed or entry.lifecycle.visits or entry.case.id in self._tries.held
            if entry.case.worker == kind and not seen:
                message = f"no worker could begin: {error}"
                self.ledger.record(never_visited(entry.case.id, "failed", message, "", self.elapsed_s))

    def _add_collected(self, collected: Collected) -> None:
        """Adds the cases and problems that are new; what the ledger has already stays as it is."""
        for problem in collected.problems:
            if problem.id in self.ledger.problems:
                continue
            self.ledger.record(file_as_case(problem.id))  # a row of the results
            if problem.outcome == "skipped":
                self.ledger.record(Skip(problem.id, problem.message))
            else:
                failed = never_visited(problem.id, "failed", problem.message, "", self.elapsed_s)
                self.ledger.record(failed)
        for case in collected.cases:
            if case.id not in self.ledger.entries:
                self.ledger.record(case)
                if skip := collected.skips.get(case.id):
                    self.ledger.record(Skip(case.id, skip))

    def _make_passes(self, worker: Worker, launch: int, turn: Turn, visited: set[str]) -> None:
        """The passes of one launch, as long as its share of the time lasts; `visited` are the cases that an
        earlier worker of this turn came to. A case never visited may take the time of the rounds to come;
        one of no contest leaves what is kept for comparing devices.
        """
        seen = sum(bool(entry.lifecycle.visits) for entry in self.ledger.entries.values())
        self.progress.move(cases=len(self.ledger.entries), done=seen)
        target, every_launch = self.plan.preset.target, bool(self.plan.launches)
        near = self._schedule.near_cases()
        until_s, unseen_until_s = (self._schedule.until_s(turn, later) for later in (turn.later, 0))
        for pass_number in itertools.count():
            left_s = until_s - self.elapsed_s
            entries = self._schedule.entries(turn.kind)
            order = next_pass(entries, launch, target, left_s, self._rng, near, every_launch)
            order = self._templates.trial_first(order, visit_s, [worker], turn.kind)
            order = self._tries.order(order, launch)
            kept_s, came_to, held = self._schedule.kept_s(), 0, 0
            for entry in order:
                fresh = launch not in entry.lifecycle.visits
                limit_s = until_s if entry.lifecycle.visits else unseen_until_s - kept_before_s(entry, kept_s)
                again = not pass_number and entry.case.id in visited
                held += again
                if not again and self.elapsed_s + entry.cost.visit_s(fresh) <= limit_s:
                    visited.add(entry.case.id)
                    self._visit(worker, entry, launch, pass_number, visited)
                    came_to += 1
            if not came_to and not held:
                return

    def _visit(self, worker: Worker, entry: Entry, launch: int, pass_number: int, visited: set[str]) -> None:
        """One visit, recorded whatever comes of it. Raises WorkerError where the worker is lost."""
        case, limit_s = entry.case.id, self.plan.preset.longest_call_s
        if not entry.lifecycle.visits:
            expected_s = extrapolated_s(entry, self.ledger.entries.values())
            if expected_s > limit_s:
                self._leave_out(case, expected_s)
                return
        done = self.progress.done + (not entry.lifecycle.visits)
        self.progress.move(case=case, done=done, elapsed_s=self.elapsed_s)
        kind, timeout_s, begun_s = entry.case.worker, self.plan.preset.timeout_s, self.elapsed_s
        session = CaseSession(worker, self._templates.patience_s([worker], kind, timeout_s))
        try:
            with self._templates.forgiving([worker], kind):
                kinds = partial(kinds_in_turn, launch=launch)
                visit([session], entry, launch, longest_s=limit_s, kinds=kinds)
        except ForkError:
            visited.discard(case)  # nothing is recorded of it, and a fresh start makes it again
            raise
        except WorkerError:
            worker.kill()
            lost = session.visit(case, launch, pass_number, elapsed_s=self.elapsed_s)
            if not self._held_back(entry, lost, visited):
                self.ledger.record(lost)
            raise
        self._templates.prove([worker], kind)
        took_s = self.elapsed_s - begun_s
        ended = session.visit(case, launch, pass_number, elapsed_s=self.elapsed_s, took_s=took_s)
        if self._held_back(entry, ended, visited):
            return
        self.progress.read(ended)
        self.ledger.learn(ended)  # also of a visit that is left out: larger sizes are extrapolated from it
        entry = self.ledger.entries[case]
        if too_long(entry, ended, limit_s) and not entry.lifecycle.closed:
            self._leave_out(case, entry.timing.fastest_s)
        else:
            self.ledger.write(ended)

    def _held_back(self, entry: Entry, ended: Visit, visited: set[str]) -> bool:
        """Whether a visit is not recorded, since the case is to be tried once more."""
        if held := self._tries.holds(entry, [ended]):
            self.ledger.write(held)
            visited.discard(ended.case)
            return True
        for note in self._tries.told([ended]):
            self.ledger.record(note)
        return False

    def _leave_out(self, case: str, call_s: float) -> None:
        self.ledger.record(Skip(case, left_out.too_long(call_s)))

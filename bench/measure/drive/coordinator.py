"""The coordinator: starts workers, leads them through their launches, and records every visit at once.

round    one turn through all kinds of worker (CPU, CPU with ONNX Runtime, accelerator, ...)
launch   one fresh worker process; a worker that dies is followed by a new launch in the same round
pass     one walk through the cases of a launch
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, replace

from bench.events import CeilingsMeasured, Event, Launch, Launched, Sizes, SizesAdded, Skip, Visit
from bench.measure.drive import device_tasks
from bench.measure.drive.ledger import restored
from bench.measure.drive.plan import COLLECT_TIMEOUT_S, Plan, Progress, file_as_case
from bench.measure.drive.policy import Known, among, first_pass, foretold_s, launch_until_s, next_pass
from bench.measure.drive.process import Worker, WorkerError, start_together
from bench.measure.drive.session import CaseSession
from bench.measure.drive.visits import visit
from bench.measure.worker.protocol import Collected, Problem, Task
from bench.records import Case

TYPICAL_VISIT_S = 0.2
"""What a visit takes before anything is known of the case."""


class Coordinator:
    """Measures a plan: `collect`, then `measure` with what records an event before it returns."""

    def __init__(self, plan: Plan, progress: Progress, past: Iterable[Event] = ()) -> None:
        self.plan = plan
        self.progress = progress
        self.record: Callable[[Event], None] = lambda _event: None
        self.state = restored(past)
        self.rng = random.Random(plan.seed)
        self._started_s = time.monotonic() - self.state.elapsed_s
        self._waiting: list[tuple[Worker, Collected]] = []  # with what each collected
        self._start_s = 0.0  # what starting a round's workers takes
        self._deadline_s = plan.preset.deadline_s
        self._rounds = plan.launches
        self._near: Sizes | None = None  # the sizes that further launches look at; None: every case

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def collect(self) -> Collected:
        """Starts the first worker, which then waits; what it collected: cases, problems, facts.

        Raises WorkerError where nothing can be collected.
        """
        self._begin(1)
        return self._waiting[0][1]

    def _begin(self, count: int) -> None:
        """Starts so many workers; raises WorkerError where none of them collects."""
        self.progress.move(case="collecting")
        begun_s = time.monotonic()
        added = environment(self.state.sizes.values())
        spec = replace(self.plan.spec, environment={**self.plan.spec.environment, **added})
        self._waiting += start_together(spec, count, COLLECT_TIMEOUT_S)
        self._start_s = time.monotonic() - begun_s
        self.state.spent.imports += self._start_s

    def close(self) -> None:
        """Ends the workers that wait."""
        while self._waiting:
            self._waiting.pop()[0].kill()

    def measure(self, record: Callable[[Event], None], wanted: Callable[[], Sizes] | None = None) -> None:
        """Runs every launch of the plan. A kind of worker that cannot begin fails its cases.

        `wanted` says, from what is recorded so far, which sizes a crossover needs. They are added to the
        launches that follow; then as many further launches look at them alone, while they are wanted and
        the time lasts.
        """
        self.record = record
        if not self._waiting:
            self.collect()
        self._take_in(self._waiting[0][1])
        if not wanted:
            for number in range(self.plan.launches):
                self._round(number)
        else:
            self._measure_and_refine(wanted)
        self.state.spent.other = self.elapsed_s - sum(asdict(self.state.spent).values())

    def _measure_and_refine(self, wanted: Callable[[], Sizes]) -> None:
        self._deadline_s -= self.plan.preset.refining_s
        for number in range(self.plan.launches):
            self._round(number)
            self._ask_for_sizes(number, wanted)
        self._deadline_s, self._rounds = self.plan.preset.deadline_s, 2 * self.plan.launches
        for number in range(self.plan.launches, self._rounds):
            self._near = self.state.sizes[number - 1]
            if not self._near or self.elapsed_s + self._start_s > self._deadline_s:
                return
            self._round(number)
            self._ask_for_sizes(number, wanted)

    def _round(self, number: int) -> None:
        self.progress.move(round=number + 1, rounds=max(number + 1, self.plan.launches), done=0)
        if number and self.elapsed_s + self._start_s > self._deadline_s:
            return
        kinds = [kind for kind in self._kinds() if (kind, number) not in self.state.done]
        if (missing := len(kinds) - len(self._waiting)) > 0:
            with suppress(WorkerError):  # each kind will try by itself, and say why it cannot
                self._begin(missing)
        for kind in kinds:
            if self.elapsed_s < self._deadline_s or not number:
                self._launches(kind, number)
        self.close()

    def _ask_for_sizes(self, number: int, wanted: Callable[[], Sizes]) -> None:
        """Asks, once a round, which sizes are wanted; a run that is resumed asks what it asked for then."""
        if number not in self.state.sizes:
            self.state.sizes[number] = wanted()
            self.record(SizesAdded(number, self.state.sizes[number]))

    def _cases(self) -> list[Known]:
        """The cases that this round may measure."""
        near = self._near
        return [known for known in self.state.known.values() if near is None or among(known.case, near)]

    def _kinds(self) -> list[str]:
        """The kinds of worker that have something to measure."""
        return list(dict.fromkeys(known.case.worker for known in self._cases() if not known.closed))

    def _launches(self, kind: str, number: int) -> None:
        """One round of one kind of worker: a launch, and another behind each worker that dies."""
        begun_s = self.elapsed_s
        visited: set[str] = set()
        while (kind, number) not in self.state.done:
            before = len(visited)
            try:
                worker, collected = self._start()
                with worker:
                    self._enter(collected, kind, number)
                    self._launch(worker, kind, number, begun_s, visited)
            except WorkerError as error:
                if len(visited) == before:  # it is not a case that ends it
                    self._give_up(kind, error)
                    return
                continue
            self._finish(kind, number)

    def _give_up(self, kind: str, error: WorkerError) -> None:
        """No worker of this kind gets as far as its cases: they fail, and the other kinds go on."""
        for known in self.state.known.values():
            if known.case.worker == kind and not known.closed and not known.visits:
                known.closed = "failed"
                message = f"no worker could begin: {error}"
                self._record_visit(Visit(known.case.id, -1, outcome="failed", message=message))

    def _finish(self, kind: str, number: int) -> None:
        self.state.done.add((kind, number))
        self.record(Launched(kind, number, self.elapsed_s))

    def _start(self) -> tuple[Worker, Collected]:
        """A worker that has collected: the one that waits, or a fresh one."""
        if not self._waiting:
            self._begin(1)
        return self._waiting.pop(0)

    def _take_in(self, collected: Collected) -> None:
        """Takes in what a worker collected; what is known already stays as it is."""
        for problem in collected.problems:
            self._report_problem(problem)
        for case in collected.cases:
            self._meet(case, collected.skips.get(case.id))

    def _enter(self, collected: Collected, kind: str, number: int) -> None:
        self._take_in(collected)
        launch = self.state.launches
        self.record(Launch(launch, kind, "", number, collected.collect_s, self.elapsed_s))

    def _meet(self, case: Case, skip: str | None) -> None:
        if case.id in self.state.known:
            return
        self.state.known[case.id] = Known(case)
        self.record(case)
        if skip:
            self._leave_out(self.state.known[case.id], skip)

    def _report_problem(self, problem: Problem) -> None:
        """A file that could not be imported is a row of the results, once."""
        if problem.id in self.state.problems:
            return
        self.state.problems.add(problem.id)
        self.record(file_as_case(problem.id))
        if problem.outcome == "skipped":
            self.record(Skip(problem.id, problem.message))
        else:
            self._record_visit(Visit(problem.id, -1, outcome="failed", message=problem.message))

    def _launch(self, worker: Worker, kind: str, number: int, begun_s: float, visited: set[str]) -> None:
        """The passes of one launch, as long as its share of the time lasts."""
        launch = self.state.launches
        self.state.launches += 1
        cases = [known for known in self._cases() if known.case.worker == kind]
        self._side_tasks(worker, kind)
        for known in cases:
            known.enter(launch)
        self.progress.move(cases=len(self.state.known))
        until_s = self._until_s(kind, number, begun_s, self._rounds)
        first_until_s = self._until_s(kind, number, begun_s, number + 1)
        wanted = self.state.sizes.get(number - 1, {})
        near = {known.case.id for known in cases if among(known.case, wanted)}
        fitting = first_pass(cases, until_s - self.elapsed_s, self.rng, near)
        order = [known for known in fitting if known.case.id not in visited]
        pass_number = 0
        while order:
            for known in order:
                seen = known.visits or number
                if self.elapsed_s + known.cost_s > (until_s if seen else first_until_s):
                    continue
                visited.add(known.case.id)
                self._visit(worker, known, launch, pass_number)
            pass_number += 1
            order = next_pass(cases, self.plan.preset.width, until_s - self.elapsed_s, self.rng)

    def _until_s(self, kind: str, number: int, begun_s: float, rounds: int) -> float:
        """When this launch ends, were there so many rounds."""
        costs_s = {name: sum(self._costs_s(name)) for name in self._kinds()}
        later = rounds - number - 1
        return launch_until_s(kind, costs_s, begun_s, self._deadline_s, self._start_s, later)

    def _costs_s(self, kind: str) -> Iterable[float]:
        """What one visit of each case of a kind takes; a guess for one that was never visited."""
        for known in self._cases():
            if known.case.worker == kind and not known.closed:
                yield known.cost_s or TYPICAL_VISIT_S

    def _visit(self, worker: Worker, known: Known, launch: int, pass_number: int) -> None:
        """One visit, recorded whatever comes of it. Raises WorkerError where the worker is lost."""
        limit_s = self.plan.preset.longest_call_s
        foretold = foretold_s(known, self.state.known.values())
        if not known.visits and foretold > limit_s:
            return self._leave_out(
                known, f"foretold {foretold:.1f} s a call; beyond {limit_s:g} s it belongs to a longer preset"
            )
        self.progress.move(case=known.case.id, done=self.progress.done + 1, elapsed_s=self.elapsed_s)
        session = CaseSession(worker, self.plan.preset.timeout_s)
        try:
            visit([session], known, longest_s=limit_s)
        except WorkerError as death:
            worker.kill()
            known.closed = death.outcome
            self._record_visit(session.visit(known.case.id, launch, pass_number))
            raise
        self._judge(known, session)
        if known.fastest_s > limit_s and not known.closed:
            return self._leave_out(
                known,
                f"took {known.fastest_s:.1f} s a call; beyond {limit_s:g} s it belongs to a longer preset",
            )
        self._record_visit(session.visit(known.case.id, launch, pass_number))
        return None

    def _leave_out(self, known: Known, reason: str) -> None:
        known.closed = "skipped"
        self.record(Skip(known.case.id, reason))

    def _judge(self, known: Known, session: CaseSession) -> None:
        """A case that is skipped or fails at once is closed; one that fails later gets one visit a launch."""
        assert session.ended is not None
        if session.ended.outcome == "passed":
            return
        if known.visits > 1 and not known.closed:
            known.fragile = True
        else:
            known.closed = session.ended.outcome

    def _record_visit(self, visit: Visit) -> None:
        self.state.spent.add(visit)
        self.record(replace(visit, elapsed_s=self.elapsed_s))

    def _side_tasks(self, worker: Worker, kind: str) -> None:
        """What is measured of a device before its cases: first use, self-check, ceilings.

        Once in a run; but ceilings that others disturbed are tried again in the launches to come.
        """
        device, _, isolate = kind.partition("/")
        if isolate or device == "accelerator":
            return
        first = device not in self.state.side_tasks
        self.state.side_tasks.add(device)
        known = self.state.ceilings.get(device, {})
        tasks: list[Task] = ["initialize", "check"] if first and device != "cpu" else []
        if self.plan.ceilings and (first or known.get("disturbed")):
            tasks.append("ceilings")
        for task in tasks:
            self.progress.move(case=f"{task} {device}")
            for event in device_tasks.run(worker, task, device, known):
                if isinstance(event, CeilingsMeasured):
                    self.state.ceilings[device] = event.ceilings
                self.record(event)


def environment(added: Iterable[Sizes]) -> dict[str, str]:
    """What tells a worker's plugin of all sizes that were ever asked for; empty where none were."""
    merged: dict[str, dict[str, list[float]]] = {}
    for sizes in added:
        for test, axes in sizes.items():
            for axis, values in axes.items():
                of_axis = merged.setdefault(test, {}).setdefault(axis, [])
                of_axis += [value for value in values if value not in of_axis]
    return {"BENCH_SIZES": json.dumps(merged)} if merged else {}

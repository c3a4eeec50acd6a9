"""Templates together: which launch is forked from which, and which is started fresh instead, and why.

The forks of one template share its address layout and hash seed, so a run has several, which take turns.
"""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TypeVar

from bench.measure.start import adoption
from bench.measure.start.process import Spec, Worker, WorkerError, collect_together
from bench.measure.start.template import Template, TemplateError
from bench.measure.worker import protocol
from bench.measure.worker.protocol import Collected, Load

T = TypeVar("T")

TRIAL_S = 20.0
"""Patience with what forks do for the first time: a product, a collection beyond what that took a fresh
start, a kind's first visit. A library may wait forever for threads that it started while it was imported, and
that a fork has not got: the teams of libgomp do, once they have computed."""

FIRST = "the first launch tells what a template imports"
NO_ADOPTION = "launches cannot be adopted on this system; expected Linux"


class ForkError(WorkerError):
    """What failed in a fork, perhaps for being one: it is to be done again, and will be in a fresh start."""


class Templates:
    """Starts workers: forks of templates wherever that can be.

    `count` templates take turns, each with a hash seed of its own. There is one of each seed a side where two
    are compared, and a launch is a fork on both sides or on none.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._first: Sequence[Collected] = ()
        self._loads: Sequence[Load] = ()
        self._templates: dict[int, list[Template]] = {}
        self._forked = Counter[str]()  # by kind, so that each kind meets every template
        self._refused = {"": FIRST}  # by kind of worker; "": whatever the kind
        self._proven: set[str] = set()

    def learn(self, first: Sequence[tuple[Worker, Collected]], timeout_s: float) -> None:
        """Asks the first workers, one a side, what they imported. Raises WorkerError where one is lost."""
        if not adoption.adopts():
            self._refused[""] = NO_ADOPTION
            return
        answers = [worker.ask(protocol.Ask("installed"), timeout_s).answer for worker, _ in first]
        told = [{name: tuple(each) for name, each in answer.items()} for answer in answers]
        self._loads = [Load(**fields, trial_s=TRIAL_S) for fields in told]
        self._first = [collected for _, collected in first]
        self._refused.pop("", None)

    def refusal(self, kind: str) -> str:
        """Why launches of a kind are started fresh; "" where they are forked."""
        return self._refused.get("") or self._refused.get(kind, "")

    def start(self, specs: Sequence[Spec], kind: str = "", fresh: str = "") -> list[Worker]:
        """A worker of each side, forked from templates of one hash seed or all started fresh.

        `fresh` is why they are not to be forks, where they are not. Of the environment that a spec has, only
        variables of this project may differ from launch to launch.
        """
        reason = fresh or self.refusal(kind)
        if not reason:
            number, workers = self._forked[kind] % self._count, list[Worker]()
            self._forked[kind] += 1
            try:
                for spec, template in zip(specs, self._ready(specs, number), strict=True):
                    workers.append(Worker(self._seeded(spec, number), template.fork, number))
                return workers
            except TemplateError as error:
                reason = str(error)
                _kill(workers)
                self._drop(number)
            except BaseException:
                _kill(workers)
                raise
        return [Worker(spec, start_reason=reason) for spec in specs]

    def start_together(
        self, spec: Spec, kinds: Sequence[str], timeout_s: float
    ) -> list[tuple[Worker, Collected]]:
        """Starts a worker for each of these kinds, side by side; each that is idle with what it collected.

        Raises WorkerError where none collects.
        """
        workers = [self.start([spec], kind)[0] for kind in kinds]
        if not _are_forks(workers):
            return collect_together(workers, timeout_s)
        idle = list[tuple[Worker, Collected]]()
        with suppress(WorkerError):  # then they are started fresh
            idle = collect_together(workers, self.patience_to_collect_s(workers, timeout_s))
        found = {worker: [collected] for worker, collected in idle}
        if not any(self.objects([worker], found.get(worker, [])) for worker in workers):
            return idle
        _kill(workers)
        return collect_together([self.start([spec], kind)[0] for kind in kinds], timeout_s)

    # What forks are held against. One that fails costs itself: what it was to do is done by a fresh start.

    def patience_to_collect_s(self, workers: Sequence[Worker], timeout_s: float) -> float:
        """Patience with the collection of workers that are forks or not."""
        first_s = max((each.collect_s for each in self._first), default=0.0)
        return min(timeout_s, TRIAL_S + first_s) if _are_forks(workers) else timeout_s

    def trial_first(
        self, order: list[T], cost_s: Callable[[T], float], workers: Sequence[Worker], kind: str
    ) -> list[T]:
        """The order of a pass: forks on trial begin with what is known to cost least; 0 is unknown."""
        if order and self._on_trial(workers, kind):
            cheapest = min(order, key=lambda each: cost_s(each) or math.inf)
            return [cheapest, *(each for each in order if each is not cheapest)]
        return order

    def _on_trial(self, workers: Sequence[Worker], kind: str) -> bool:
        return _are_forks(workers) and kind not in self._proven

    def patience_s(self, workers: Sequence[Worker], kind: str, timeout_s: float) -> float:
        """Patience with a visit: less with the first that forks make of a case of this kind."""
        return min(TRIAL_S, timeout_s) if self._on_trial(workers, kind) else timeout_s

    def prove(self, workers: Sequence[Worker], kind: str) -> None:
        """These workers, one a side, have made a visit of this kind."""
        if _are_forks(workers):
            self._proven.add(kind)

    def objects(self, forks: Sequence[Worker], collected: Sequence[Collected]) -> bool:
        """Whether forks, one a side, collected otherwise than the first; then nothing is forked any more."""
        if not _are_forks(forks):
            return False
        if len(collected) < len(forks):
            self._refused[""] = "a fork did not collect what a fresh start did"
        for each, first in zip(collected, self._first, strict=False):
            found, expected = (facts.facts.get("accelerators") for facts in (each, first))
            if found != expected:
                self._refused[""] = f"a fork found the accelerators {found}, a fresh start {expected}"
        return bool(self._refused.get(""))

    @contextmanager
    def forgiving(self, workers: Sequence[Worker], kind: str) -> Iterator[None]:
        """Raises ForkError in place of a WorkerError for which a fork may be to blame.

        The workers are then killed, and launches of this kind are not forked any more.
        """
        try:
            yield
        except WorkerError as lost:
            died_at_once = lost.outcome == "died" and kind not in self._proven
            if not _are_forks(workers) or not (lost.outcome == "timeout" or died_at_once):
                raise
            _kill(workers)
            self._refused[kind] = f"a fork failed at a case: {str(lost).splitlines()[0]}"
            raise ForkError(lost.outcome, str(lost)) from None

    # Templates.

    def _ready(self, specs: Sequence[Spec], number: int) -> list[Template]:
        """The templates of a number; all others are ready as well, so that none imports while others measure.

        Raises TemplateError where one will never be.
        """
        for each in set(range(self._count)) - set(self._templates):
            sides = zip(specs, self._loads, strict=True)
            self._templates[each] = [Template(self._seeded(spec, each), load) for spec, load in sides]
        try:
            for template in chain.from_iterable(self._templates.values()):
                template.wait()
        except TemplateError as error:
            self._refused[""] = str(error)
            self.close()
            raise
        return self._templates[number]

    def _seeded(self, spec: Spec, number: int) -> Spec:
        return spec.with_environment(PYTHONHASHSEED=hash_seed(self._seed + number))

    def _drop(self, number: int) -> None:
        for template in self._templates.pop(number, []):
            template.end()

    def close(self) -> None:
        """Ends all templates."""
        for number in list(self._templates):
            self._drop(number)


def hash_seed(number: int) -> str:
    """The seed of Python's hashes, as the user's environment or else the number has it.

    It is part of a launch's speed, since it decides on the order of sets.
    """
    given = os.environ.get("PYTHONHASHSEED", "")
    return given if given.isdigit() else str(number % 2**32)


def _kill(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.kill()


def _are_forks(workers: Sequence[Worker]) -> bool:
    return any(worker.template is not None for worker in workers)

"""New pairs of workers: both forked or both started fresh, with one hash seed, and each with its own code."""

from collections.abc import Sequence

from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.sides.pair import Pair
from bench.measure.sides.side import Side, SideError
from bench.measure.start.process import Spec, WorkerError
from bench.measure.start.templates import Templates, hash_seed
from bench.measure.worker.calls import TWICE_EVERY, period
from bench.measure.worker.protocol import Ask, Collected


class Starting:
    """Starts the pairs of two sides; each side has templates of its own."""

    def __init__(self, sides: Sequence[Side], templates: Templates, seed: int) -> None:
        self.templates = templates
        self._sides = sides
        self._seed = seed
        self._pairs = 0

    def start(self, kind: str = "", slowdown: float = 0.0, fresh: str = "") -> tuple[Pair, list[Collected]]:
        """A new pair that has collected; head is slowed down by that share. `fresh`: why it is no fork.

        Raises SideError where a side cannot be collected, or loads another side's code.
        """
        first = not self._pairs
        pair = Pair(self._sides, self.templates.start(self._specs(slowdown), kind, fresh))
        try:
            collected = self._collected(pair)
            if not self.templates.objects(pair.workers, collected):
                check(pair)
                if first:
                    self.templates.learn(list(zip(pair.workers, collected, strict=True)), COLLECT_TIMEOUT_S)
                return pair, collected
        except WorkerError as error:
            pair.kill()
            raise SideError(f"a side ended before it was measured: {error}") from None
        except BaseException:
            pair.kill()
            raise
        pair.kill()
        return self.start(kind, slowdown, fresh)  # afresh, from now on

    def _collected(self, pair: Pair) -> list[Collected]:
        """What each collected; nothing where a fork did not."""
        try:
            return pair.collected(self.templates.patience_to_collect_s(pair.workers, COLLECT_TIMEOUT_S))
        except SideError:
            if not any(worker.template is not None for worker in pair.workers):
                raise
        return []

    def _specs(self, slowdown: float) -> list[Spec]:
        """What both sides' workers find. They hash alike: the order of sets is part of the speed."""
        seed = hash_seed(self._seed + self._pairs)
        self._pairs += 1
        specs = [side.spec.with_environment(PYTHONHASHSEED=seed) for side in self._sides]
        if slowdown:
            base, head = specs
            base = base.with_environment(**{TWICE_EVERY: str(period(0.0))})
            specs = [base, head.with_environment(**{TWICE_EVERY: str(period(slowdown))})]
        return specs


def check(pair: Pair) -> None:
    """Raises SideError where a side has loaded code that is not its own, WorkerError where one is lost."""
    for side, modules in zip(pair.sides, pair.ask(Ask("modules")), strict=True):
        side.check(modules)

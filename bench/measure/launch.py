"""How far a launch of two sides has come: which cases are due, and how often.

Nothing here reads a clock or talks to a worker.
"""

import random
from collections.abc import Iterable

from bench.measure.schedule import Known

LAUNCH_S = 0.25
"""Timed seconds a case and side in a launch."""

MOST_VISITS = 12
"""Visits of a case in a launch: beyond, launches differ more than a launch's pairs do."""

FEWEST_VISITS = 3
"""Visits of a case whose blocks are long but whose calls are not: a median needs three pairs."""

CLEAN_PAIRS = 3
"""Pairs undisturbed on both sides without which a launch tells nothing: for them it makes as
many visits more, at most."""


class Launch:
    """How far a pair has come with its cases."""

    def __init__(self, number: int, cases: Iterable[Known]) -> None:
        self.number = number
        self.cases = list(cases)
        self._clean: dict[str, int] = {}
        for known in self.cases:
            known.enter(number)

    def next_pass(self, rng: random.Random) -> list[Known]:
        """The cases that want another visit, shuffled."""
        order = [known for known in self.cases if self.wants(known)]
        rng.shuffle(order)
        return order

    def count_clean(self, known: Known) -> None:
        """Takes in a pair that was undisturbed on both sides."""
        self._clean[known.case.id] = self._clean.get(known.case.id, 0) + 1

    def wants(self, known: Known) -> bool:
        """True while the launch owes the case a visit, or the case lacks clean pairs."""
        if known.closed:
            return False
        visits, due = known.visits_in_launch, visits_in_launch(known)
        lacking = self._clean.get(known.case.id, 0) < min(CLEAN_PAIRS, due)
        return visits < due or (lacking and not known.fragile and visits < 2 * due)


def visits_in_launch(known: Known) -> int:
    """How many visits a launch gives a case: a quarter of a second of calls, between 1 and 12."""
    if not known.visits or known.fragile:
        return 1
    block_s = max(known.call_s, known.calls * known.call_s)
    fewest = min(FEWEST_VISITS, LAUNCH_S / known.call_s)
    return round(min(max(LAUNCH_S / block_s, fewest, 1), MOST_VISITS))

"""How far a launch of two sides has come: which cases are due, and how often.

Nothing here reads a clock or talks to a worker.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable

from bench.measure.schedule import Known

LAUNCH_S = 0.25
"""Timed seconds a case and side in a launch."""

MOST_PAIRS = 12
"""Pairs of blocks of a case in a launch: beyond, launches differ more than a launch's pairs do."""

FEWEST_PAIRS = 3
"""Pairs of a case whose blocks are long but whose calls are not: a median needs three."""

CLEAN_SHARE = 0.5
"""Share of the pairs due that a launch tries to get clean, by as many pairs more as were due: beside others a
third of twelve may be left, whose median says half as much."""

VISITS = 4
"""In how many visits a launch times its pairs: a burst of noise or a change of pace is over by the next one,
and every visit costs a set-up on each side. Even, so that each side is first in half of them."""

CASE_S = 3.0
"""Seconds in a launch from which a case that has its fewest pairs gets no more: its set-up is slow, or others
hold its threads up."""


class Launch:
    """How far a pair of workers has come with its cases."""

    def __init__(self, number: int, cases: Iterable[Known]) -> None:
        self.number = number
        self.cases = list(cases)
        self._made: Counter[str] = Counter()
        self._clean: Counter[str] = Counter()
        self._spent_s: Counter[str] = Counter()
        for known in self.cases:
            known.enter(number)

    def next_pass(self, rng: random.Random) -> list[Known]:
        """The cases that want another visit, shuffled; those on one thread first.

        Threads of a case before, which still spin, would make those look parallel.
        """
        order = [known for known in self.cases if self.wants(known)]
        rng.shuffle(order)
        return sorted(order, key=lambda known: known.parallel)

    def take_in(self, known: Known, clean: Iterable[bool]) -> None:
        """Takes in a visit: for each of its pairs, whether both blocks were clean."""
        pairs = list(clean)
        self._made[known.case.id] += max(1, len(pairs))  # a visit without any counts, too: else it never ends
        self._clean[known.case.id] += sum(pairs)
        self._spent_s[known.case.id] += known.cost_s  # type: ignore[assignment]  # Counter counts in ints

    def wants(self, known: Known) -> bool:
        """True while the launch owes the case a visit, or the case lacks clean pairs."""
        case = known.case.id
        if known.closed or (known.fragile and self._made[case]):
            return False
        due = pairs_due(known)
        fewest = min(FEWEST_PAIRS, due)
        if self._spent_s[case] > CASE_S and self._made[case] >= fewest:
            return False
        enough = max(fewest, CLEAN_SHARE * due)
        return self._made[case] < due or (self._clean[case] < enough and self._made[case] < 2 * due)


def pairs_due(known: Known) -> int:
    """How many pairs a launch owes a case: a quarter of a second of blocks, between 1 and 12."""
    if math.isnan(known.call_s):  # never timed: not visited yet, or skipped on one side
        return 1
    fewest = min(FEWEST_PAIRS, LAUNCH_S / known.call_s)
    return round(min(max(LAUNCH_S / _block_s(known), fewest, 1), MOST_PAIRS))


def pairs_in_visit(known: Known) -> int:
    """How many pairs a visit times: a few, so that a launch spreads them."""
    return math.ceil(pairs_due(known) / VISITS)


def _block_s(known: Known) -> float:
    return max(1, known.calls) * known.call_s

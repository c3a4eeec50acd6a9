"""How far a launch of two sides has come: which cases are due, and how often.

Nothing here reads a clock or talks to a worker.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import median

from bench.measure.drive.policy import Known, relative_width
from bench.measure.worker import controls

BLOCK_S = 0.0025
"""Length of a block in lock step. The pace of a machine jumps: the median over many pairs of short blocks
close together is hit less than one over few of long ones. In 0.12 s a side a launch scatters by 0.9, 0.8, 1.0
and 1.3 % with blocks of 1, 2, 5 and 10 ms (a product on two threads; a network: 1.1, 1.2, 1.5, 2.0 %)."""

LAUNCH_S = 0.12
"""Timed seconds a case and side in a launch."""

PAIRS = 16
"""Pairs of blocks of a case in a launch, unless they leave too much open, or LAUNCH_S is over before."""

MIN_VISITS = 4
"""Visits whose agreement says something."""

MIN_PAIRS = 3
"""Pairs of a case whose blocks are long but whose calls are not: a median needs three."""

MIN_S = 0.25
"""Seconds that a side's fewest pairs may take; of longer calls a launch owes one or two."""

MAX_PAIRS_FOR_CLEAN = 2
"""How many times as many pairs as are due a launch makes at most of a case, because too few were clean."""

MAX_PAIRS_FOR_SCATTER = 1.5
"""The same because its visits lie too far apart. Beyond that further launches tell more for their time: with
up to 6, 7 and 8 visits where 4 are due, gates of 21 cases take 84, 88 and 90 s, and find 94 % of slowdowns
of 5 % each time (redrawn from recorded launches that scatter by 1 to 4 %)."""

WIDTH = 0.03
"""Half the 95 % interval of a launch's median ratio that is aimed at. Launches themselves differ by about
1 %; where they scatter by 3 %, slowdowns of 5 % begin to be missed."""

CLEAN_SHARE = 0.5
"""Share of the pairs due that a launch tries to get clean: the median of the third of them that may be left
beside others says half as much."""

VISIT_PAIRS = 4
"""Pairs in a visit. Few, since where a visit's data come to lie in memory moves all of its pairs, by 2 to
5 %, and setting up costs as much as the pairs. Four visits of 6, 4 and 2 pairs let launches of ten cases
scatter by 2.2, 2.2 and 2.6 %, six of 6 or 2 by 1.9 and 2.2 %."""

VISIT_S = 0.02
"""Timed seconds a side in a visit, and two pairs at least."""

CASE_S = 3.0
"""Seconds in a launch from which a case that has its fewest pairs gets no more: its set-up is slow, or others
hold its threads up. Its first visit is not counted, in which libraries may be loaded for seconds."""


class LaunchProgress:
    """How far a pair of workers has come with its cases."""

    def __init__(self, number: int, cases: Iterable[Known]) -> None:
        self.number = number
        self.cases = list(cases)
        self._made: Counter[str] = Counter()
        self._clean: Counter[str] = Counter()
        self._visits: defaultdict[str, list[float]] = defaultdict(list)
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

    def take_in(self, known: Known, ratios: Iterable[float]) -> None:
        """Takes in a visit: for each of its pairs head/base, or NaN where not both blocks were clean."""
        pairs, case = list(ratios), known.case.id
        clean = [ratio for ratio in pairs if not math.isnan(ratio)]
        if self._made[case]:
            self._spent_s[case] += known.cost_s  # type: ignore[assignment]  # Counter counts in ints
        self._made[case] += max(1, len(pairs))  # a visit without any counts, too: else it never ends
        self._clean[case] += len(clean)
        if clean:
            self._visits[case].append(median(clean))

    def wants(self, known: Known) -> bool:
        """True while the launch owes the case a visit, or its clean pairs are too few or too far apart."""
        case, due = known.case.id, pairs_due(known)
        made, fewest = self._made[case], min(MIN_PAIRS, due)
        if known.closed or (known.fragile and made):
            return False
        if made < fewest:
            return True
        if self._spent_s[case] > CASE_S or made >= MAX_PAIRS_FOR_CLEAN * due:
            return False
        if made < due or self._clean[case] < max(fewest, CLEAN_SHARE * due):
            return True
        return made < MAX_PAIRS_FOR_SCATTER * due and self._lies_apart(known)

    def _lies_apart(self, known: Known) -> bool:
        """True where the visits so far leave the ratio too open; a control's need not tell so much."""
        visits = self._visits[known.case.id]
        return known.case.suite != controls.SUITE and relative_width(visits, MIN_VISITS) > WIDTH


def pairs_due(known: Known) -> int:
    """How many pairs a launch owes a case: an eighth of a second of blocks, between 1 and `PAIRS`."""
    if math.isnan(known.call_s):  # never timed: not visited yet, or skipped on one side
        return 1
    fewest = min(MIN_PAIRS, MIN_S / known.call_s)
    return round(min(max(LAUNCH_S / _block_s(known), fewest, 1), PAIRS))


def pairs_in_visit(known: Known) -> int:
    """How many pairs a visit times: a few, so that a launch spreads them."""
    if math.isnan(known.call_s):
        return 1
    return min(max(round(VISIT_S / _block_s(known)), 2), VISIT_PAIRS, pairs_due(known))


def _block_s(known: Known) -> float:
    return max(1, known.calls) * known.call_s

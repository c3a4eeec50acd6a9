"""How far a launch of two sides has come: which cases are due, and how often.

Nothing here reads a clock or talks to a worker. The constants rest on docs/measurements.md, "How much
a launch measures".
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from bench.disturbance import MIN_PAIRS, MIN_PAIRS_S
from bench.measure.drive.entry import Entry, Timing
from bench.measure.drive.policy import relative_width
from bench.measure.worker import controls

BLOCK_S = 0.0025
"""Length of a block in lock step: the pace of a machine jumps, which hits the median over many pairs of short
blocks less than one over few of long ones."""

LAUNCH_S = 0.12
"""Timed seconds a case and side in a launch."""

PAIRS = 16
"""Pairs of blocks of a case in a launch, unless they leave too much open, or LAUNCH_S is over before."""

MIN_VISITS = 4
"""Visits whose agreement says something."""

MAX_PAIRS_FOR_CLEAN = 2
"""How many times as many pairs as are due a launch makes at most of a case, because too few were clean."""

MAX_PAIRS_FOR_SCATTER = 1.5
"""The same because its visits lie too far apart; beyond that, further launches tell more for their time."""

WIDTH = 0.03
"""Half the 95 % interval of a launch's median ratio that is aimed at. Launches themselves differ by about
1 %; where they scatter by 3 %, slowdowns of 5 % begin to be missed."""

TRIES = 4
"""Pairs that a launch makes of a case while none is clean, however few are due: of long calls one tells."""

CLEAN_SHARE = 0.5
"""Share of the pairs due that a launch tries to get clean."""

VISIT_PAIRS = 4
"""Pairs in a visit. Few, since where a visit's data come to lie in memory moves all of its pairs."""

VISIT_S = 0.02
"""Timed seconds a side in a visit, and two pairs at least."""

CASE_S = 3.0
"""Seconds in a launch from which a case that has its fewest pairs gets no more: its set-up is slow, or others
hold its threads up. Its first visit is not counted, in which libraries may be loaded for seconds."""


@dataclass
class CaseProgress:
    """What a launch has of a case: pairs made and clean, each visit's ratio, seconds after the first."""

    made: int = 0
    clean: int = 0
    medians: list[float] = field(default_factory=list)
    spent_s: float = 0.0


class LaunchProgress:
    """How far a pair of workers has come with its cases, whose `entries` are those of the ledger."""

    def __init__(self, entries: Mapping[str, Entry], cases: Iterable[str]) -> None:
        self._entries = entries
        self._cases = list(cases)
        self._progress: defaultdict[str, CaseProgress] = defaultdict(CaseProgress)

    def next_pass(self, rng: random.Random) -> list[Entry]:
        """The cases that want another visit, shuffled; those on one thread first.

        Threads of an earlier case that still spin would make those look parallel.
        """
        order = [self._entries[case] for case in self._cases if self.wants(case)]
        rng.shuffle(order)
        return sorted(order, key=lambda entry: entry.threads.parallel)

    def take_in(self, case: str, ratios: Iterable[float]) -> None:
        """Takes in a visit: for each of its pairs head/base, or NaN where not both blocks were clean."""
        pairs, progress = list(ratios), self._progress[case]
        clean = [ratio for ratio in pairs if not math.isnan(ratio)]
        if progress.made:
            progress.spent_s += self._entries[case].cost.visit_s()
        progress.made += max(1, len(pairs))  # a visit without any counts, too: else it never ends
        progress.clean += len(clean)
        if clean:
            progress.medians.append(median(clean))

    def wants(self, case: str) -> bool:
        """True while the launch owes the case a visit, or its clean pairs are too few or too far apart."""
        entry, progress = self._entries[case], self._progress[case]
        due = pairs_due(entry.timing)
        made, fewest = progress.made, min(MIN_PAIRS, due)
        if entry.lifecycle.closed or (entry.lifecycle.once and made):
            return False
        if made < fewest:
            return True
        most = MAX_PAIRS_FOR_CLEAN * due if progress.clean else max(MAX_PAIRS_FOR_CLEAN * due, TRIES)
        if progress.spent_s > CASE_S or made >= most:
            return False
        if made < due or progress.clean < max(fewest, CLEAN_SHARE * due):
            return True
        if made >= MAX_PAIRS_FOR_SCATTER * due or entry.case.suite == controls.SUITE:
            return False  # a control need not tell so much
        return relative_width(progress.medians, MIN_VISITS) > WIDTH


def pairs_due(timing: Timing) -> int:
    """How many pairs a launch owes a case: an eighth of a second of blocks, between 1 and `PAIRS`."""
    if math.isnan(timing.call_s):  # never timed: not visited yet, or skipped on one side
        return 1
    fewest = min(MIN_PAIRS, MIN_PAIRS_S / timing.call_s)
    return round(min(max(LAUNCH_S / _block_s(timing), fewest, 1), PAIRS))


def pairs_in_visit(timing: Timing) -> int:
    """How many pairs a visit times: a few, so that a launch spreads them."""
    if math.isnan(timing.call_s):
        return 1
    return min(max(round(VISIT_S / _block_s(timing)), 2), VISIT_PAIRS, pairs_due(timing))


def _block_s(timing: Timing) -> float:
    return max(1, timing.calls) * timing.call_s

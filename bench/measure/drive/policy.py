"""What to time next and for how long: which cases a pass visits, how many blocks, and for how many seconds.

Nothing here reads a clock or talks to a worker, so every decision can be tested with numbers.
"""

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import NormalDist, median, quantiles

from bench.events import Sizes
from bench.measure.drive.entry import Entry, Timing
from bench.records import Case

VISIT_S = 0.06
"""Timed seconds a visit: five blocks and their warm-up, so that a pass through 100 cases takes seconds."""

MAX_VISITS = 12
"""Visits of a case in one launch: beyond, launches differ more than a launch's blocks do."""

MAX_EXPONENT = 3.0
"""The steepest rise of time with size that is extrapolated: a matrix product's."""

WARMUP_BLOCKS = 6
"""Blocks before a series can be called stationary: two samples of three."""

MIN_BLOCKS = 5
"""Clean blocks in a launch before its width is believed."""

MAX_STARTING_SHARE = 0.5
"""The largest share of the time left that may go into starting workers."""


def blocks_per_visit(timing: Timing) -> int:
    """How many blocks a visit times."""
    if timing.is_long:
        return 1
    return max(1, min(MIN_BLOCKS, round(VISIT_S / (timing.calls * timing.call_s))))


def relative_width(per_call_s: Sequence[float], least: int = MIN_BLOCKS) -> float:
    """Half the 95 % interval of a launch's median, as a share of it; infinite while it rests on too little.

    The median's standard error is 1.2533 σ/√n for a normal series, σ taken from the quartiles.
    """
    if len(per_call_s) < least:
        return math.inf
    low, _, high = quantiles(per_call_s, n=4)
    sigma = (high - low) / (2 * NormalDist().inv_cdf(0.75))
    return NormalDist().inv_cdf(0.975) * 1.2533 * sigma / math.sqrt(len(per_call_s)) / median(per_call_s)


def settled(per_call_s: Sequence[float]) -> bool:
    """True once a warm-up series is stationary: it no longer gets faster.

    That is, its last three blocks are no more than 2 % faster than the three before, or not all of them are
    faster than all of those: by chance that happens once in twenty times, however noisy the series. Two
    samples are compared as in pyperf's `calibrate_warmups`; medians, since one burst must not prolong it.
    """
    if len(per_call_s) < WARMUP_BLOCKS:
        return False
    before, recent = per_call_s[-6:-3], per_call_s[-3:]
    return median(recent) >= median(before) * 0.98 or max(recent) >= min(before)


def first_pass(
    entries: Iterable[Entry], seconds: float, rng: random.Random, near: Collection[str] = ()
) -> list[Entry]:
    """Every case once, in random order; along an axis the small first, to extrapolate from them.

    Those never visited all have their turn; of the others as many as fit into `seconds`: first those in
    `near`, on which a crossover rests, then those visited in the fewest launches, the cheap before the dear.
    """
    order, left_s = [], seconds
    for entry in sorted(entries, key=lambda entry: _rank(entry, near)):
        left_s -= entry.cost.visit_s
        if not entry.lifecycle.closed and (not entry.lifecycle.visits or left_s > 0):
            order.append(entry)
    rng.shuffle(order)
    by_size = iter(sorted((entry for entry in order if entry.case.axis), key=_size))
    return [next(by_size) if entry.case.axis else entry for entry in order]


def _rank(entry: Entry, near: Collection[str]) -> tuple[bool, int, float]:
    return entry.case.id not in near, len(entry.lifecycle.visits), entry.cost.visit_s


def next_pass(
    entries: Iterable[Entry], launch: int, width: float, seconds: float, rng: random.Random
) -> list[Entry]:
    """The cases worth another visit in this launch that fit into `seconds`, shuffled.

    Those that this launch has not visited come first, then those furthest from their width for their cost.
    """
    wanted = [entry for entry in entries if _wants_visit(entry, launch, width)]
    chosen, left_s = [], seconds
    for entry in sorted(wanted, key=lambda entry: _gain(entry, launch, width), reverse=True):
        if entry.cost.visit_s <= left_s:
            chosen.append(entry)
            left_s -= entry.cost.visit_s
    rng.shuffle(chosen)
    return chosen


def _wants_visit(entry: Entry, launch: int, width: float) -> bool:
    """True while another visit in this launch is worth its time."""
    visits = entry.lifecycle.visits.get(launch, 0)
    if entry.lifecycle.closed or not visits:
        return not entry.lifecycle.closed
    if entry.lifecycle.fragile or entry.timing.is_long or visits >= MAX_VISITS:
        return False
    return relative_width(entry.timing.clean_s) > width


def _gain(entry: Entry, launch: int, width: float) -> tuple[bool, float]:
    fresh = launch not in entry.lifecycle.visits
    distance = 100.0 if fresh else min(relative_width(entry.timing.clean_s) / width, 100.0)
    return fresh, distance / max(entry.cost.visit_s, 1e-4)


def _size(entry: Entry) -> float:
    size = entry.case.params.get(entry.case.axis or "")
    return float(size) if isinstance(size, int | float) else 0.0


def extrapolated_s(entry: Entry, entries: Iterable[Entry]) -> float:
    """Seconds per call, extrapolated from a case's smaller sizes; 0 where there are none.

    Extends the fastest blocks of the last two sizes of the same curve as a power law; a burst of noise
    beside a small size must not promise hours for a large one.
    """
    smaller = [
        (_size(other), other.timing.fastest_s)
        for other in entries
        if _same_curve(entry.case, other.case)
        and math.isfinite(other.timing.fastest_s)
        and 0 < _size(other) < _size(entry)
    ]
    if not smaller:
        return 0.0
    *before, (size, seconds) = sorted(smaller)[-2:]
    exponent = 1.0
    if before:
        rise = math.log(seconds / before[0][1]) / math.log(size / before[0][0])
        exponent = min(max(exponent, rise), MAX_EXPONENT)
    return float(seconds * (_size(entry) / size) ** exponent)


def _same_curve(one: Case, other: Case) -> bool:
    """Equal but for the size."""
    curves = [(case.suite, case.operation, case.device) for case in (one, other)]
    if one.axis is None or curves[0] != curves[1]:
        return False
    return all(other.params.get(name) == value for name, value in one.params.items() if name != one.axis)


def among(case: Case, sizes: Sizes) -> bool:
    """True where the case's size is one of those."""
    of_test = sizes.get(case.id.partition("[")[0], {})
    return case.params.get(case.axis or "") in of_test.get(case.axis or "", ())


def launch_until_s(
    kind: str, costs_s: Mapping[str, float], begun_s: float, deadline_s: float, start_s: float, later: int
) -> float:
    """When a launch of this kind of worker that began at `begun_s` is to end, in seconds of the run.

    `costs_s` is what one pass takes by kind, in the order of a round; `start_s` what starting a round's
    workers takes, side by side. The time left is shared by cost with the kinds that follow and `later` rounds
    more. What no launch has measured may thus take the time of the rounds to come, but never another kind's;
    and there are no more rounds than leave most of the time to what is measured.
    """
    left_s = deadline_s - begun_s
    if math.isinf(left_s):
        return math.inf
    kinds = list(costs_s)
    here = kinds[kinds.index(kind) :] if kind in costs_s else []
    later = max(0, min(later, int(MAX_STARTING_SHARE * left_s / max(start_s, 1e-9))))
    to_come_s = sum(costs_s[name] for name in here) + later * sum(costs_s.values())
    share = costs_s.get(kind, 0.0) / max(to_come_s, 1e-9)
    return min(begun_s + (left_s - later * start_s) * share, deadline_s)

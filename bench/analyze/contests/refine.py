"""Which sizes to measure next, so that a run knows its contests better: bisection in log size.

Sizes at which contenders cannot be told apart are measured again. Two things keep a crossing's interval wide.
Sizes too far apart leave the curve between them open: a size is added in the middle. Too few launches leave
the times themselves open: the sizes around are measured again, and nothing is added while a crossing may be
anywhere between two of them: a third tells no more of it. Nothing is decided from how long a size would take,
nor from which side it would favour.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Place, suggested
from bench.analyze.contests.curve import Curve

WIDE = 1.10
"""Ratio of an interval's ends up to which a crossing is known well enough."""

SHAPE = 1.02
"""Ratio up to which the curve between two sizes may be left open: a fifth of WIDE, the rest is the times'."""

MAX_PLACES = 3
"""Crossings of a contest that are looked into, the sustained one among them: more are a tie's noise."""

DIGITS = 5
"""Binary digits of an added size: round, for kernels that like multiples, and within 3 % of the middle."""

KNOWN_LAUNCHES = 4
"""Launches from which the times at a size are known well enough, where the run sets no number."""

Sizes = dict[str, dict[str, list[float]]]
"""Sizes by test ("path::test") and axis."""


def wanted(choices: Iterable[Choice], launches: int | None = None) -> Sizes:
    """The sizes at which contenders are not told apart, and those around every crossing that is not known
    well enough yet, those to be added among them.

    A crossing is known well enough when its interval is, from as many `launches` as the run is to have. Where
    somebody set that number, no size gets more of them for being open.
    """
    sizes_of: dict[str, dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for choice in choices:
        for contest in choice.contests:
            enough = launches or KNOWN_LAUNCHES
            sizes = around(contest.curve, contest.places, enough) if contest.curve else set()
            sizes |= _open(choice, contest, launches or math.inf)
            for case in contest.crossing.evidence if sizes else ():
                sizes_of[case.partition("[")[0]][choice.axis] |= sizes
    return {test: {axis: sorted(sizes) for axis, sizes in axes.items()} for test, axes in sizes_of.items()}


def _open(choice: Choice, contest: Contest, most: float) -> set[float]:
    """The sizes of a contest at which the choice has no answer, from fewer launches than `most`."""
    ranges = [each for each in choice.ranges if each.state == "inconclusive"]
    return {
        _plain(size)
        for size, launches in zip(contest.sizes, contest.launches, strict=True)
        if launches < most and any(each.smallest <= size <= each.largest for each in ranges)
    }


def around(curve: Curve, places: Sequence[Place], launches: int) -> set[float]:
    """The sizes to measure around the crossings of a curve; `places` are those that it was found to have."""
    counts = dict(zip(map(_plain, curve.points.sizes), curve.points.launches, strict=True))
    sizes: set[float] = set()
    for shape in suggested(curve)[-MAX_PLACES:]:
        stretches = _stretches(list(counts), shape)
        settled = min(counts[size] for stretch in stretches for size in stretch) >= launches
        place = next((each for each in places if each.low <= shape.high and shape.low <= each.high), None)
        if settled and place and place.high <= WIDE * place.low:
            continue
        below, above = max(stretches, key=lambda stretch: stretch[1] / stretch[0])
        within = place is not None and place.high / place.low < above / below
        if within and shape.high > SHAPE * shape.low:
            sizes.update(middle(below, above))
        if settled and place:
            stretches += _stretches(list(counts), place)
        sizes.update(size for stretch in stretches for size in stretch)
    return sizes


def _plain(size: float) -> float:
    """The size as a test would list it: an int where it is whole."""
    return int(size) if float(size).is_integer() else float(size)


def _stretches(sizes: Sequence[float], place: Place) -> list[tuple[float, float]]:
    """Sizes next to each other between which a part of the crossing's interval lies."""
    return [(below, above) for below, above in pairwise(sizes) if below <= place.high and above >= place.low]


def middle(below: float, above: float) -> list[float]:
    """The middle of two sizes in logarithms, round, and whole where they are; empty where there is none."""
    exact = math.sqrt(below * above)
    if not (float(below).is_integer() and float(above).is_integer()):
        return [exact]
    step = 2 ** max(0, math.floor(math.log2(exact)) + 1 - DIGITS)
    size = round(exact / step) * step
    return [size] if below < size < above else []

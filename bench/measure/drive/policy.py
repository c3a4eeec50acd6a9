"""What to time next and for how long: presets, what is known of each case, and the passes through them.

Nothing here reads a clock or talks to a worker, so every decision can be tested with numbers.
"""

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist, median, quantiles

from bench.events import Sizes
from bench.records import TELLING_S, Block, Case, Kind

BLOCK_S = 0.010
"""Length of a block: long against the clock (50 ns), short against a burst of noise."""

SELF_DISTURBING_BLOCK_S = 0.55
"""Length at least of a block of a case that disturbs itself: what others took is read from half a second on
(`interference.MIN_FOREIGN_S`), and a block may turn out faster than foretold."""

VISIT_S = 0.06
"""Timed seconds a visit: five blocks and their warm-up, so that a pass through 100 cases takes seconds."""

LONG_CALL_S = 1.0
"""From here a call is timed once a launch, after the first."""

MAX_VISITS = 12
"""Visits of a case in one launch: beyond, launches differ more than a launch's blocks do."""

STEEPEST = 3.0
"""The steepest rise of time with size that is foretold: a matrix product's."""

WARMUP_BLOCKS = 6
"""Blocks before a series can be called stationary: two samples of three."""

MIN_BLOCKS = 5
"""Counted blocks in a launch before its width is believed."""


MAX_STARTING_SHARE = 0.5
"""The largest share of the time left that may go into starting workers."""


@dataclass
class Known:
    """What is known of a case while a run goes on: how to time it, and how well it is known already."""

    case: Case
    block_s: float = BLOCK_S
    call_s: float = math.nan
    fastest_s: float = math.inf
    calls: int = 0
    multiple: int = 1  # what `calls` is a multiple of
    cost_s: float = 0.0
    processors: int = 1
    parallel: bool = False
    loose: bool = False  # its threads cannot be given places: they come and go, or leave the caller idle
    self_disturbing: bool = False
    told: list[bool] = field(default_factory=list)  # by each wall block that was long enough to tell
    fragile: bool = False
    closed: str = ""
    visits: int = 0
    launches: set[int] = field(default_factory=set)
    launch: int = -1
    visits_in_launch: int = 0
    per_call_s: list[float] = field(default_factory=list)
    queued: dict[Kind, int] = field(default_factory=dict)  # calls that fit into a device's queue, where fewer

    @property
    def is_team(self) -> bool:
        """True where its calling thread and others that stay work together, each on a processor."""
        return self.parallel and not self.loose and not self.self_disturbing

    @property
    def long(self) -> bool:
        return self.call_s >= LONG_CALL_S

    def enter(self, launch: int) -> None:
        """A new launch: its blocks are judged by themselves."""
        self.launch, self.per_call_s, self.visits_in_launch = launch, [], 0
        self.queued = {kind: calls for kind, calls in self.queued.items() if calls}  # the host may have slept

    def learn_speed(self, block: Block) -> None:
        """Takes in how long a call took, and whether the case disturbs itself."""
        self.call_s = block.wall_s / block.calls
        self.fastest_s = min(self.fastest_s, self.call_s)
        self.processors = max(self.processors, block.processors)  # in lock step some blocks are held on one
        disturbs_itself = replace(block, processors=self.processors).disturbs_itself
        if block.kind == "wall" and block.wall_s >= TELLING_S:
            self.told.append(disturbs_itself)
            self.self_disturbing = 2 * sum(self.told) >= len(self.told)
        elif not self.told:  # threads of the set-up may still spin: the latest block tells best
            self.self_disturbing = disturbs_itself

    def learn(self, blocks: Iterable[Block]) -> None:
        """Takes in the blocks of a visit."""
        for block in blocks:
            if block.kind == "wall" or math.isnan(self.call_s):
                self.learn_speed(block)
            if block.kind == "wall" and not block.disturbed(self.self_disturbing):
                self.per_call_s.append(block.wall_s / block.calls)
        self.launches.add(self.launch)
        self.visits += 1
        self.visits_in_launch += 1


def calls_per_block(known: Known) -> int:
    """How many calls make a block: chosen once per case, the same in every launch and on both sides.

    By the fastest block so far: a disturbed one would make all blocks too short.
    """
    calls: float = 1_000_000
    if known.fastest_s > 0:
        length_s = SELF_DISTURBING_BLOCK_S if known.self_disturbing else known.block_s
        calls = math.ceil(length_s / known.fastest_s) if known.self_disturbing else length_s / known.fastest_s
    return math.ceil(max(1, round(calls)) / known.multiple) * known.multiple


def blocks_per_visit(known: Known) -> int:
    """How many blocks a visit times."""
    if known.long:
        return 1
    return max(1, min(MIN_BLOCKS, round(VISIT_S / (known.calls * known.call_s))))


def relative_width(per_call_s: Sequence[float], least: int = MIN_BLOCKS) -> float:
    """Half the 95 % interval of a launch's median, as a share of it; infinite while it rests on too little.

    The median's standard error is 1.2533 σ/√n for a normal series, σ taken from the quartiles.
    """
    if len(per_call_s) < least:
        return math.inf
    low, _, high = quantiles(per_call_s, n=4)
    sigma = (high - low) / (2 * NormalDist().inv_cdf(0.75))
    return NormalDist().inv_cdf(0.975) * 1.2533 * sigma / math.sqrt(len(per_call_s)) / median(per_call_s)


def is_open(known: Known, width: float) -> bool:
    """True while another visit in this launch is worth its time."""
    if known.closed:
        return False
    if known.launch not in known.launches:
        return True
    if known.fragile or known.long or known.visits_in_launch >= MAX_VISITS:
        return False
    return relative_width(known.per_call_s) > width


def first_pass(
    cases: Sequence[Known], seconds: float, rng: random.Random, near: Collection[str] = ()
) -> list[Known]:
    """Every case once, in random order; along a size axis the small first, to foretell the big ones.

    Those never visited all have their turn; of the others as many as fit into `seconds`: first those in
    `near`, on which a crossover rests, then those known from the fewest launches, the cheap before the dear.
    """
    order, left_s = [], seconds
    for known in sorted(cases, key=lambda known: _turn(known, near)):
        left_s -= known.cost_s
        if not known.closed and (not known.visits or left_s > 0):
            order.append(known)
    rng.shuffle(order)
    sizes = iter(sorted((known for known in order if known.case.axis), key=_size))
    return [next(sizes) if known.case.axis else known for known in order]


def _turn(known: Known, near: Collection[str]) -> tuple[bool, int, float]:
    return known.case.id not in near, len(known.launches), known.cost_s


def next_pass(cases: Sequence[Known], width: float, seconds: float, rng: random.Random) -> list[Known]:
    """The open cases that fit into `seconds`, shuffled.

    Those that this launch has not visited come first, then those furthest from their width for their cost.
    """
    open_cases = [known for known in cases if is_open(known, width)]
    ranked = sorted(open_cases, key=lambda known: _gain(known, width), reverse=True)
    chosen, left_s = [], seconds
    for known in ranked:
        if known.cost_s <= left_s:
            chosen.append(known)
            left_s -= known.cost_s
    rng.shuffle(chosen)
    return chosen


def _gain(known: Known, width: float) -> tuple[bool, float]:
    distance = min(relative_width(known.per_call_s) / width, 100.0)
    return known.launch not in known.launches, distance / max(known.cost_s, 1e-4)


def _size(known: Known) -> float:
    size = known.case.params.get(known.case.axis or "")
    return float(size) if isinstance(size, int | float) else 0.0


def foretold_s(known: Known, cases: Iterable[Known]) -> float:
    """Seconds per call that a case's smaller sizes foretell; 0 where they tell nothing.

    Extends the fastest blocks of the last two sizes of the same curve as a power law; a burst of noise
    beside a small size must not foretell hours for a large one.
    """
    smaller = [
        other
        for other in cases
        if _same_curve(known.case, other.case)
        and math.isfinite(other.fastest_s)
        and 0 < _size(other) < _size(known)
    ]
    if not smaller:
        return 0.0
    *before, last = sorted(smaller, key=_size)[-2:]
    exponent = 1.0
    if before:
        rise = math.log(last.fastest_s / before[0].fastest_s) / math.log(_size(last) / _size(before[0]))
        exponent = min(max(exponent, rise), STEEPEST)
    return float(last.fastest_s * (_size(known) / _size(last)) ** exponent)


def _same_curve(one: Case, other: Case) -> bool:
    """Equal but for the size."""
    if one.axis is None or (one.suite, one.operation, one.device) != (
        other.suite,
        other.operation,
        other.device,
    ):
        return False
    return all(other.params.get(name) == value for name, value in one.params.items() if name != one.axis)


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


def among(case: Case, sizes: Sizes) -> bool:
    """True where the case's size is one of those."""
    of_test = sizes.get(case.id.partition("[")[0], {})
    return case.params.get(case.axis or "") in of_test.get(case.axis or "", ())


def launch_until_s(
    kind: str, costs_s: Mapping[str, float], begun_s: float, deadline_s: float, start_s: float, later: int
) -> float:
    """When a launch of this kind of worker that began at `begun_s` is to end, in seconds of the run.

    `costs_s` is what one pass takes by kind, in the order of a round; `start_s` what starting a round's
    workers takes, side by side. The time left is shared by cost with the kinds behind it and `later` rounds
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

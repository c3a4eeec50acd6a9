"""What to time next and for how long: which cases a pass visits, how many blocks, and for how many seconds.

Nothing here reads a clock or talks to a worker, so every decision can be tested with numbers.
"""

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from statistics import NormalDist, median, quantiles

from bench.disturbance import disturbed
from bench.events import Sizes, Visit
from bench.measure.drive.entry import Entry
from bench.measure.drive.worth import MAX_VISITS, Typical, gain_per_s, target, typical, width
from bench.records import Case, Kind

TYPICAL_VISIT_S = 0.2
"""What a visit takes before a case was ever visited."""

MIN_BLOCKS_PER_VISIT, MAX_BLOCKS_PER_VISIT = 2, 5
"""Blocks of a visit: two, since one may be disturbed, unless they are long; beyond five a visit costs more
than another one would."""

LOADING_BLOCKS = 2
"""Blocks of a visit of a case with processes of its own: starting those costs as much as a block,
whose times scatter as much as visits do."""

LONG_BLOCK_S = 0.05
"""Block from which a visit may have a single one."""

BLOCK_TO_VISIT = 0.5
"""How far blocks of a visit lie apart, as a share of how far visits do: on virtual machines 0.1 to 0.65."""

MIN_LAUNCHES = 3
"""Launches of a case, if time lasts: what a process got at its start, such as its layout in memory, holds for
all of its visits."""

QUOTED: tuple[Kind, ...] = ("wall", "latency")
"""The kinds of block that answers quote, timed side by side: where a host's pace changes between visits,
one call and its wait else reads shorter than a call back to back, by up to a third."""

DEVICE_TURNS: tuple[tuple[Kind, ...], ...] = (QUOTED, ("device",), QUOTED, ("cold",))
"""What the visits of a launch time in turn, of a case on an accelerator: most often what answers rest on."""

PASS_SHARE = 0.2
"""Share of what is left of a launch that a pass may take: what is worth most is asked anew after each."""

NEAR_WEIGHT = 2.0
"""How much more a case counts whose size lies near an open crossing, or at which a contest has no answer."""

MAX_EXPONENT = 3.0
"""The steepest rise of time with size that is extrapolated: a matrix product's."""

MIN_BLOCKS = 5
"""Blocks before the width of a series is believed."""

WARMUP_BLOCKS = 6
"""Blocks before a series can be called stationary: two samples of three."""


def blocks_per_visit(entry: Entry) -> int:
    """How many blocks a visit times: the more, the more its set-up costs beside a block.

    Kalibera and Jones's rule for the lowest level, sqrt(cost of a visit / cost of a block) x block / visit.
    """
    timing = entry.timing
    block_s = timing.calls * timing.call_s
    if timing.is_long:
        return 1
    if timing.self_disturbing:
        return LOADING_BLOCKS
    best = round(math.sqrt(entry.cost.around_s / max(block_s, 1e-6)) * BLOCK_TO_VISIT)
    return max(1 if block_s > LONG_BLOCK_S else MIN_BLOCKS_PER_VISIT, min(best, MAX_BLOCKS_PER_VISIT))


def relative_width(per_call_s: Sequence[float], least: int = MIN_BLOCKS) -> float:
    """Half the 95 % interval of a median, as a share of it; infinite while it rests on fewer than `least`.

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


def next_pass(
    entries: Iterable[Entry],
    launch: int,
    run_target: float,
    seconds: float,
    rng: random.Random,
    near: Collection[str] = (),
    every_launch: bool = False,
) -> list[Entry]:
    """The cases that the next pass of this launch visits, of which `seconds` are left.

    Those never visited all have their turn, those first that an answer rests on, along an axis the small
    first, to extrapolate from them. Of the others come those whose interval gains most for their time, in
    random order, as many as fit into a part of the seconds: the longer a case takes, the fewer its visits.
    With `every_launch` each case wants a visit in this one, whatever is known of it.
    """
    known = list(entries)
    unseen = [entry for entry in known if not (entry.lifecycle.visits or entry.lifecycle.closed)]
    run = typical(known)
    wanted = [
        entry
        for entry in known
        if entry.lifecycle.visits and _wants(entry, launch, run, run_target, every_launch)
    ]
    worth = {
        entry.case.id: gain_per_s(entry, launch, run) * (NEAR_WEIGHT if entry.case.id in near else 1.0)
        for entry in wanted
    }
    chosen: list[Entry] = []
    left_s = seconds - TYPICAL_VISIT_S * len(unseen)
    part_s = left_s * PASS_SHARE
    for entry in sorted(wanted, key=lambda entry: worth[entry.case.id], reverse=True):
        cost_s = entry.cost.visit_s(launch not in entry.lifecycle.visits)
        if cost_s <= part_s or (not chosen and cost_s <= left_s):
            chosen.append(entry)
            part_s -= cost_s
    rng.shuffle(chosen)
    return _in_turn(unseen, rng) + chosen


def _in_turn(unseen: list[Entry], rng: random.Random) -> list[Entry]:
    """Contests' cases first, devices' before others; in random order but for an axis' sizes, which rise."""
    rng.shuffle(unseen)
    by_size = iter(sorted((entry for entry in unseen if entry.case.axis), key=_size))
    order = [next(by_size) if entry.case.axis else entry for entry in unseen]
    return sorted(order, key=lambda entry: (not entry.compares_devices, not entry.in_contest))


def satisfied(entry: Entry, run: Typical, run_target: float) -> bool:
    """True where a case needs no further launch: seen in a few, in every kind of block, and at its target."""
    if len(entry.timing.visited.counts) < MIN_LAUNCHES or _missing_kinds(entry):
        return False
    return width(entry, run) <= target(entry, run_target)


def _wants(entry: Entry, launch: int, run: Typical, run_target: float, every_launch: bool) -> bool:
    """True while another visit in this launch is worth its time."""
    visits = entry.lifecycle.visits.get(launch, 0)
    if entry.lifecycle.closed or visits >= MAX_VISITS:
        return False
    if not visits:
        return every_launch or not satisfied(entry, run, run_target)
    if entry.lifecycle.once or entry.timing.is_long:
        return False
    if _missing_kinds(entry):
        return True
    return width(entry, run) > target(entry, run_target)


def _missing_kinds(entry: Entry) -> list[Kind]:
    """The kinds of block that no visit of the case has timed yet, of those that its queue can hold."""
    once = entry.timing.is_long or entry.lifecycle.once  # a visit a launch leaves no time for cold calls
    fits = [kind for kind in kinds_of(entry.case) if entry.timing.queued.get(kind) != 0]
    return [kind for kind in fits if kind not in entry.timing.kinds and not (once and kind == "cold")]


def turns_of(case: Case) -> tuple[tuple[Kind, ...], ...]:
    """The kinds of block that a case's visits time in turn."""
    return (("wall",),) if case.device == "cpu" else DEVICE_TURNS


def kinds_of(case: Case) -> tuple[Kind, ...]:
    """Every kind of block that a case's visits time."""
    return tuple(dict.fromkeys(chain.from_iterable(turns_of(case))))


def kinds_in_turn(entry: Entry, launch: int) -> tuple[Kind, ...]:
    """The kinds of block that the next visit of a case in a launch times: those of its turn, or all but cold
    ones where a launch has but one visit. In place of one that the device's queue cannot hold come those that
    are quoted.
    """
    turns, queued = turns_of(entry.case), entry.timing.queued
    if entry.timing.is_long or entry.lifecycle.once:
        return tuple(kind for kind in kinds_of(entry.case) if kind != "cold" and queued.get(kind) != 0)
    visits = entry.lifecycle.visits.get(launch, 0)
    missing = _missing_kinds(entry) if visits else []
    kinds = (missing[0],) if missing else turns[visits % len(turns)]
    return turns[0] if queued.get(kinds[0]) == 0 else kinds


def _size(entry: Entry) -> float:
    size = entry.case.params.get(entry.case.axis or "")
    return float(size) if isinstance(size, int | float) else 0.0


def extrapolated_s(entry: Entry, entries: Iterable[Entry]) -> float:
    """Seconds per call, extrapolated from a case's smaller sizes; 0 where there are none.

    Extends the last two sizes of the same curve as a power law, where it rises: an epoch gets shorter with
    its batch size. Blocks that others disturbed tell nothing here: a burst of noise beside a small size must
    not promise hours for a large one.
    """
    smaller = sorted(
        (_size(other), math.exp(min(other.timing.visited.means.values())))
        for other in entries
        if other.timing.visited.means
        and _same_curve(entry.case, other.case)
        and 0 < _size(other) < _size(entry)
    )
    if len(smaller) < 2:
        return 0.0
    (before, before_s), (size, seconds) = smaller[-2:]
    rise = math.log(seconds / before_s) / math.log(size / before)
    return float(seconds * (_size(entry) / size) ** min(max(0.0, rise), MAX_EXPONENT))


TRUSTED_EXCESS = 2.0
"""How many times the longest call one must take, where others disturbed all that was timed, before its case
is left out for it: beside a busy process calls took twice as long."""


def too_long(entry: Entry, visit: Visit, limit_s: float) -> bool:
    """Whether a case's calls take longer than a preset's longest, by the fastest so far."""
    itself = entry.timing.self_disturbing
    clean = any(not disturbed(block, itself) for block in visit.blocks if block.kind != "first")
    return entry.timing.fastest_s > limit_s * (1.0 if clean else TRUSTED_EXCESS)


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


def claim(entry: Entry) -> float:
    """What part of a run's time a case has a claim to, beside others: with the visits in it that
    `gain_per_s` gives, its time grows with the third root of what a visit takes."""
    return float((entry.cost.visit_s() or TYPICAL_VISIT_S) ** (1 / 3))


def launch_until_s(
    kind: str, claims: Mapping[str, float], begun_s: float, deadline_s: float, start_s: float, later: int
) -> float:
    """When a launch of this kind of worker that began at `begun_s` is to end, in seconds of the run.

    `claims` are those of the kinds' open cases, in the order of a round; `start_s` is what starting a round's
    workers takes, side by side. The time left is shared by them with the kinds that follow and `later` rounds
    more. What no launch has measured may thus take the time of the rounds to come, but never another kind's.
    """
    left_s = deadline_s - begun_s
    if math.isinf(left_s):
        return math.inf
    kinds = list(claims)
    here = kinds[kinds.index(kind) :] if kind in claims else []
    to_come = sum(claims[name] for name in here) + later * sum(claims.values())
    share = claims.get(kind, 0.0) / max(to_come, 1e-9)
    return min(begun_s + max(0.0, left_s - later * start_s) * share, deadline_s)

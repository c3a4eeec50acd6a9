"""What is known of one case: how long its calls take, what its threads need, how far it has come.

All of it is learned from the case's visits, in `Entry.after`, and frozen: only the ledger replaces an entry.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from bench.disturbance import disturbed, disturbs_itself, tells
from bench.events import Visit
from bench.measure.host.interference import TEAM
from bench.records import Block, Case, Kind

BLOCK_S = 0.010
"""Length of a block: long against the clock (50 ns) and the readings around it (0.1 ms), short against bursts
of noise. Half of it would make a third more visits, and intervals narrower by a fifteenth."""

SELF_DISTURBING_BLOCK_S = 0.2
"""Shortest block of a case that disturbs itself: what others took is read from `interference.TOLD_S` on, and
a block may turn out faster than expected."""

MAX_CALLS = 1_000_000
"""Calls of a block where a call takes no time that the clock could tell."""

LONG_CALL_S = 1.0
"""From here a call is timed once a launch, after the first."""

DRY_FACTOR = 8
"""By how much a block is cut whose queue ran dry: a forward pass is five launches a call or more."""

SLOW_START = 1.05
"""How many times as long as the others the first block of a visit may take, led in by one block that does not
count: a difference that matters. See docs/measurements.md, "How visits begin"."""

MIN_STARTS = 2
"""Visits that must have told of their first block before it is believed."""

WARMUP_KINDS = ("first", "warmup")

ENDED_BY_TEST = ("passed", "skipped", "failed")
"""Outcomes after which the worker goes on; any other means that it was lost."""


@dataclass(frozen=True)
class Visited:
    """What a case's counted visits came to, each by the ln of its median seconds per call.

    By launch their number and their mean; `squares` are the squared distances from their launch's mean.
    """

    counts: Mapping[int, int] = field(default_factory=dict)
    means: Mapping[int, float] = field(default_factory=dict)
    squares: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def freedom(self) -> int:
        """Degrees of freedom of `squares`."""
        return self.total - len(self.counts)

    def after(self, launch: int, log: float) -> "Visited":
        """With one more visit: Welford's way, so that no visit has to be kept."""
        count, mean = self.counts.get(launch, 0) + 1, self.means.get(launch, log)
        moved = mean + (log - mean) / count
        squares = self.squares + (log - mean) * (log - moved)
        return Visited({**self.counts, launch: count}, {**self.means, launch: moved}, squares)


@dataclass(frozen=True)
class Timing:
    """How long a case's calls take, and how many of them make a block.

    `call_s` is a call's share of the latest block, `fastest_s` of the fastest; `visited` what the visits came
    to that had an undisturbed block. `calls`, a multiple of `multiple`, make a block; 0 while not chosen.
    `votes` says of each block that was long enough whether it disturbed itself, `slow_starts` of each visit
    that was led in by one block whether its first that counts was slow. `processors` is how many a block
    could use, `kinds` those of all blocks so far. `queued` has, by kind, how many calls fit into a device's
    queue, where that is fewer.
    """

    block_s: float = BLOCK_S
    multiple: int = 1
    calls: int = 0
    call_s: float = math.nan
    fastest_s: float = math.inf
    visited: Visited = field(default_factory=Visited)
    processors: int = 1
    votes: tuple[bool, ...] = ()
    self_disturbing: bool = False
    slow_starts: tuple[bool, ...] = ()
    queued: Mapping[Kind, int] = field(default_factory=dict)
    kinds: frozenset[Kind] = frozenset()

    @property
    def is_long(self) -> bool:
        return self.call_s >= LONG_CALL_S

    @property
    def starts_slow(self) -> bool:
        """Whether each visit has to be warmed up as in a fresh process: one block does not lead it in."""
        return len(self.slow_starts) >= MIN_STARTS and 2 * sum(self.slow_starts) > len(self.slow_starts)

    @property
    def calls_per_block(self) -> int:
        """How many calls make a block, by the fastest so far: a disturbed one would make all too short."""
        length_s = SELF_DISTURBING_BLOCK_S if self.self_disturbing else self.block_s
        calls = length_s / self.fastest_s if self.fastest_s > 0 else MAX_CALLS
        calls = math.ceil(calls) if self.self_disturbing else round(calls)
        return math.ceil(max(1, calls) / self.multiple) * self.multiple

    def with_multiple(self, multiple: int) -> "Timing":
        """The same case, whose blocks are to have a multiple of so many calls."""
        fitted = replace(self, multiple=multiple)
        return replace(fitted, calls=fitted.calls_per_block) if self.calls else fitted

    def in_new_launch(self) -> "Timing":
        """Queues are tried again in a new launch: the host may have been slow."""
        return replace(self, queued={kind: calls for kind, calls in self.queued.items() if calls})

    def with_speed(self, block: Block) -> "Timing":
        """With a block's time per call, and whether the case disturbs itself.

        That is what most blocks say that were long enough to tell. Before there are any, the latest warm-up
        says it: threads of the set-up may have spun in earlier ones.
        """
        call_s = block.wall_s / block.calls
        processors = max(self.processors, block.processors)  # in lock step some blocks are kept on one
        waits_for_itself = disturbs_itself(block, processors)
        votes = (*self.votes, waits_for_itself) if tells(block) else self.votes
        self_disturbing = 2 * sum(votes) >= len(votes) if votes else waits_for_itself
        fastest_s = min(self.fastest_s, call_s)
        return replace(
            self, call_s=call_s, fastest_s=fastest_s, processors=processors, votes=votes,
            self_disturbing=self_disturbing,
        )  # fmt: skip

    def after(self, visits: Sequence[Visit]) -> "Timing":
        """After a visit; of two sides the first tells the times, as it has chosen the calls."""
        timing, blocks = self, visits[0].blocks
        for block in blocks:
            if block.kind == "wall" or math.isnan(timing.call_s):
                timing = timing.with_speed(block)
        clean = [block for block in wall_blocks(visits[0]) if not disturbed(block, timing.self_disturbing)]
        middle_s = median(block.wall_s / block.calls for block in clean) if clean else 0.0
        if middle_s > 0:
            timing = replace(timing, visited=timing.visited.after(visits[0].launch, math.log(middle_s)))
        if len(clean) == len(wall_blocks(visits[0])) and (start := slow_start(blocks)) is not None:
            timing = replace(timing, slow_starts=(*timing.slow_starts, start))
        warm = [block.wall_s / block.calls for block in blocks[1:] if block.kind == "warmup"]
        queued = dict(self.queued)
        for block in (block for visit in visits for block in visit.blocks if "queue_ran_dry" in block.notes):
            queued[block.kind] = min(queued.get(block.kind, block.calls), fewer_calls(block.calls))
        calls = max((block.calls for block in wall_blocks(visits[0])), default=self.calls)
        kinds = self.kinds.union(block.kind for block in blocks)
        fastest_s = min([timing.fastest_s, *warm])
        return replace(timing, calls=calls, fastest_s=fastest_s, queued=queued, kinds=kinds)


def wall_blocks(visit: Visit) -> list[Block]:
    return [block for block in visit.blocks if block.kind == "wall"]


def slow_start(blocks: Sequence[Block]) -> bool | None:
    """Whether the first block that counts is slow against the rest; None where there is no rest, or it was
    led in otherwise than by a call and, unless that is long, a block."""
    led_in = [block.kind for block in blocks if block.kind in WARMUP_KINDS] in (["warmup"], ["warmup"] * 2)
    first, *rest = [block.wall_s / block.calls for block in blocks if block.kind == "wall"] or [0.0]
    return first > SLOW_START * median(rest) if led_in and rest else None


def is_cold(blocks: Sequence[Block]) -> bool:
    """True of a visit whose only call is the one that counts: a call to warm up would have been one more."""
    return len(blocks) == 1 and blocks[0].kind == "wall" and blocks[0].calls == 1


def fewer_calls(calls: int) -> int:
    """How many calls to queue after so many did not keep the queue full; 0: the calls wait for the device."""
    return max(1, calls // DRY_FACTOR) if calls > 1 else 0


@dataclass(frozen=True)
class Threads:
    """Whether a case's calls use several threads, and whether these can be kept on chosen processors.

    `loose` ones cannot: they come and go, are too many, or leave the calling thread idle.
    """

    parallel: bool = False
    loose: bool = False

    def after(self, visits: Iterable[Visit], processors: int) -> "Threads":
        """After a visit. A side's blocks must agree: in some, another case's threads may still spin."""
        parallel, loose = self.parallel, self.loose
        for visit in visits:
            blocks = wall_blocks(visit)
            parallel |= bool(blocks) and all(block.threads > 1 or block.children for block in blocks)
            loose |= bool(blocks) and all(
                block.threads > 1 and (TEAM not in block.notes or block.threads > processors)
                for block in blocks
            )
        return Threads(parallel, loose)


@dataclass(frozen=True)
class Lifecycle:
    """Whether a case can still be measured: its finished visits by launch, and what came of them.

    A `fragile` case has failed in a later visit than its first: it keeps its blocks. A `cold` one allows one
    call a visit, the first of its process. Both get one visit a launch. `closed` is the outcome that ended it
    for good; "" while it is open.
    """

    visits: Mapping[int, int] = field(default_factory=dict)
    fragile: bool = False
    cold: bool = False
    closed: str = ""

    @property
    def once(self) -> bool:
        """True where a launch visits the case but once."""
        return self.fragile or self.cold

    def after(self, visits: Sequence[Visit]) -> "Lifecycle":
        """After a visit. What takes its worker along is closed, and so is what skips or fails at once."""
        launch = visits[0].launch
        troubles = [visit.outcome for visit in visits if visit.outcome != "passed"]
        lost = [outcome for outcome in troubles if outcome not in ENDED_BY_TEST]
        if lost:
            return replace(self, closed=lost[0])
        cold = self.cold or any(is_cold(visit.blocks) for visit in visits)
        counted = replace(self, visits={**self.visits, launch: self.visits.get(launch, 0) + 1}, cold=cold)
        if self.closed or not troubles:
            return counted
        return replace(counted, fragile=True) if self.visits else replace(counted, closed=troubles[0])


def _choosing_s(blocks: Sequence[Block]) -> float:
    """Seconds of a case's very first warm-up in which its calls were chosen: those of blocks with fewer calls
    than its last, or of its only one."""
    warm = [block for block in blocks if block.kind == "warmup"]
    series = [block for block in warm if block.calls == warm[-1].calls]
    kept = series if len(series) > 1 else []
    return sum(block.wall_s for block in warm) - sum(block.wall_s for block in kept)


@dataclass(frozen=True)
class Cost:
    """Seconds that a visit takes: `fresh_s` the latest that was the first of its launch, `later_s` another.

    Each is None before there was one. `bare_s` is what the latest fresh one took without its warm-up,
    `around_s` what the latest took besides its blocks. A case's very first visit chooses its calls and looks
    at its memory, which no other does: that part of it is left out.
    """

    fresh_s: float | None = None
    later_s: float | None = None
    bare_s: float = 0.0
    around_s: float = 0.0

    def visit_s(self, fresh: bool = False) -> float:
        """What the next visit will take; 0 of a case that was never timed."""
        if fresh:
            return self.later_s or 0.0 if self.fresh_s is None else self.fresh_s
        return self.bare_s if self.later_s is None else self.later_s

    def after(self, visits: Sequence[Visit], fresh: bool) -> "Cost":
        """After a visit: all of its time, what the test did between its calls among it."""
        blocks = [block for visit in visits for block in visit.blocks]
        if not blocks:
            return self
        span_s = max(b.start_s + b.wall_s for b in blocks) - min(b.start_s for b in blocks)
        around_s = max(visit.setup_s for visit in visits) + max(visit.teardown_s for visit in visits)
        took_s = around_s + span_s
        if self.fresh_s is not None:  # else its work was looked at behind its blocks
            took_s = max(took_s, *(visit.took_s for visit in visits))  # an old journal has no `took_s`
        rest_s = max(0.0, took_s - sum(block.wall_s for block in blocks))  # they may have another clock
        if not fresh:
            return replace(self, later_s=took_s, around_s=rest_s)
        counted_s = sum(block.wall_s for block in blocks if block.kind not in WARMUP_KINDS)
        choosing_s = _choosing_s(visits[0].blocks) if self.fresh_s is None else 0.0
        return Cost(took_s - choosing_s, self.later_s, rest_s + counted_s, rest_s)


@dataclass(frozen=True)
class Entry:
    """What is known of a case."""

    case: Case
    timing: Timing = field(default_factory=Timing)
    threads: Threads = field(default_factory=Threads)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    cost: Cost = field(default_factory=Cost)

    @property
    def in_contest(self) -> bool:
        """True where the case's contenders compete along an axis: an answer rests on it."""
        return bool(self.case.axis and self.case.between)

    @property
    def compares_devices(self) -> bool:
        """True where its contenders are devices: what people ask first rests on it."""
        return self.in_contest and self.case.between == "device"

    @property
    def is_team(self) -> bool:
        """True where its calling thread and others that stay work together, each on a processor."""
        return self.threads.parallel and not self.threads.loose and not self.timing.self_disturbing

    def after(self, visits: Sequence[Visit]) -> "Entry":
        """The entry after one visit, in one worker or on two sides."""
        fresh = visits[0].launch not in self.lifecycle.visits
        timing = (self.timing.in_new_launch() if fresh else self.timing).after(visits)
        return replace(
            self,
            timing=timing,
            threads=self.threads.after(visits, timing.processors),
            lifecycle=self.lifecycle.after(visits),
            cost=self.cost.after(visits, fresh),
        )


def visit_s(entry: Entry) -> float:
    """What the next visit of a case will take, where its launch has seen it; 0 where it is unknown."""
    return entry.cost.visit_s()

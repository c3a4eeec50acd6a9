"""The nouns of the project: Case, Block, Estimate, Crossing, Change, Verdict.

Every record is frozen, holds SI units only, and imports nothing of the project. What flows:

    Case -> Block -> Estimate -> Crossing | Change -> Verdict
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool | None
"""What a parameter may be in a table."""

Kind = Literal["first", "warmup", "wall", "latency", "device", "cold"]
"""What a block timed.

first    the first call in a fresh process: lazy initialization, caches, compilation
warmup   calls on the way to steady state: kept, never counted
wall     k calls back to back, one synchronization after the last
latency  k calls, each followed by its own synchronization
device   k calls between two device events behind a held queue: the device's own time
cold     k calls, each behind a flush of the device's last-level cache
"""

Status = Literal["ok", "noisy", "skipped", "failed", "timeout"]

DELAY_LIMIT = 0.01
"""Run-queue delay, as a share of the block, above which others disturbed it. With under 1 % the median
of a two-thread matmul beside busy processes stays within 2 % of its quiet value; without the rule it is
off by a factor of 2 to 98."""

FOREIGN_LIMIT = 0.05
"""Processor time taken by others, as a share of the block on all processors, above which they disturbed
a case that has child processes or more threads than processors: its own delay says nothing there."""

PACE_LIMIT = 1.2
"""Ratio of two readings of the processor's pace up to which they are the same: a neighbour on the physical
core makes it 1.7, while on a quiet one nine in ten readings lie within 6 %."""

TELLING_S = 0.005
"""Shortest block that tells how many threads and children a case has: in a shorter one, threads that still
spin after another case's work would count as its own."""

MISFIT = 4
"""How many times the calls of a case's block must be too few before they are chosen anew; its blocks until
then do not count. Beside a busy process the first calls may take a hundred times as long as they need; a
processor's pace alone changes by little more than two."""

UNSTEADY_NOTES = frozenset({"allocated", "throttled", "foreign_device_use"})
"""Notes of a block during which the device asked for memory, slowed down, or served others."""

TEAM = "team"

DISTURBING = frozenset({"sw_thermal_slowdown", "hw_thermal_slowdown", "hw_slowdown", "hw_power_brake"})
"""Why a GPU's clock is held down in a way that makes a block unlike its neighbours. A power cap is not among
these reasons: it is how the card works, and a label."""


@dataclass(frozen=True)
class Case:
    """A case is the identity of one benchmark: the join key between runs.

    `id` is the pytest node id, `params` its parameters as scalars (without `device`), `axis` and
    `between` what `@pytest.mark.crossover` named, `isolate` what `@pytest.mark.isolate` named.
    """

    id: str
    suite: str
    operation: str
    device: str = "cpu"
    params: Mapping[str, Scalar] = field(default_factory=dict)
    axis: str | None = None
    between: str | None = None
    isolate: str | None = None
    doc: str = ""

    @property
    def worker(self) -> str:
        """The kind of worker that measures the case: no worker mixes devices or inference engines."""
        return self.device if self.isolate is None else f"{self.device}/{self.isolate}"


@dataclass(frozen=True)
class Block:
    """A block is one timed stretch of `calls` calls, and what others took from it meanwhile.

    All times are seconds. `start_s` is on the system-wide monotonic clock. `host_s` ends when the last
    call returned, before the last synchronization. `device_s` is None where the device has no working
    events or its queue ran dry. `delay_s` is the largest run-queue delay of any thread of the process;
    `foreign_s` the processor time used outside its process tree, summed over `processors`;
    `throttled_s` what a control group's quota withheld; `pace_s` what a fixed piece of work took in the
    same thread, the slower of before and after the block. A reading that the system does not offer is
    None. `notes` names what makes the block unlike its neighbours (`queue_ran_dry`, `allocated`,
    `throttled`, `foreign_device_use`), and whether its threads are a `team`: the calling one worked, and
    others that outlived the block.
    """

    kind: Kind
    start_s: float
    calls: int
    wall_s: float
    host_s: float | None = None
    device_s: float | None = None
    delay_s: float | None = None
    foreign_s: float | None = None
    throttled_s: float | None = None
    pace_s: float | None = None
    threads: int = 1
    children: int = 0
    processors: int = 1
    notes: tuple[str, ...] = ()

    @property
    def disturbs_itself(self) -> bool:
        """True where the block's own processes wait for each other, so that delay proves nothing."""
        return self.wall_s >= TELLING_S and (self.children > 0 or self.threads > self.processors)

    def disturbed(self, case_disturbs_itself: bool) -> bool:
        """True where others took so much from the block that it must not count.

        How long the block took is never looked at, so that the rule favours no result. The rule for a
        whole frame of blocks, which the analysis uses, is `bench.analyze.blocks.clean.marked`.
        """
        if UNSTEADY_NOTES.intersection(self.notes):
            return True
        if self.kind == "device" and self.device_s is not None:
            return False  # its queue stayed full: the host's delay did not reach the device
        if (self.throttled_s or 0.0) > DELAY_LIMIT * self.wall_s:
            return True
        if case_disturbs_itself and self.foreign_s is not None:
            return self.foreign_s > FOREIGN_LIMIT * self.wall_s * self.processors
        return (self.delay_s or 0.0) > DELAY_LIMIT * self.wall_s


@dataclass(frozen=True)
class Estimate:
    """An estimate is seconds per call: the centre, its 95 % interval, and what they rest on."""

    case: str
    median_s: float
    low_s: float
    high_s: float
    blocks: int
    clean_blocks: int
    launches: int
    status: Status = "ok"
    warnings: tuple[str, ...] = ()


CrossingState = Literal["crosses_at", "always_faster", "never", "multiple", "inconclusive", "not_measured"]


@dataclass(frozen=True)
class Crossing:
    """A crossing is where `challenger` overtakes `incumbent` along a size axis.

    `size` with its 95 % interval `low` to `high` is on the axis; None unless the state has one. A
    state without a crossing never carries a zero. `sizes` lists every sign change, the sustained one
    (after which the challenger stays ahead) being `size`. `definition` says what was timed: `throughput`
    or `latency`, and for devices `resident`, `inputs` or `round_trip`.
    """

    operation: str
    axis: str
    incumbent: str
    challenger: str
    definition: str
    state: CrossingState
    size: float | None = None
    low: float | None = None
    high: float | None = None
    sizes: tuple[float, ...] = ()
    smallest: float | None = None
    largest: float | None = None
    launches: int = 0
    reason: str = ""
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()


VerdictState = Literal["faster", "slower", "same", "undecided"]


@dataclass(frozen=True)
class Change:
    """A change is the ratio of one case's times on two sides, head/base, over the launches that tell of it.

    `low` and `high` each bound the ratio with 95 % confidence. `p_value` is that of a change no larger
    than the gate ignores, None where that was not asked. `kind` is the kind of block that was timed.
    """

    case: str
    ratio: float
    low: float
    high: float
    launches: int
    p_value: float | None = None
    kind: Kind = "wall"


@dataclass(frozen=True)
class Verdict:
    """A verdict is what the gate says of one case: a state, the rule that gave it, and the reason in words.

    `budget` is the smallest slowdown that matters, as a share; `rule` the stage that decided. `change` is
    None where no launch could tell.
    """

    case: str
    state: VerdictState
    rule: str
    reason: str
    budget: float
    change: Change | None = None

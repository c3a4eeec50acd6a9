"""The nouns of the project: Case, Block, Crossing, Change, Verdict, Commit.

Every record is frozen, holds SI units only, and imports nothing of the project. What flows:

    Case -> Block -> Crossing | Change -> Verdict
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
device   k calls between two device events on a queue that was held: the device's own time
cold     k calls, each after a flush of the device's last-level cache
"""

PRESET_NAMES = ("quick", "default", "thorough")
"""How thorough a run can be, the shortest first."""


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
    `foreign_s` the processor time used outside its process tree, summed over `processors`, of a short
    block that of the last half second, of calls timed one by one their part of that beside their set-ups;
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


CrossingState = Literal[
    "crosses_at", "always_faster", "never", "multiple", "equal", "inconclusive", "not_measured"
]
"""What is known of two contenders along a size axis.

crosses_at     they trade places once
always_faster  the challenger is ahead throughout, or level
never          the incumbent is
multiple       they trade places more than once
equal          no difference that matters, over a range of sizes up to the largest
inconclusive   none of these: the reason says what is known
not_measured   no size was timed with both
"""


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
    """A change is the ratio of one case's times on two sides, head/base, over the launches that timed it.

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
    None where no launch timed both.
    """

    case: str
    state: VerdictState
    rule: str
    reason: str
    budget: float
    change: Change | None = None


@dataclass(frozen=True)
class Commit:
    """A commit is a state of a project's code, as git names it: full id, author, day, subject.

    `parent` is the id of the first commit that it was made from, "" for the first of all.
    """

    id: str
    author: str = ""
    day: str = ""
    subject: str = ""
    parent: str = ""

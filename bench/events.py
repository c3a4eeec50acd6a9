"""The events of a journal: what a run writes down while it measures, one record a line.

`EVENTS` is their codec. A journal begins with a `Header`, which has the version of this schema:

1   a visit's blocks stood before its `elapsed_s`
2   they are the last field of the line, so that a reader can cut them off without parsing them
3   tests stand there with their code: a visit before a line with other code of its test does not count
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.codec import Codec
from bench.records import Block, Case

VERSION = 4

Outcome = Literal["passed", "skipped", "failed", "died", "timeout", "refused"]
"""How a visit ended: the first three are pytest's; else the worker died, hung, or would not begin."""

Sizes = Mapping[str, Mapping[str, Sequence[float]]]
"""Sizes by test ("path::test") and axis."""


@dataclass(frozen=True)
class Header:
    """The first event: what was asked for, where and of what it was measured.

    `gate` and `calibration` are empty but for such runs; see `bench.analyze.gate.decision`.
    """

    version: int = VERSION
    run: str = ""
    created: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    commit: Mapping[str, Any] = field(default_factory=dict)
    gate: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """A case that is not measured, and why."""

    case: str
    reason: str = ""


@dataclass(frozen=True)
class Code:
    """The code of a test ("path::test") from here on, as a fingerprint; visits before, of other code, do not
    count."""

    test: str
    digest: str


def test_of(case: str) -> str:
    """The test that a case is of: its id without its parameters."""
    return case.partition("[")[0]


@dataclass(frozen=True)
class Launch:
    """A new worker process of one kind begins: in which round, on which side, after how long an import.

    It was forked from the template of that number, or started fresh; `start_reason` says why it was not
    forked. Runs from before there were templates only know fresh starts, without a reason.
    """

    launch: int
    worker: str = ""
    side: str = ""
    round: int = 0
    collect_s: float = 0.0
    elapsed_s: float = 0.0
    template: int | None = None
    start: Literal["fork", "fresh"] = "fresh"
    start_reason: str = ""


@dataclass(frozen=True)
class Launched:
    """A kind of worker has had its turn in a round."""

    worker: str
    round: int
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class Visit:
    """One case set up, timed and torn down in one worker; `launch` is -1 where it never came to that.

    `setup_s` went by until `benchmark(...)` was called, `teardown_s` from the last block until the test's own
    checks and tear-down were done, `took_s` for all of it. `extra_info` and `group` are what the test set.
    The blocks stay the last field.
    """

    case: str
    launch: int
    pass_: int = 0
    side: str = ""
    setup_s: float = 0.0
    teardown_s: float = 0.0
    took_s: float = 0.0
    outcome: Outcome = "passed"
    message: str = ""
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    elapsed_s: float = 0.0
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class HeldBack:
    """A case failed behind others (`before`) in its process, and is to be tried once more; what came of the
    visit, in one worker or on two sides. Where no later visit or skip of the case follows, it has failed."""

    case: str
    before: tuple[str, ...] = ()
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True)
class SizesAdded:
    """The sizes near crossovers that a run added after a round."""

    round: int
    sizes: Sizes = field(default_factory=dict)


@dataclass(frozen=True)
class Initialized:
    """A device's first use, in seconds."""

    device: str
    seconds: float | None = None


@dataclass(frozen=True)
class Checked:
    """One check of a device's times before anything is measured on it."""

    device: str
    name: str
    passed: bool = False
    detail: str = ""


@dataclass(frozen=True)
class CeilingsMeasured:
    """What a device can do at most, as measured on it; see `bench.measure.devices.ceilings`."""

    device: str
    ceilings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GpuSample:
    """What a GPU did at one moment, by NVML; None where it does not say."""

    device: str
    uuid: str
    start_s: float
    sm_hz: float | None = None
    memory_hz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    throttle: tuple[str, ...] = ()
    foreign_processes: int = 0


@dataclass(frozen=True)
class Note:
    """A remark on the whole run; `name` is that of a finding of the doctor."""

    level: Literal["warning", "info"]
    text: str
    name: str = ""


@dataclass(frozen=True)
class Explained:
    """What differs between a gate's sides in a case that got slower, in lines of text."""

    case: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class End:
    """The last event of a run that was measured to its end: what its time went to, and the load."""

    spent_s: Mapping[str, float] = field(default_factory=dict)
    load_before: Any = None
    load_after: Any = None
    complete: bool = True


Event = (
    Header | Case | Code | Skip | Launch | Launched | Visit | HeldBack | SizesAdded | Initialized | Checked
    | CeilingsMeasured | GpuSample | Note | Explained | End
)  # fmt: skip

EVENTS = Codec(
    "event",
    {
        "header": Header, "case": Case, "code": Code, "skip": Skip, "launch": Launch, "launched": Launched,
        "visit": Visit, "held": HeldBack, "sizes": SizesAdded, "initialize": Initialized, "check": Checked,
        "ceilings": CeilingsMeasured, "gpu": GpuSample, "note": Note, "explained": Explained, "end": End,
    },
)  # fmt: skip

"""What a coordinator and a worker say to each other over their private channel: one frozen record a message.

A worker first says what it is `Collecting`, and then `Collected`. It then obeys one command at a time, and
answers each. At `VisitCase` it sets the test up and says `Announced` when that calls `benchmark(...)`; from
then on it takes the commands that are meant for a case, until `Done` or until the test ends by itself: either
way it says `Visited`.

A template hears `Load` and says `Loaded`; after each `Fork`, which brings the descriptors of the launch's
channel and output, it says `Forked`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Literal

from bench.codec import Codec
from bench.events import Outcome
from bench.records import Block, Case, Kind

About = Literal["texts", "modules", "installed", "initialize", "check", "ceilings", "empty_cache"]
"""What a worker is asked that concerns no single case: the text of every test, the files of all modules that
were loaded, those that a template may import (as `Load` takes them), or what it is to do with a device."""


# To a worker.


@dataclass(frozen=True)
class VisitCase:
    """Set the case up and run its test."""

    case: str


@dataclass(frozen=True)
class TimeBlock:
    """Time so many calls of the case that is set up; they are expected to take `expected_s`.

    With `peak`, the most memory that they need is seen meanwhile, for `Record` to tell.
    """

    kind: Kind
    calls: int
    expected_s: float
    peak: bool = False


@dataclass(frozen=True)
class Record:
    """Make one recording of the case, in calls that are not timed for the run.

    `what` is `work`, which is peak memory and FLOPs, or a recorder of `worker.profiling.profiler`. Files
    go to `folder`. A trace keeps at most `max_events`; of one call it holds `active` optimizer steps after
    `skip` others, where that is given.
    """

    what: Literal["work", "watch", "operators", "stacks"]
    calls: int = 1
    folder: str = ""
    max_events: int = 0
    active: int | None = None
    skip: int = 0
    py_spy: str = ""


@dataclass(frozen=True)
class Done:
    """Let the test go on after `benchmark(...)`, and tear it down."""


@dataclass(frozen=True)
class Ask:
    """Answer a question. `earlier` are ceilings that were measured on the device before."""

    about: About
    device: str = ""
    earlier: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exit:
    """End."""


# From a worker.


@dataclass(frozen=True)
class Problem:
    """A file that could not be collected, or that skips itself."""

    id: str
    outcome: Outcome
    message: str = ""

    @property
    def last_line(self) -> str:
        """What the message comes to; "" where there is none."""
        return (self.message.strip().splitlines() or [""])[-1].removeprefix("E ").strip()


@dataclass(frozen=True)
class Collecting:
    """The file or folder that is looked into next, as seen from the worker's directory; "" after the last."""

    path: str = ""


@dataclass(frozen=True)
class Collected:
    """What there is to measure. `skips` are the reasons of cases that are skipped before they are set up.

    `left_out` are ids of cases that -k or the preset leaves out, `facts` what the worker says of itself and
    of torch. `collect_s`, from start to here, is added where the message arrives.
    """

    cases: tuple[Case, ...] = ()
    skips: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    left_out: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    collect_s: float = 0.0


@dataclass(frozen=True)
class Announced:
    """The test called `benchmark(...)`: at most `limit` calls may be made, None for any number."""

    setup_s: float
    limit: int | None = None


@dataclass(frozen=True)
class Recorded:
    """What came of a recording: `missing` says why there is none.

    The `facts` of `work` have the names under which `extra_info` would have them.
    """

    wall_s: float = 0.0
    calls: int = 0
    steps: int = 0
    events: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    allocator: Mapping[str, int] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True)
class Visited:
    """How the test ended; the last part of a long message, where the exception stands."""

    outcome: Outcome
    message: str = ""
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to `Ask`; `error` says why there is none."""

    answer: Any
    error: str = ""


@dataclass(frozen=True)
class Ended:
    """Nothing more will come: pytest ended with `status`, or never began, for the reason in `refusal`.

    `addopts` are options that the project's own settings give, and in which file.
    """

    status: int = 0
    refusal: str = ""
    addopts: str = ""


# To a template, and from it.


@dataclass(frozen=True)
class Load:
    """Import these modules, in this order, and try a fork, which has `trial_s` to compute something.

    `own` are names of the project's, which must not get loaded; `rewritten` those whose assertions pytest
    rewrites when a launch imports them.
    """

    modules: tuple[str, ...]
    own: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    trial_s: float = 0.0


@dataclass(frozen=True)
class Loaded:
    """All that can be imported is; `problem` says why nothing can be forked."""

    problem: str = ""


@dataclass(frozen=True)
class Fork:
    """Fork a worker: pytest's arguments, its directory and whole environment, its mark; the process of the
    `coordinator` adopts it."""

    arguments: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    mark: str
    coordinator: int


@dataclass(frozen=True)
class Forked:
    """The process of the worker, which was adopted."""

    pid: int


Command = VisitCase | TimeBlock | Record | Done | Ask | Exit
Reply = Collecting | Collected | Announced | Block | Recorded | Visited | Answer | Ended

COMMANDS = Codec("command", {type_.__name__: type_ for type_ in Command.__args__})
REPLIES = Codec("reply", {type_.__name__: type_ for type_ in Reply.__args__})

TO_TEMPLATE = Codec("request", {"Load": Load, "Fork": Fork})
FROM_TEMPLATE = Codec("reply", {"Loaded": Loaded, "Forked": Forked})


class Channel:
    """One end of a duplex connection; `ours` are the messages sent from here, `theirs` those that arrive."""

    def __init__(self, connection: "Connection[Any, Any]", ours: Codec, theirs: Codec) -> None:
        self.connection = connection
        self._ours, self._theirs = ours, theirs

    def send(self, message: Command | Reply | Load | Loaded | Fork | Forked) -> None:
        self.connection.send_bytes(self._ours.encode(message))

    def receive(self) -> Any:
        """The next message; raises EOFError when the other end is gone."""
        return self._theirs.decode(self.connection.recv_bytes())

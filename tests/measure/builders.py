"""What tests of the measuring half are made of: tiny suites, runs of them, and cases."""

import math
from pathlib import Path

from bench.events import Event, Visit
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.sides.side import Side
from bench.measure.start.process import Spec
from bench.records import Case

FAST = Preset("quick", 2, math.inf, 100.0, 0.5, 60.0, templates=1)
"""Two launches, satisfied with anything; patient, as a busy machine answers late."""

Events = list[Event]


def measured(
    folder: Path, *, launches: int = 2, keyword: str = "", past: Events | None = None, preset: Preset = FAST
) -> Events:
    """The events of a run over the suite in `folder`."""
    spec = Spec((str(folder),), keyword, directory=folder, rootdir=folder)
    return events_of(spec, launches, past, preset)


def events_of(
    spec: Spec, launches: int = 3, past: Events | None = None, preset: Preset = FAST, ceilings: bool = False
) -> Events:
    """The events of a run."""
    events: Events = []
    coordinator = Coordinator(Plan(spec, preset, launches, ceilings=ceilings), Progress(), past or [])
    try:
        coordinator.collect()
        coordinator.measure(events.append)
    finally:
        coordinator.close()
    return events


def outcomes(events: Events) -> dict[str, str]:
    """The last outcome of every case, by the test's name."""
    return {event.case.rpartition("::")[2]: event.outcome for event in events if isinstance(event, Visit)}


def suite(folder: Path, text: str, name: str = "test_it.py") -> Path:
    (folder / name).write_text(text)
    return folder


MILLISECOND = Timing(call_s=1e-3, calls=10)
"""Of a case that takes 1 ms a call."""


def entry(timing: Timing = MILLISECOND, cost_s: float = 0.0, suite: str = "s") -> Entry:
    """A case that was visited once, in an earlier launch."""
    return Entry(Case("c", suite, "o"), timing, lifecycle=Lifecycle({-1: 1}), cost=Cost(cost_s, cost_s))


SIDE = "import os\nfrom pathlib import Path\ndef test_it(benchmark):\n    benchmark(int)\n"


def sides(folder: Path, base: str, head: str, environment: dict[str, str] | None = None) -> list[Side]:
    """Two sides with a suite each."""
    made = []
    for name, text in (("base", base), ("head", head)):
        tree = folder / name / "project"
        tree.mkdir(parents=True)
        (tree / "test_it.py").write_text(text)
        spec = Spec((str(tree),), directory=tree, rootdir=tree, environment=environment or {})
        made.append(Side(name, tree, spec))
    return made

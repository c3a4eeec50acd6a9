"""The same cases measured on several sides at once: stretches of seconds alternate within each launch.

A machine's speed can change by half over minutes. What is to be compared is therefore measured close
together: a side is a condition (with or without company) in the same live workers, or a run of its own
whose launches alternate with the other's. The result is an ordinary run whose cases have sides.
"""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from bench.analyze.clean import marked
from bench.analyze.estimate import estimates_of
from bench.commands import selection
from bench.journal import Event, events
from bench.measure import environment
from bench.measure.schedule import PRESETS, Known, first_pass, next_pass
from bench.measure.visits import Lane, visit
from bench.measure.workers import Spec, Worker
from bench.records import Case
from bench.store import Journal, read_run
from bench.tables import Run

ROOT = Path(__file__).resolve().parents[1]

PRESET = PRESETS["default"]
"""Width aimed at, longest call and patience: what a user gets who asks for nothing else."""


@dataclass(frozen=True)
class Side:
    """A side is a name, and the circumstances in which its stretches are measured."""

    name: str
    circumstances: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Plan:
    """What is measured: which cases, in how many launches, and for how long a side's part of a launch of one
    kind of worker may go on after the first visits. `blocks` are those of a visit, None for the usual. After
    `deadline_s`, which a machine that others use as well may reach, no further launch is begun."""

    spec: Spec
    launches: int = 5
    seconds: float = 5.0
    most_passes: int = 6
    blocks: int | None = None
    deadline_s: float = 180.0


def suites(keyword: str, *files: str, arguments: Sequence[str] = ()) -> Spec:
    """The cases that `bench run FILES -k KEYWORD` would measure on the processor."""
    spec = selection.spec([str(ROOT / "suites" / file) for file in files], keyword, ["cpu"], "default")
    surroundings = {**spec.environment, "PYTHONPATH": str(ROOT)}  # for the plugins of this package
    return Spec(spec.paths, keyword, directory=ROOT, rootdir=ROOT, environment=surroundings,
                arguments=tuple(arguments))  # fmt: skip


def together(folder: Path, plan: Plan, sides: Sequence[Side]) -> Run:
    """A run in which the sides share every worker: their stretches alternate within a launch."""
    with _Recorder.begin(folder, plan) as recorder:
        for launch in recorder.in_time(plan):
            for kind in recorder.kinds(plan):
                with _worker(plan, recorder, f"{folder.name}: launch {launch + 1}/{plan.launches}") as worker:
                    _launch(worker, plan, kind, launch, sides, recorder)
    return read_run(folder)


def apart(folder: Path, plan: Plan, sides: Sequence[Side]) -> Run:
    """A run in which each side has launches of its own, alternating: independent runs, close in time."""
    with _Recorder.begin(folder, plan) as recorder:
        for launch in recorder.in_time(plan):
            for kind in recorder.kinds(plan):
                for side in sides if launch % 2 == 0 else reversed(sides):
                    title = f"{folder.name}: launch {launch + 1}/{plan.launches} {side.name}"
                    with _worker(plan, recorder, title) as worker:
                        _launch(worker, plan, kind, launch, [side], recorder)
    return read_run(folder)


def estimates(run: Run) -> pd.DataFrame:
    """The cases frame of a run, as a report shows it."""
    return estimates_of(run, marked(run.blocks))


def by_side(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of a cases frame, a row a case and a column a side."""
    return frame.pivot_table(index="case", columns="side", values=column, aggfunc="first", sort=False)


@dataclass
class _Recorder:
    """The journal of a run with sides, and what is known of its cases on each."""

    journal: Journal
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    cases: dict[str, Case] = field(default_factory=dict)
    known: dict[str, dict[str, Known]] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, plan: Plan) -> "_Recorder":
        (folder / "journal.jsonl").unlink(missing_ok=True)  # an earlier proof of the same section
        facts = environment.environment([])
        header = {
            "version": 1,
            "run": folder.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "arguments": {"paths": list(plan.spec.paths), "k": plan.spec.keyword, "launches": plan.launches},
            "environment": facts,
            "commit": environment.commit(ROOT),
        }
        return cls(Journal.create(folder, header))

    def __enter__(self) -> "_Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def in_time(self, plan: Plan) -> Iterator[int]:
        """The numbers of the launches, two of them at least, as long as there is time for another."""
        begun_s = time.monotonic()
        for launch in range(plan.launches):
            spent_s = time.monotonic() - begun_s
            if launch < 2 or spent_s * (launch + 1) / launch < plan.deadline_s:
                yield launch

    def kinds(self, plan: Plan) -> list[str]:
        """The kinds of worker that the cases need; the first worker is asked for them."""
        if not self.cases:
            with Worker(plan.spec) as worker:
                for fields in worker.collected(PRESET.timeout_s)["cases"]:
                    if not fields.pop("skip", None):
                        case = Case(**fields)
                        self.cases[case.id] = case
                        self.journal.append({"event": "case", **asdict(case)})
        return list(dict.fromkeys(case.worker for case in self.cases.values()))

    def of(self, side: str, kind: str) -> list[Known]:
        """What is known on a side of the cases of one kind of worker."""
        known = self.known.setdefault(side, {})
        return [known.setdefault(case.id, Known(case)) for case in self.cases.values() if case.worker == kind]


def _worker(plan: Plan, recorder: _Recorder, title: str) -> Worker:
    """A fresh worker that has collected."""
    print(title, file=sys.stderr, flush=True)
    worker = Worker(plan.spec)
    worker.collected(PRESET.timeout_s)
    recorder.journal.append({"event": "launch", "title": title})
    return worker


def _launch(
    worker: Worker, plan: Plan, kind: str, launch: int, sides: Sequence[Side], recorder: _Recorder
) -> None:
    """Passes on each side in turn; the order flips from pass to pass and from launch to launch."""
    spent_s = {side.name: 0.0 for side in sides}
    for side in sides:
        for known in recorder.of(side.name, kind):
            known.enter(launch)
    for number in range(plan.most_passes):
        for side in sides if (launch + number) % 2 == 0 else reversed(sides):
            cases, left_s = recorder.of(side.name, kind), plan.seconds - spent_s[side.name]
            chosen = (
                next_pass(cases, PRESET.width, left_s, recorder.rng)
                if number
                else first_pass(cases, math.inf, recorder.rng)
            )
            begun_s = time.monotonic()
            with side.circumstances():
                for known in chosen:
                    _visit(worker, plan, known, side.name, launch, number, recorder)
            spent_s[side.name] += time.monotonic() - begun_s if number else 0.0


def _visit(
    worker: Worker, plan: Plan, known: Known, side: str, launch: int, number: int, recorder: _Recorder
) -> None:
    lane = Lane(worker, PRESET.timeout_s)
    visit([lane], known, blocks=plan.blocks, longest_s=PRESET.longest_call_s)
    visited = lane.visited()
    if visited.ended["outcome"] != "passed":
        known.closed = visited.ended["outcome"]
    recorder.journal.append(
        {
            "event": "visit",
            "case": known.case.id,
            "side": side,
            "launch": launch,
            "pass": number,
            "setup_s": visited.setup_s,
            "outcome": visited.ended["outcome"],
            "message": visited.ended["message"],
            "extra_info": visited.ended["extra_info"],
            "group": visited.ended["group"],
            "blocks": [_compact(asdict(block)) for block in visited.blocks],
        }
    )


def _compact(block: dict[str, object]) -> dict[str, object]:
    """A block without the readings that were not taken."""
    return {name: value for name, value in block.items() if value not in (None, (), [])}


def visits(folder: Path) -> Iterator[Event]:
    """Every visit of a run with sides, as it was recorded."""
    return (event for event in events(folder) if event["event"] == "visit")

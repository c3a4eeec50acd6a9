"""A whole run with workers that follow a script on a virtual clock: which case is visited, and when."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest

from bench.events import Event, Launch, Visit
from bench.measure.drive import coordinator, session
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.ledger import restored
from bench.measure.drive.plan import Plan, Preset, Progress
from bench.measure.start.process import Spec, WorkerError
from bench.measure.start.templates import Templates
from bench.measure.worker.protocol import (
    Announced,
    Answer,
    Ask,
    Collected,
    Done,
    Record,
    Recorded,
    TimeBlock,
    VisitCase,
    Visited,
)
from bench.records import Block, Case

HURRIED = Preset("default", 3, 24.0, 0.005, 2.0, 30.0)
"""Three launches, whose deadline leaves something out, and a width that noise does not reach at once."""


class Clock:
    """Time that passes only when somebody says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@dataclass
class Script:
    """How a test behaves: its times, and what comes of which of its visits, by their number in the run."""

    call_s: float
    setup_s: float = 0.01
    outcomes: dict[int, str] = field(default_factory=dict)
    visits: int = 0


class ScriptedWorker:
    """A worker whose tests behave as their scripts say."""

    def __init__(self, clock: Clock, scripts: dict[str, Script]) -> None:
        self.clock, self.scripts = clock, scripts
        self.noise = random.Random(len(scripts))
        self.template = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def kill(self) -> None:
        pass

    def began(self, launch: Launch) -> Launch:
        return launch

    def tell(self, command: Any) -> None:
        self.command = command

    def hear(self, _timeout_s: float) -> Any:
        return self.ask(self.command, 0.0)

    def ask(self, command: Any, _timeout_s: float) -> Any:
        match command:
            case VisitCase():
                return self.visit(self.scripts[command.case])
            case TimeBlock():
                return self.block(command)
            case Record():
                return Recorded()
            case Ask():
                return Answer({})
            case Done():
                outcome = self.script.outcomes.get(self.script.visits, "passed")
                return Visited(outcome)  # type: ignore[arg-type]  # one of pytest's

    def visit(self, script: Script) -> Announced:
        self.script = script
        script.visits += 1
        self.clock.now_s += script.setup_s
        if script.outcomes.get(script.visits) == "died":
            raise WorkerError("died", "as the script says")
        return Announced(script.setup_s)

    def block(self, command: TimeBlock) -> Block:
        """A block with a little noise; of every tenth others took something."""
        wall_s = command.calls * self.script.call_s * self.noise.uniform(1.0, 1.02)
        start_s, self.clock.now_s = self.clock.now_s, self.clock.now_s + wall_s
        delay_s = 0.1 * wall_s if self.noise.random() < 0.1 else 0.0
        threads = 3 if self.script.call_s == 0.02 else 1
        return Block(
            command.kind, start_s, command.calls, wall_s, delay_s=delay_s, threads=threads, processors=2
        )


class Run:
    """A run of scripted cases and all its events; with `cut_after` it is interrupted after so many."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        scripts: dict[str, Script],
        preset: Preset = HURRIED,
        past: list[Event] | None = None,
        seed: int = 1,
        cut_after: float = math.inf,
    ) -> None:
        clock = Clock()
        for module in (coordinator, session):
            monkeypatch.setattr(module, "time", clock)
        collected = Collected(tuple(map(case_named, scripts)))

        class ScriptedTemplates(Templates):
            """Starts workers that follow the scripts."""

            def start_together(self, _spec: Spec, kinds: Sequence[str], _timeout_s: float) -> list[Any]:
                return [(ScriptedWorker(clock, scripts), collected) for _ in kinds]

            def learn(self, _first: Any, _timeout_s: float) -> None:
                pass

        monkeypatch.setattr(coordinator, "Templates", ScriptedTemplates)
        self.events: list[Event] = list(past or [])
        self.coordinator = Coordinator(
            Plan(Spec(()), preset, preset.launches, seed, ceilings=False), Progress(), past or []
        )
        self.cut_after = cut_after
        with suppress(KeyboardInterrupt):
            self.coordinator.measure(self.write)

    def write(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) >= self.cut_after:
            raise KeyboardInterrupt

    def order(self) -> list[tuple[int, int, str]]:
        """Launch, pass and case of every visit."""
        visits = [event for event in self.events if isinstance(event, Visit)]
        return [(visit.launch, visit.pass_, visit.case.removeprefix("t.py::test_")) for visit in visits]


def case_named(name: str) -> Case:
    """`test_kind[16]` is a case of that kind of worker; the plain ones lie on an axis of sizes."""
    kind, _, size = name.removeprefix("t.py::test_")[:-1].partition("[")
    if kind == "plain":
        return Case(name, "t", kind, params={"n": int(size)}, axis="n")
    return Case(name, "t", kind, isolate=kind)


def scripts() -> dict[str, Script]:
    """Quick and slow cases, far too slow ones, and some that fail or die, at once or later."""
    return {
        "t.py::test_plain[1]": Script(1e-6),
        "t.py::test_plain[2]": Script(3e-4, 0.02),
        "t.py::test_plain[3]": Script(0.02, 0.03),
        "t.py::test_plain[4]": Script(0.004, 0.3),
        "t.py::test_plain[5]": Script(1.1, 0.05),
        "t.py::test_plain[6]": Script(2.5, 0.06),
        "t.py::test_plain[9]": Script(9.0, 0.06),
        "t.py::test_fragile[1]": Script(2e-4, 0.04, {2: "failed", 4: "failed"}),
        "t.py::test_fragile[2]": Script(1e-3, 0.05, {1: "failed"}),
        "t.py::test_fragile[3]": Script(1e-3, 0.07, {2: "died"}),
        "t.py::test_fragile[4]": Script(1e-3, 0.08),
        "t.py::test_fragile[5]": Script(1e-3, 0.09, {2: "skipped"}),
    }


ORDER = """\
0.0 plain[1] plain[2] plain[3] plain[4] plain[5]
1.0 fragile[1] fragile[3] fragile[5] fragile[4]
2.0 fragile[3] fragile[2]
2.1 fragile[4] fragile[1]
2.2 fragile[5]
3.0 plain[1] plain[2] plain[4]
3.1 plain[4] plain[1] plain[2]
3.2 plain[2] plain[1] plain[4]
3.3 plain[3]
3.4 plain[1] plain[2]
3.5 plain[2] plain[1]
3.6 plain[2] plain[1]
3.7 plain[3]
3.8 plain[2] plain[1]
3.9 plain[2] plain[1]
3.10 plain[1] plain[2]
3.11 plain[2] plain[1]
3.12 plain[1]
3.13 plain[1]
3.14 plain[2]
3.15 plain[2]
4.0 fragile[2] fragile[3] fragile[1] fragile[4]
4.1 fragile[5]
4.2 fragile[4]
4.3 fragile[4]
4.4 fragile[4]
4.5 fragile[4]
5.0 plain[4] plain[1] plain[2]
5.1 plain[2] plain[3] plain[1]
5.2 plain[5]
5.3 plain[3]
5.4 plain[1]
5.5 plain[1]
5.6 plain[2]
5.7 plain[1]
6.0 fragile[2] fragile[3] fragile[5] fragile[4] fragile[1]
6.1 fragile[4]
6.2 fragile[4]
6.3 fragile[4]
6.4 fragile[4]
6.5 fragile[4]
6.6 fragile[4]
6.7 fragile[4]
6.8 fragile[4]
6.9 fragile[4]
6.10 fragile[4]
"""


def test_the_same_seed_visits_the_same_cases_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, scripts())
    by_pass: dict[tuple[int, int], list[str]] = {}
    for launch, pass_number, case in run.order():
        by_pass.setdefault((launch, pass_number), []).append(case)
    order = [f"{launch}.{number} {' '.join(names)}" for (launch, number), names in by_pass.items()]
    assert order == ORDER.splitlines()


@pytest.mark.parametrize("cut_after", range(1, 40, 3))
def test_a_resumed_run_knows_what_the_one_that_was_cut_knew(
    monkeypatch: pytest.MonkeyPatch, cut_after: int
) -> None:
    """Wherever it is cut; a case that took too long, whose visit is not recorded, is left aside."""
    whole = scripts()
    del whole["t.py::test_plain[6]"]
    live = Run(monkeypatch, whole, cut_after=cut_after)
    ledger = restored(live.events)
    assert ledger.entries == live.coordinator.ledger.entries
    assert ledger == live.coordinator.ledger


def test_a_fragile_case_stays_fragile_when_its_run_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It failed in its second visit, and so gets one visit in each launch that is still to come."""
    name = "t.py::test_fragile[1]"
    patient = Preset("default", 3, math.inf, 1e-6, 2.0, 30.0)
    cut = Run(monkeypatch, {name: Script(1e-3, 0.01, {2: "failed"})}, replace(patient, launches=1))
    resumed = Run(monkeypatch, {name: Script(1e-3)}, patient, past=cut.events)
    visits = Counter(launch for launch, _, _ in resumed.order())
    assert visits == {0: 2, 1: 1, 2: 1}

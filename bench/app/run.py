"""A run measured: into a new folder, or on in one that was not finished."""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.contests import refine
from bench.analyze.report import RunReport
from bench.app import UserError, recording
from bench.app.selection import Selection, none_matches, refused
from bench.events import End, Event, Note, Sizes
from bench.measure.drive import left_out
from bench.measure.drive.coordinator import Coordinator
from bench.measure.drive.device_tasks import device_facts
from bench.measure.drive.plan import Plan, Preset, preset_of
from bench.measure.host import environment, priority
from bench.measure.host.doctor import unused_gpu
from bench.measure.start.process import WorkerError
from bench.measure.worker.protocol import Collected
from bench.render.decisions.rows import answered
from bench.storage.journal import Journal, StoreError, check_out, header, unfinished
from bench.storage.store import read_run

MAX_LINES = 12
"""Answers shown while measuring: as many as leave a small terminal room."""


@dataclass(frozen=True)
class RunRequest:
    """What a user asks of a run; `launches` and `minutes` None are the preset's."""

    selection: Selection
    launches: int | None = None
    minutes: int | None = None
    seed: int = 1
    out: Path = Path("reports")

    @property
    def recorded(self) -> dict[str, Any]:
        """What decides what is measured, as a run's header keeps it: to go on, it must be the same."""
        further = {"launches": self.launches, "minutes": self.minutes, "seed": self.seed}
        return {**self.selection.recorded, **further}

    @property
    def preset(self) -> Preset:
        return preset_of(self.selection.preset, self.minutes)


def measure(request: RunRequest, resume: bool) -> tuple[Path, bool]:
    """Measures, into a new folder or an unfinished one; the folder, and whether Ctrl-C cut the run.

    Raises UserError where there is nothing to measure or to go on with.
    """
    if finding := unused_gpu():  # before torch is imported, which takes seconds
        print(f"bench: warning: {finding}", file=sys.stderr, flush=True)
    check_out(request.out)
    past, journal = _unfinished(request) if resume else ([], None)
    try:
        plan = Plan(request.selection.spec, request.preset, request.launches, request.seed)
        with recording.screen(plan.preset.deadline_s) as screen:
            coordinator = Coordinator(plan, screen.progress, past)
            try:
                return _record(coordinator, request, journal, screen)
            finally:
                coordinator.close()
    finally:
        if journal:
            journal.close()


def _record(
    coordinator: Coordinator, request: RunRequest, journal: Journal | None, screen: recording.Screen
) -> tuple[Path, bool]:
    """Collects, opens the journal, measures into it and closes it with what the run took."""
    facts = _collect(coordinator, request.selection).facts
    accelerators = device_facts(coordinator.plan.spec, facts.get("accelerators", []))
    journal = journal or recording.begin(
        request.out, request.recorded, facts, accelerators, environment.commit(Path.cwd())
    )
    interrupted = False
    with journal:
        if unusable := facts.get("unusable"):
            if not unused_gpu():  # which was said at once
                print(f"bench: warning: {unusable}", file=sys.stderr)
            journal.append(Note("warning", unusable))
        load_before = os.getloadavg()
        try:
            with recording.watched(journal, accelerators) as record, priority.urgent():
                coordinator.measure(_told(record), _after_round(coordinator.plan, journal.folder, screen))
        except KeyboardInterrupt:
            interrupted = True
            print("bench: interrupted; what was measured is kept; go on with --resume", file=sys.stderr)
        else:
            if remark := left_out.note(coordinator.plan.preset, coordinator.ledger, facts.get("unlisted", 0)):
                journal.append(remark)
            spent_s = coordinator.ledger.spent_of(coordinator.elapsed_s)
            journal.append(End(spent_s, load_before, os.getloadavg()))
    return journal.folder, interrupted


def _told(record: Callable[[Event], None]) -> Callable[[Event], None]:
    """Records events, and says at once what a run is warned of meanwhile."""

    def recorded(event: Event) -> None:
        record(event)
        if isinstance(event, Note) and event.level == "warning":
            print(f"bench: warning: {event.text}", file=sys.stderr)

    return recorded


def _after_round(plan: Plan, folder: Path, screen: recording.Screen) -> Callable[[], Sizes]:
    """What shows the answers so far, from what is recorded, and says which sizes to add: none where the
    preset adds none.
    """

    def look() -> Sizes:
        part = RunReport(AnalyzedRun(read_run(folder)))
        screen.tell(answered(part.answers)[:MAX_LINES])
        return refine.wanted(part.choices, plan.launches) if plan.preset.refining_s else {}

    return look


def _collect(coordinator: Coordinator, selection: Selection) -> Collected:
    try:
        collected = coordinator.collect()
    except WorkerError as error:
        raise refused(coordinator.plan.spec, error) from None
    if not collected.cases and not collected.problems:
        raise none_matches(selection, collected)
    return collected


def _unfinished(request: RunRequest) -> tuple[Iterable[Event], Journal]:
    """The events and the journal of the newest unfinished run. Raises UserError where none fits."""
    folder = unfinished(request.out)
    if folder is None:
        raise UserError(f"{request.out} holds no unfinished run; start one without --resume")
    try:
        journal, past = Journal.resume(folder)
    except StoreError as error:
        raise UserError(str(error)) from None
    then, now = header(folder).arguments, request.recorded
    different = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if different:
        journal.close()
        changes = ", ".join(f"{name} {then.get(name)!r} then, {now.get(name)!r} now" for name in different)
        raise UserError(
            f"{folder} was started with other arguments ({changes}); resume it with the same ones"
        )
    return past, journal

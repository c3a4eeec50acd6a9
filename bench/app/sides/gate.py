"""A gate: both sides measured until nothing more is wanted, and the decision on what was recorded."""

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.decision import CHECKPOINTS, replay
from bench.analyze.gate.series import FRESH
from bench.analyze.report import Report
from bench.app import UserError, recording, stored
from bench.app.sides import explain, live, revisions
from bench.app.sides.calibrate import known_false_alarms
from bench.events import Explained
from bench.measure.drive.plan import Progress
from bench.measure.sides.lockstep import Lockstep
from bench.render.verdicts.words import GateSummary, of_comparison, summary
from bench.storage.journal import StoreError, find_runs, has_runs, header, journal_file
from bench.storage.store import read_run


def recorded(folder: Path) -> tuple[Report, GateSummary]:
    """The report of the recorded gate in `folder`, and its summary. Raises StoreError and UserError."""
    if not is_stored(str(folder)):
        seen = "is no run's folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {seen}; {_expected(folder)}")
    made = stored.read([folder])
    (part,) = made.runs
    if part.gate is None:
        raise UserError(f"{folder} is no gate's run; {_expected(folder.parent)}")
    return made, summary(part, known_false_alarms(folder.parent, part.run.machine))


def _expected(near: Path) -> str:
    """What to name instead: the newest gate in a folder, if there is one."""
    for run in reversed(find_runs(near)) if has_runs(near) else ():
        with suppress(StoreError):
            if header(run).gate:
                return f"expected the folder of a gate's run, such as {run}"
    return "expected the folder of a gate's run, whose report.html `bench gate` names last"


def of_stored(base: Path, head: str | None) -> GateSummary:
    """The summary of two stored runs, which tell less than a gate."""
    if head is None or not is_stored(head):
        seen = f", seen {head}" if head else ""
        raise UserError(f"--base {base} is a stored run; expected --head RUN, another one{seen}")
    return of_comparison(stored.compared(str(base), head))


def failing_on(judged: GateSummary, states: Sequence[str]) -> GateSummary:
    """The summary of a recorded gate, judged as one that also fails on cases of these states."""
    settings = revisions.failing_on(judged.decision.settings, states)
    return replace(judged, decision=replace(judged.decision, settings=settings))


CONFIRMING = "a change is confirmed by fresh starts: where memory lies is the same in all forks of a template"
"""Nothing changed, one template's forks took 3 to 7 % longer than the other's in each of twelve launches."""


def is_stored(side: str) -> bool:
    """True where a side is the folder of a recorded run."""
    return journal_file(Path(side)).is_file()


def measure(
    request: revisions.SidesRequest, base: str, head: str | None, null: bool, explained: bool
) -> Path:
    """The folder of a new run of both sides; where `explained`, slower cases are profiled on both.

    With `null` head is a copy of base. Raises UserError, SideError and StoreError.
    """
    with revisions.compared(request, base, head, null) as compared, recording.progress() as progress:
        # A gate with nothing changed also tells how often gates err here.
        entry = {"calibration": {"condition": live.condition(), "slowdowns": []}} if null else {}
        alike = request.pythons[0] == request.pythons[1]
        ceilings = any(budget.min_ceiling_share is not None for budget in compared.settings.budgets)
        lockstep = Lockstep(compared.sides, progress, request.seed, alike, ceilings)
        launches = partial(_launches, lockstep, progress)
        try:
            with live.measured(lockstep, compared, request, launches, **entry) as journal:
                if explained:
                    decision = replay(AnalyzedRun(read_run(journal.folder)))
                    for case, lines in explain.slower(journal.folder, decision, compared.sides):
                        journal.append(Explained(case, tuple(lines)))
        except KeyboardInterrupt:
            print("bench: interrupted; nothing is judged, what was measured is kept", file=sys.stderr)
            raise
        finally:
            lockstep.close()
    return journal.folder


def _launches(lockstep: Lockstep, progress: Progress, folder: Path) -> None:
    """Launches until the decision on what was recorded wants no more."""
    wanted = dict.fromkeys(lockstep.cases, CHECKPOINTS[0])
    number, latest_s = 0, math.inf
    while wanted:
        rounds = number + max(wanted.values())
        while number < rounds:
            begun_s = lockstep.elapsed_s
            progress.move(round=number + 1, rounds=rounds, left_s=(rounds - number) * latest_s)
            lockstep.measure_launch(number, wanted, fresh=CONFIRMING if number in FRESH else "")
            number, latest_s = number + 1, lockstep.elapsed_s - begun_s
        decision, open_cases = replay(AnalyzedRun(read_run(folder))), lockstep.cases
        wanted = {case: lacking for case, lacking in decision.wanted.items() if case in open_cases}

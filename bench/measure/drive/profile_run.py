"""Profiles cases, one after the other: a worker of each kind, three visits a case, files in a folder a case.

The first visit watches plain calls, which says how many of them a recording needs; the second records
operators, the third Python stacks. A test that allows a number of calls never gets more in a visit.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.drive.session import CaseSession, set_up, tear_down
from bench.measure.start.process import Spec, Worker, WorkerError, collect_together
from bench.measure.worker.profiling.stacks import STACKS
from bench.measure.worker.protocol import Collected, Record, Recorded
from bench.records import Case

TIMEOUT_S = 600.0
"""Patience with one recording: an epoch of a minute takes several under the profiler, and its export more."""

RECORDED_S = 0.3
MAX_CALLS = 200
"""A recording holds so many seconds of calls, or so many calls, but one at least: enough that an operator's
median over calls is steady, few enough that the trace stays small."""

MAX_EVENTS = 400_000
"""Events in a trace: 170 MB of JSON before compression. Perfetto opens it in seconds; reading it here takes
2 GB of memory. The course's epoch on 6400 images has 230 000."""

MAX_WHOLE_S = 10.0
"""A longer call is not recorded as a whole where it is made of optimizer steps."""

WINDOW_S = 2.0
"""Of such a call so many seconds of steps are recorded."""

SKIPPED_STEPS = 2
"""Steps at a call's start that are left out of such a recording: iterators and workers start there."""


@dataclass(frozen=True)
class CaseProfile:
    """What came of profiling a case: a folder with raw recordings, or `problem` in words.

    `watched` is what plain calls showed; `operators` what was recorded, its `steps` being 0 where that was
    whole calls; `notes` what is missing.
    """

    case: Case
    folder: Path | None = None
    watched: Recorded | None = None
    operators: Recorded | None = None
    stacks: Path | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


class ProfileError(Exception):
    """Why a case could not be profiled."""


def collect(spec: Spec) -> Collected:
    """What a worker collects: cases, problems. Raises WorkerError where nothing can be collected."""
    with Worker(spec) as worker:
        return worker.collected(COLLECT_TIMEOUT_S)


def profile(spec: Spec, cases: Iterable[Case], say: Callable[[str], None] = print) -> Iterator[CaseProfile]:
    """Profiles each case; its raw recordings are there until the next one is asked for."""
    worker: Worker | None = None
    kind = ""
    try:
        for case in sorted(cases, key=lambda case: case.worker):  # no worker mixes devices or engines
            say(case.id)
            with tempfile.TemporaryDirectory(prefix="bench-profile-") as folder:
                try:
                    if worker is None or case.worker != kind:
                        if worker is not None:
                            worker.end()
                        [(worker, _)] = collect_together([Worker(spec)], COLLECT_TIMEOUT_S)
                        kind = case.worker
                    yield _profiled(worker, case, Path(folder))
                except (WorkerError, ProfileError, OSError) as error:
                    if isinstance(error, WorkerError) and worker is not None:
                        worker.kill()
                        worker = None
                    yield CaseProfile(case, problem=str(error))
    finally:
        if worker is not None:
            worker.end()


def _profiled(worker: Worker, case: Case, folder: Path) -> CaseProfile:
    notes: list[str] = []
    watched = _record(worker, case, Record("watch", 1))
    if "torch" in watched.facts:
        operators = _operators(worker, case, folder, watched, notes)
    else:
        operators = None
        notes.append("operators: the case does not use torch, so torch.profiler has nothing to record")
    calls = max(1, round(RECORDED_S / watched.wall_s))
    stacks = _stacks(worker, case, folder, calls, notes)
    return CaseProfile(case, folder, watched, operators, stacks, tuple(notes))


def _operators(worker: Worker, case: Case, folder: Path, watched: Recorded, notes: list[str]) -> Recorded:
    """Records operators of whole calls; of one call's steps where whole calls are too much."""
    calls = max(1, min(MAX_CALLS, round(RECORDED_S / watched.wall_s)))
    command = Record("operators", calls, str(folder), MAX_EVENTS)
    steps, call_s = watched.steps, watched.wall_s
    enough_steps = steps > SKIPPED_STEPS + 2
    if enough_steps and call_s > MAX_WHOLE_S:
        active = max(1, int(steps * WINDOW_S / call_s))
        why = f"a call takes {call_s:.0f} s"
    else:
        recorded = _record(worker, case, command)
        if recorded.events <= MAX_EVENTS:
            return recorded
        a_call = recorded.events // recorded.calls
        why = f"a call makes {a_call:,} trace events, and {MAX_EVENTS:,} are kept at most"
        if not enough_steps:
            raise ProfileError(
                f"{why}; it has no optimizer steps to choose from, so nothing of it was recorded; "
                "profile it at a smaller size"
            )
        active = max(1, MAX_EVENTS // 2 // (a_call // steps))
    active = min(active, steps - SKIPPED_STEPS - 2)
    notes.append(
        f"operators: {why}, so only {active} of its {steps} optimizer steps were recorded, after the first "
        f"{SKIPPED_STEPS + 1}"
    )
    window = replace(command, calls=1, active=active, skip=SKIPPED_STEPS)
    return replace(_record(worker, case, window), steps=active)


def _stacks(worker: Worker, case: Case, folder: Path, calls: int, notes: list[str]) -> Path | None:
    path = py_spy()
    if path is None:
        notes.append('stacks: py-spy is not installed; `pip install "torch-course-bench[profile]"` brings it')
        return None
    answer = _record(worker, case, Record("stacks", calls, str(folder), py_spy=path))
    if answer.missing:
        notes.append(f"stacks: {answer.missing}")
        return None
    return folder / STACKS


def py_spy() -> str | None:
    """py-spy beside the Python that runs, else on the PATH; None where there is none."""
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if beside.is_file() else shutil.which("py-spy")


def _record(worker: Worker, case: Case, command: Record) -> Recorded:
    """One recording in a visit of its own. Raises ProfileError where the test ends before it, or fails."""
    session = CaseSession(worker, TIMEOUT_S)
    set_up([session], case.id)
    if session.left is None or session.left > 1:
        session.block("warmup", 1)
    recorded: Recorded | None = None
    if session.running:
        recorded = session.ask(replace(command, calls=session.allowed(command.calls)), Recorded)
    tear_down([session])
    assert session.ended is not None
    if session.ended.outcome != "passed" or recorded is None:
        what = {"watch": "", "operators": " under torch.profiler", "stacks": " under py-spy"}[command.what]
        raise ProfileError(f"the case {session.ended.outcome}{what}: {_exception(session.ended.message)}")
    return recorded


def _exception(message: str) -> str:
    """The line of pytest's account of a failure that has the exception; else its last one."""
    lines = message.strip().splitlines() or ["it ended before it called benchmark(...)"]
    return next((line[1:].strip() for line in lines if line.startswith("E ")), lines[-1])

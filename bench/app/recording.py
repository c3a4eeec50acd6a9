"""How a new run is recorded: its folder, its header, what the machine is like, and what GPUs do meanwhile."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.events import Event, Header, Note
from bench.measure.drive import left_out
from bench.measure.drive.plan import Progress
from bench.measure.host import environment, gpu_monitor
from bench.measure.host.doctor import findings
from bench.patterns import name
from bench.render.units import quantity
from bench.storage.journal import Journal, new_run_folder

Facts = Mapping[str, Any]

PLAIN_EVERY_S = 15.0
"""Time between two lines of progress where these do not move, as in a job's log."""


MAX_PLAIN = 3
"""Lines printed at once where they cannot be put in the place of earlier ones."""


def begin(
    out: Path,
    arguments: Facts,
    facts: Facts,
    accelerators: Sequence[dict[str, Any]],
    commit: Facts,
    **further: Any,
) -> Journal:
    """The journal of a new run in `out`, with its header and what was seen of the machine written.

    `facts` are what a worker said of itself and of torch, `accelerators` what they said of themselves;
    `further` entries of the header belong to what kind of run it is. Raises StoreError where the folder
    cannot be written.
    """
    machine = environment.environment(accelerators)
    machine |= {"torch": facts.get("torch", {}), "worker_nice": facts.get("nice", 0)}
    folder = new_run_folder(out, str(machine.get("host", "")), str(commit.get("id", ""))[:10])
    created = datetime.now(UTC).isoformat(timespec="seconds")
    header = Header(
        run=folder.name, created=created, arguments=arguments, environment=machine, commit=commit, **further
    )
    journal = Journal.create(folder, header)
    for note in remarks(facts):
        journal.append(note)
    if remark := left_out.dropped(facts):
        journal.append(remark)
    return journal


def remarks(facts: Facts) -> Iterator[Note]:
    """What makes numbers untrustworthy on this machine, as `bench doctor` says it.

    A serious finding is a warning. `facts` are what a worker said of torch.
    """
    for finding in findings(torch=facts.get("torch")):
        yield Note("warning" if finding.serious else "info", str(finding), finding.name)


@contextmanager
def watched(journal: Journal, accelerators: Sequence[Mapping[str, Any]]) -> Iterator[Callable[[Event], None]]:
    """What records an event, with the samples taken of the run's GPUs by then.

    Samples come at once: whether a block is clean depends on them. Where there are none, a note says why.
    """
    with gpu_monitor.GpuMonitor(uuids(accelerators)) as gpus:
        if gpus.note:
            journal.append(Note("warning", gpus.note))

        def record(event: Event) -> None:
            for each in (event, *gpus.samples()):
                journal.append(each)

        yield record
    for sample in gpus.samples():
        journal.append(sample)


def uuids(accelerators: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names of accelerators by their UUID, of those that have one."""
    return {str(each["uuid"]): str(each["device"]) for each in accelerators if "uuid" in each}


@dataclass(frozen=True)
class Screen:
    """What a run shows on stderr: where it stands, and lines that it is told to show from then on."""

    progress: Progress
    tell: Callable[[Sequence[str]], None]


@contextmanager
def progress(deadline_s: float = math.inf) -> Iterator[Progress]:
    """A Progress that shows itself on stderr: a line that moves on a terminal, plain lines elsewhere."""
    with screen(deadline_s) as shown:
        yield shown.progress


@contextmanager
def screen(deadline_s: float = math.inf) -> Iterator[Screen]:
    """A Screen: on a terminal what it was told last stands above the line that moves, and stays at the end;
    elsewhere it is printed once, when it is told.
    """
    if not sys.stderr.isatty():
        yield Screen(Progress(_plain_lines(deadline_s)), _plain_tell)
        return
    from rich.console import Console, Group  # only a terminal needs it
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    from bench.render.unbroken import Unbroken, whole

    spinner, told = Spinner("dots", "starting"), [Unbroken(Text())]
    with Live(spinner, console=Console(stderr=True)) as live:

        def tell(lines: Sequence[str]) -> None:
            told[:] = [Unbroken(whole(line)) for line in lines]
            live.update(Group(*told, spinner))

        try:
            yield Screen(Progress(lambda each: spinner.update(text=Text(_line(each, deadline_s)))), tell)
        finally:
            live.update(Group(*told))


def _plain_tell(lines: Sequence[str]) -> None:
    for line in lines[:MAX_PLAIN]:
        print(f"so far: {line}", file=sys.stderr, flush=True)


def _plain_lines(deadline_s: float) -> Callable[[Progress], None]:
    last_s = -math.inf

    def say(progress: Progress) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PLAIN_EVERY_S:
            last_s = time.monotonic()
            print(_line(progress, deadline_s), file=sys.stderr, flush=True)

    return say


def _line(progress: Progress, deadline_s: float) -> str:
    left_s = min(deadline_s - progress.elapsed_s, progress.left_s)
    limit = "at most" if math.isfinite(deadline_s) else "about"
    left = "" if math.isinf(left_s) else f", {limit} {max(0.0, left_s):.0f} s left"
    of_all = f"/{progress.rounds}" if progress.rounds else ""
    cases = f", {min(progress.done, progress.cases)} of {progress.cases} cases" if progress.cases else ""
    case, seconds = progress.last
    last = f" (last read: {name(case)} {quantity(seconds, 's')})" if case else ""
    return f"launch {progress.round}{of_all}{cases}{left}: {name(progress.case)}{last}"

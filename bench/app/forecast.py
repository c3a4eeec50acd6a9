"""What a run would be: how many cases on which device, what is skipped, and how long it would take."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.measure.drive import left_out
from bench.measure.drive.ledger import Ledger, restored
from bench.measure.drive.plan import Preset, preset_of
from bench.measure.drive.worth import MIN_LAUNCHES, seconds_to, typical
from bench.measure.host.environment import machine_id
from bench.measure.host.processor import cpu
from bench.measure.worker.protocol import Collected
from bench.records import Case
from bench.storage.journal import StoreError, events, find_runs, header

NEEDED = "cpu"
"""The device that every machine has."""


def lines(
    found: Collected, preset: str, out: Path, minutes: int | None = None, launches: int | None = None
) -> list[str]:
    """The forecast in sentences, for the cases that a worker has found; runs in `out` tell of their time.

    `minutes` and `launches` None are the preset's.
    """
    measured = [case for case in found.cases if case.id not in found.skips]
    told = [_counted(measured, len(found.cases)), *_skipped(found)]
    if remark := left_out.dropped(found.facts):
        told.append(remark.text)
    if not measured:
        return told
    said = f"--preset {preset}" + (f" --minutes {minutes}" if minutes else "")
    return [*told, f"{said} {_time(measured, preset_of(preset, minutes), out, launches)}"]


def _counted(measured: Sequence[Case], listed: int) -> str:
    devices = Counter(case.device for case in measured)
    where = ", ".join(f"{count} on {device}" for device, count in devices.items()) or "none to measure here"
    return f"{listed} case{'s' * (listed != 1)}: {where}"


def _skipped(found: Collected) -> Iterator[str]:
    """What is skipped and why, a line a reason; what needs an accelerator says so."""
    skipped = [(case, found.skips[case.id]) for case in found.cases if case.id in found.skips]
    needing = {reason for case, reason in skipped if case.device != NEEDED}
    for reason, count in Counter(reason for _, reason in skipped).items():
        yield f"{count} {'need an accelerator and ' * (reason in needing)}would be skipped: {reason}"


def _time(measured: Sequence[Case], preset: Preset, out: Path, launches: int | None) -> str:
    """How long they take: by what they took in the newest run of this machine, never beyond the deadline."""
    limit_s = preset.deadline_s + preset.report_s
    said = "has no deadline" if math.isinf(limit_s) else f"takes {duration(limit_s)} at most, report included"
    for folder, learned in past(out):
        if visits_s := needed_s(measured, preset, learned, launches):
            expected_s = min(visits_s + preset.report_s, limit_s)
            return f"{said}; about {duration(expected_s)}, by what these cases took in {folder}"
    return f"{said}; a run of this machine in {out}/ would tell more"


def past(out: Path) -> Iterator[tuple[Path, Ledger]]:
    """The runs in a folder that were measured on this machine, the newest first, as what they learned."""
    try:
        folders = find_runs(out)
    except StoreError:
        return
    for folder in reversed(folders):
        try:
            about = header(folder)
            if not (about.gate or about.calibration) and _is_of_here(about.environment):
                yield folder, restored(events(folder))
        except StoreError:
            continue


def _is_of_here(environment: Mapping[str, Any]) -> bool:
    """Whether a run was measured on a machine with this processor and memory."""
    then, memory = environment.get("cpu"), environment.get("memory_bytes")
    if not then or not memory:
        return False
    try:
        return machine_id(then, memory, ()) == machine_id(cpu(), psutil.virtual_memory().total, ())
    except KeyError:  # another tool's
        return False


def needed_s(measured: Sequence[Case], preset: Preset, past: Ledger, launches: int | None = None) -> float:
    """Seconds until these cases come to the preset's target, in just so many `launches` where they are given;
    0 where the past run timed none of them.

    A case that it did not time is taken to need what the others do on average; what a run spends beside its
    visits, it is taken to spend again.
    """
    timed = [entry for entry in past.entries.values() if entry.lifecycle.visits]
    asked = {case.id for case in measured}
    known = [entry for entry in timed if entry.case.id in asked]
    visits_s = sum(past.spent_s.values())
    if not known or not visits_s:
        return 0.0
    run = typical(timed)
    least, most = (launches, launches) if launches else (MIN_LAUNCHES, preset.launches)
    of_visits_s = sum(seconds_to(entry, run, preset.target, most, least) for entry in known)
    return of_visits_s * len(measured) / len(known) * max(1.0, past.elapsed_s / visits_s)


def duration(seconds: float) -> str:
    """With as many digits as a forecast has: "90 s", "6 min", "3 h"."""
    if seconds < 100:
        return f"{math.ceil(seconds / 10) * 10} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"

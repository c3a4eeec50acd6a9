"""Cases profiled into a run's folder: which cases, their recordings analyzed, stored, and a page of each."""

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from bench import patterns
from bench.analyze.profiles import operators, trace
from bench.analyze.profiles.merge import merged
from bench.app import UserError, selection
from bench.app.suggestions import case_meant, keyword_meant
from bench.measure.drive.profile_run import CaseProfile, profile
from bench.measure.start.process import Spec
from bench.measure.worker.profiling.profiler import EXTRAS, RAW_TRACE
from bench.measure.worker.protocol import Collected
from bench.records import Case
from bench.render.profile import page
from bench.storage import profiles
from bench.storage.store import read_run

PRESET = "thorough"
"""Every size may be profiled: one call of it is affordable."""


def paths_of(wanted: Sequence[str]) -> list[str]:
    """The files and folders in which the wanted cases are to be looked for."""
    files = [case.partition("::")[0] for case in wanted if "::" in case or Path(case).exists()]
    return list(dict.fromkeys(files)) if len(files) == len(wanted) and files else selection.default_paths()


def chosen(spec: Spec, wanted: Sequence[str]) -> list[Case]:
    """The cases that are wanted, of those in the suites. Raises UserError for one that is not there."""
    collected = selection.collected(spec)
    cases = {case.id: case for case in collected.cases}
    matched: dict[str, Case] = {}
    for each in wanted or [""]:
        matching = {name: case for name, case in cases.items() if matches(name, each)}
        if not matching:
            raise UserError(_unknown(each, spec, collected))
        matched |= matching
    ready = [case for name, case in matched.items() if name not in collected.skips]
    if not ready:
        raise UserError(f"nothing to profile: {next(iter(collected.skips[name] for name in matched))}")
    return ready


def matches(case: str, wanted: str) -> bool:
    """Whether a case is wanted: by its id, its test, a pattern, its file or folder; "" wants any."""
    if not wanted or ("::" not in wanted and Path(wanted).exists()):
        return True  # nothing else was collected
    return any(patterns.matches(wanted, each) for each in (case, case.partition("[")[0]))


def _unknown(wanted: str, spec: Spec, collected: Collected) -> str:
    for problem in collected.problems:
        return f"{problem.id} could not be collected: {problem.last_line}"
    cases = [case.id for case in collected.cases]
    what = f"no case {wanted!r}" if wanted else f"no case matches -k {spec.keyword!r}"
    meant = case_meant(wanted, cases) if wanted else keyword_meant(spec.keyword, collected.left_out)
    return what + (meant or f"; see `bench list --preset {PRESET}`")


def write(folder: Path, spec: Spec, cases: Sequence[Case]) -> Iterator[Path | None]:
    """Profiles cases into a run's folder: the folder of each profile, None for a case that failed.

    Raises StoreError where the disk refuses.
    """
    numbers = count(1)

    def say(case: str) -> None:
        print(f"profiling {next(numbers)}/{len(cases)}: {case}", file=sys.stderr, flush=True)

    for recorded in profile(spec, cases, say):
        if recorded.problem:
            print(f"bench: {recorded.case.id}: {recorded.problem}", file=sys.stderr)
            yield None
            continue
        target = folder / profiles.FOLDER / profiles.slug(recorded.case.id)
        _store(target, recorded)
        profiles.write_page(target, page(profiles.read(target)))
        yield target


def whole_run(folder: Path, spec: Spec) -> Iterator[Path | None]:
    """Profiles every case that a run has measured, into its folder. Raises StoreError."""
    cases = read_run(folder).cases
    if measured := set(cases.loc[cases["outcome"] == "passed", "case"]):
        yield from write(folder, spec, [case for case in chosen(spec, []) if case.id in measured])


def _store(folder: Path, recorded: CaseProfile) -> None:
    """Analyzes raw recordings and writes the profile."""
    watched = recorded.watched
    assert watched is not None
    about: dict[str, Any] = {
        "case": recorded.case.id,
        "device": recorded.case.device,
        "plain_s": watched.wall_s / watched.calls,
        "facts": watched.facts,
        "allocator": watched.allocator,
        "notes": list(recorded.notes),
    }
    if not recorded.operators:
        profiles.write(folder, about, None, *operators.nothing(), recorded.stacks)
        return
    assert recorded.folder is not None
    raw = json.loads((recorded.folder / RAW_TRACE).read_text("utf-8"))
    whole = merged(raw, json.loads((recorded.folder / EXTRAS).read_text("utf-8")))
    read = trace.read(whole)
    about |= {
        "pieces": read.calls if recorded.operators.steps else read.calls * max(watched.steps, 1),
        "piece": "step" if watched.steps > 1 else "call",
        "wall_s": read.wall_s,
        "device_use": operators.device_use(read),
    }
    profiles.write(
        folder, about, whole, operators.operators(read), read.memory, operators.phases(read), recorded.stacks
    )

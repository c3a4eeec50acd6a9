"""Record where the time of cases goes: a trace for Perfetto, operators by their own time, Python stacks.

A CASE is one that `bench list` names, or a test without its parameters, or a pattern with * and ?; -k
selects further. Each case runs again for it, apart from any timing.
"""

import argparse
import difflib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.app import selection
from bench.app.problems import UserError

if TYPE_CHECKING:
    from bench.measure.drive.process import Spec
    from bench.measure.drive.profile_run import CaseProfile
    from bench.measure.worker.protocol import Problem
    from bench.records import Case

SHOWN = 10
"""Operators printed for a case."""

PRESET = "thorough"
"""Every size may be profiled: one call of it is affordable."""


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases", nargs="*", metavar="CASE", help="cases, tests, patterns, files or folders")
    parser.add_argument(
        "-k", dest="keyword", default="", metavar="EXPR", help="only cases that match, as in pytest"
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="D",
        help="on this device only, as TYPE or TYPE:INDEX",
    )
    parser.add_argument(
        "--run",
        type=Path,
        metavar="RUN",
        help="a run that the profiles are added to, with links from its report",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR",
        help="where a new folder is made without --run (default: %(default)s)",
    )  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Exit status 0; 1 where a case could not be profiled; 2 where none matches."""
    from bench.storage.store import StoreError, new_run_folder

    if not options.cases and not options.keyword:
        raise UserError("no case named; expected a CASE or -k EXPR; see `bench list`")
    if options.run is not None and not options.run.is_dir():
        raise UserError(f"{options.run} does not exist; expected the folder of a run, or leave --run out")
    spec = selection.spec(paths_of(options.cases), options.keyword, options.device, PRESET)
    cases = chosen(spec, options.cases)
    try:
        folder = options.run or new_run_folder(options.out, "profile", "")
        failed = tell(write(folder, spec, cases))
        if options.run is not None:
            from bench.commands import report

            report.write(folder)
    except StoreError as error:
        raise UserError(str(error)) from None
    return int(failed)


def paths_of(wanted: Sequence[str]) -> list[str]:
    """The files and folders in which the wanted cases are to be looked for."""
    files = [case.partition("::")[0] for case in wanted if "::" in case or Path(case).exists()]
    return list(dict.fromkeys(files)) if len(files) == len(wanted) and files else selection.default_paths()


def chosen(spec: "Spec", wanted: Sequence[str]) -> "list[Case]":
    """The cases that are wanted, of those in the suites. Raises UserError for one that is not there."""
    from bench.measure.drive.process import WorkerError
    from bench.measure.drive.profile_run import collect
    from bench.records import Case

    try:
        collected = collect(spec)
    except WorkerError as error:
        raise UserError(str(error)) from None
    cases = {case.id: case for case in collected.cases}
    found: dict[str, Case] = {}
    for each in wanted or [""]:
        matching = {name: case for name, case in cases.items() if matches(name, each)}
        if not matching:
            raise UserError(_unknown(each, cases, spec, collected.problems))
        found |= matching
    ready = [case for name, case in found.items() if name not in collected.skips]
    if not ready:
        raise UserError(f"nothing to profile: {next(iter(collected.skips[name] for name in found))}")
    return ready


def matches(case: str, wanted: str) -> bool:
    """Whether a case is wanted: by its id, its test, a pattern, its file or folder; "" wants any."""
    from bench import patterns

    if not wanted or ("::" not in wanted and Path(wanted).exists()):
        return True  # nothing else was collected
    return any(patterns.matches(wanted, each) for each in (case, case.partition("[")[0]))


def _unknown(wanted: str, cases: Iterable[str], spec: "Spec", problems: "Sequence[Problem]") -> str:
    if problems:
        last = problems[0].message.strip().splitlines()[-1]
        return f"{problems[0].id} could not be collected: {last}"
    what = f"no case {wanted!r}" if wanted else f"no case matches -k {spec.keyword!r}"
    near = difflib.get_close_matches(wanted, list(cases), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; see `bench list --preset {PRESET}`"
    return what + hint


def write(folder: Path, spec: "Spec", cases: "Sequence[Case]") -> Iterator[Path | None]:
    """Profiles cases into a run's folder: the folder of each profile, None for a case that failed.

    Raises StoreError where the disk refuses.
    """
    from bench.measure.drive.profile_run import profile
    from bench.render.profile import page
    from bench.storage import profiles

    for recorded in profile(spec, cases, _say(len(cases))):
        if recorded.problem:
            print(f"bench: {recorded.case.id}: {recorded.problem}", file=sys.stderr)
            yield None
            continue
        target = folder / profiles.FOLDER / profiles.slug(recorded.case.id)
        store(target, recorded)
        profiles.write_page(target, page(profiles.read(target)))
        yield target


def tell(written: Iterable[Path | None]) -> bool:
    """Prints what each profile shows as soon as it is written; whether a case failed."""
    failed = False
    for folder in written:
        failed |= folder is None
        if folder is not None:
            print("\n".join(summary(folder)))
    return failed


def whole_run(folder: Path, spec: "Spec") -> bool:
    """Profiles every case that a run has measured, into its folder; True where Ctrl-C cut that short.

    Raises StoreError where the disk refuses.
    """
    from bench.storage.store import read_run

    seen = read_run(folder).cases
    measured = set(seen.loc[seen["outcome"] == "passed", "case"])
    if not measured:
        return False
    try:
        tell(write(folder, spec, [case for case in chosen(spec, []) if case.id in measured]))
    except KeyboardInterrupt:
        print("bench: interrupted; what was profiled is kept, as is the run", file=sys.stderr)
        return True
    return False


def _say(cases: int) -> Any:
    done = 0

    def say(case: str) -> None:
        nonlocal done
        done += 1
        print(f"profiling {done}/{cases}: {case}", file=sys.stderr, flush=True)

    return say


def store(folder: Path, recorded: "CaseProfile") -> None:
    """Analyzes raw recordings and writes the profile."""
    from bench.analyze.profiles import operators, trace
    from bench.measure.worker.profiler import EXTRAS, RAW_TRACE
    from bench.storage import profiles

    assert recorded.watched is not None
    about: dict[str, Any] = {
        "case": recorded.case.id,
        "device": recorded.case.device,
        "plain_s": recorded.watched.wall_s / recorded.watched.calls,
        "facts": recorded.watched.facts,
        "allocator": recorded.watched.allocator,
        "notes": list(recorded.notes),
    }
    if not recorded.operators:
        profiles.write(folder, about, None, *operators.nothing(), recorded.stacks)
        return
    assert recorded.folder is not None
    raw = json.loads((recorded.folder / RAW_TRACE).read_text("utf-8"))
    merged = trace.merged(raw, json.loads((recorded.folder / EXTRAS).read_text("utf-8")))
    read = trace.read(merged)
    steps = recorded.watched.steps
    about |= {
        "pieces": read.calls if recorded.operators.steps else read.calls * max(steps, 1),
        "piece": "step" if steps > 1 else "call",
        "wall_s": read.wall_s,
        "device_use": operators.device_use(read),
    }
    profiles.write(
        folder, about, merged, operators.operators(read), read.memory, operators.phases(read), recorded.stacks
    )


def summary(folder: Path) -> list[str]:
    """A profile in a few lines for a terminal."""
    from bench.render.profile import by_operator
    from bench.render.units import percent, quantity
    from bench.storage import profiles

    profile = profiles.read(folder)
    lines = [profile.case]
    whole = profile.about.get("wall_s", 0.0)
    if len(profile.phases):
        shares = (f"{row.phase} {percent(row.share)}" for row in profile.phases.itertuples())
        lines.append("  " + ", ".join(shares))
    for row in by_operator(profile).head(SHOWN).itertuples():
        lines.append(
            f"  {percent(row.self_s / whole):>7} {quantity(row.self_s / profile.pieces, 's'):>8} "
            f"{row.count / profile.pieces:6.4g} × {row.label} {row.shapes}"
        )
    return [*lines, *(f"  {note}" for note in profile.about["notes"]), f"  {folder / profiles.PAGE}"]


def pages(run: Path, target: Path) -> dict[str, Any]:
    """Writes the page of each profile in a run's folder; what a report in `target` says of them, by case."""
    from bench.render.profile import entry, page
    from bench.storage import profiles

    said = {}
    for folder in profiles.found(run):
        profile = profiles.read(folder)
        path = profiles.write_page(folder, page(profile))
        said[profile.case] = entry(profile, quote(os.path.relpath(path, target)))
    return said

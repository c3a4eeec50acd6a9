"""Measure suites on every device present, then write the report."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.app import recording, selection
from bench.app.problems import UserError
from bench.events import End, Event, Header, Note, Sizes

if TYPE_CHECKING:
    from bench.measure.drive.coordinator import Coordinator
    from bench.measure.drive.plan import Plan
    from bench.measure.worker.protocol import Collected
    from bench.storage.store import Journal


def declare(parser: argparse.ArgumentParser) -> None:
    selection.declare(parser)
    parser.add_argument(
        "--launches", type=_positive, metavar="N", help="fresh processes a case is measured in"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of cases (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="where runs are put")
    parser.add_argument("--resume", action="store_true", help="go on with the newest unfinished run in --out")
    parser.add_argument("--profile", action="store_true", help="profile every case, after the measuring")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} launches; expected at least 1")
    return value


def command(options: argparse.Namespace) -> int:
    """Exit status 0; 1 if a case failed; 130 on Ctrl-C, with what was measured kept and reported."""
    from bench.commands import profile, report
    from bench.storage.store import StoreError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        folder, interrupted = _measure(options)
        if options.profile and not interrupted:
            interrupted = profile.whole_run(folder, _plan(options).spec)
        page, sentences, failed = report.write(folder)
    except StoreError as error:
        raise UserError(str(error)) from None
    for sentence in sentences:
        print(f"  {sentence}")
    print(page)
    return 130 if interrupted else int(failed)


def _measure(options: argparse.Namespace) -> tuple[Path, bool]:
    """Measures, into a new folder or an unfinished one; the folder, and whether Ctrl-C cut the run."""
    from bench.app.progress import shown
    from bench.measure.drive.coordinator import Coordinator

    past, journal = _unfinished(options) if options.resume else ([], None)
    plan = _plan(options)
    try:
        with shown(plan.preset.deadline_s) as progress:
            coordinator = Coordinator(plan, progress, past)
            try:
                return _record(coordinator, options, journal)
            finally:
                coordinator.close()
    finally:
        if journal:
            journal.close()


def _plan(options: argparse.Namespace) -> "Plan":
    from bench.measure.drive.plan import PRESETS, Plan

    preset = PRESETS[options.preset]
    spec = selection.spec(
        options.paths or selection.default_paths(), options.keyword, options.device, options.preset
    )
    return Plan(spec, preset, options.launches or preset.launches, options.seed)


def _record(
    coordinator: "Coordinator", options: argparse.Namespace, journal: "Journal | None"
) -> tuple[Path, bool]:
    """Collects, opens the journal, measures into it and closes it with what the run took."""
    from bench.measure.drive.process import device_facts
    from bench.measure.host import environment

    facts = _collect(coordinator, options).facts
    accelerators = device_facts(coordinator.plan.spec, facts.get("accelerators", []))
    journal = journal or recording.begin(
        options.out, _arguments(options), facts, accelerators, environment.commit(Path.cwd())
    )
    interrupted = False
    with journal:
        if unusable := facts.get("unusable"):
            print(f"bench: warning: {unusable}", file=sys.stderr)
            journal.append(Note("warning", unusable))
        load_before = environment.load()
        try:
            with recording.watched(journal, accelerators) as record:
                coordinator.measure(record, _wanted(coordinator.plan, journal.folder))
        except KeyboardInterrupt:
            interrupted = True
            print("bench: interrupted; what was measured is kept; go on with --resume", file=sys.stderr)
        else:
            journal.append(End(coordinator.spent_s(), load_before, environment.load()))
    return journal.folder, interrupted


def _wanted(plan: "Plan", folder: Path) -> "Callable[[], Sizes] | None":
    """What says, from what is recorded so far, which sizes to add; None where the preset adds none."""
    if not plan.preset.refining_s:
        return None
    from bench.analyze.contests import refine
    from bench.storage.store import read_run

    return lambda: refine.wanted(read_run(folder), plan.launches)


def _collect(coordinator: "Coordinator", options: argparse.Namespace) -> "Collected":
    from bench.measure.drive.process import WorkerError

    try:
        collected = coordinator.collect()
    except WorkerError as error:
        raise UserError(str(error)) from None
    if not collected.cases and not collected.problems:
        what = f" that match -k {options.keyword!r}" if options.keyword else ""
        raise UserError(f"no benchmarks{what} in {' '.join(options.paths) or 'suites/'}; see `bench list`")
    return collected


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments that decide what is measured: --resume must find them unchanged."""
    return {
        "paths": options.paths,
        "k": options.keyword,
        "devices": options.device,
        "preset": options.preset,
        "launches": options.launches,
        "seed": options.seed,
    }


def _unfinished(options: argparse.Namespace) -> tuple[Iterable[Event], "Journal"]:
    """The events and the journal of the newest unfinished run. Raises UserError where none fits."""
    from bench.storage.store import Journal, StoreError, unfinished

    folder = unfinished(options.out)
    if folder is None:
        raise UserError(f"{options.out} holds no unfinished run; start one without --resume")
    try:
        journal, past = Journal.resume(folder)
    except StoreError as error:
        raise UserError(str(error)) from None
    assert isinstance(past[0], Header)
    recorded, asked = past[0].arguments, _arguments(options)
    different = [name for name, value in asked.items() if recorded.get(name) != value]
    if different:
        journal.close()
        seen = ", ".join(f"{name} {recorded.get(name)!r} then, {asked[name]!r} now" for name in different)
        raise UserError(f"{folder} was started with other arguments ({seen}); resume it with the same ones")
    return past, journal

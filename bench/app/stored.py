"""Stored runs read again: reports with tables and profiles, comparisons, histories. torch is not needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.questions.table import table
from bench.analyze.report import Report, report
from bench.analyze.runs.compare import Comparison, compare
from bench.analyze.runs.history import FACTS, history
from bench.analyze.runs.projection import View
from bench.app import UserError, configuration
from bench.app.suggestions import did_you_mean
from bench.events import Header
from bench.measure.drive import left_out
from bench.patterns import matches
from bench.render import figures, history_page, page, profile, sections, summary
from bench.storage import archive, journal, profiles, remote, results, store
from bench.storage.tables import Run


@dataclass(frozen=True)
class Written:
    """A report on disk, and its page; `left_out` says what a longer preset adds, a line a run.

    `status` is the exit status that a run ends with: 1 where a case failed, 5 where nothing was measured.
    """

    page: Path
    report: Report
    left_out: tuple[str, ...]
    status: int


def read(folders: Sequence[Path], view: View | None = None) -> Report:
    """The report of the runs in these folders. Raises StoreError, UnknownColumnError."""
    return report([store.read_run(folder) for folder in folders], view)


def write_all(paths: Sequence[str], out: str | None, view: View | None) -> tuple[Written, str, list[str]]:
    """Writes the report of all runs at these paths, by default beside the only one; where its page is; and
    the runs that were left out, a line each.

    Paths and `out` may lie in an object store. Raises StoreError, UnknownColumnError, and UserError where
    there is no folder to write into.
    """
    with remote.fetched(paths) as there, remote.written(out) as target:
        runs, left_out = store.read_runs(there.paths)
        if target is None:
            _check_folder([run.path for run in runs], len(runs) + len(left_out), there)
        made = write(report(runs, view), target)
    page = str(made.page) if target is None else f"{str(out).rstrip('/')}/{made.page.name}"
    return made, page, [there.named(line) for line in left_out]


def _check_folder(paths: Sequence[Path], runs: int, there: remote.Fetched) -> None:
    """Raises UserError where a report cannot be written beside its run."""
    if runs > 1:
        raise UserError(f"the report of {runs} runs needs a folder of its own; expected --out DIR")
    if there.origins:
        raise UserError(f"{there.named(str(paths[0]))} lies in a store; expected --out DIR, here or there")
    if not paths[0].is_dir():
        raise UserError(f"{paths[0]} is another tool's file; expected --out DIR")


def one_run(path: Path) -> Run:
    """The run in a folder, or the only one in a folder of runs. Raises StoreError and UserError."""
    others, _ = store.others_runs(path)
    if len(others) > 1:
        raise UserError(f"{path} holds {len(others)} runs, the last {others[-1].name}; expected one")
    if others:
        return others[0]
    folders = journal.find_runs(path)
    if len(folders) > 1:
        raise UserError(f"{path} holds {len(folders)} runs; expected one, such as {folders[-1]}")
    return store.read_run(folders[0])


def write(made: Report, out: Path | None = None) -> Written:
    """Writes a report into `out` (by default the run's own folder), with a single run's tables.

    With `out`, nothing is written anywhere else. Raises StoreError where the disk refuses.
    """
    folders = [part.run.path for part in made.runs]
    if len(folders) == 1:
        tables = made.cases, made.blocks, table(made.choices)
        results.write_tables(made.runs[0].run, *tables, out)
    drawn, target = figures.draw(made), out or folders[0]
    forms = {name: each.forms for name, each in drawn.items()}
    profiled = [_profile_pages(folder, target, out) for folder in folders]
    path = results.write_report(target, page.render(made, drawn, profiled), summary.render(made), forms)
    troubled = sections.troubled(made.cases)
    status = 1 if troubled["failed"] else 0 if made.cases["blocks"].any() else 5
    left = tuple(note.text for part in made.runs for note in part.run.notes if note.name == left_out.NAME)
    return Written(path, made, left, status)


def _profile_pages(run: Path, target: Path, out: Path | None) -> dict[str, Any]:
    """Writes the page of each profile of a run, beside it or into `out`; what a report in `target` says of
    them, by case."""
    entries = {}
    for folder in profiles.of_run(run):
        stored = profiles.read(folder)
        beside = folder if out is None else out / profiles.FOLDER / run.name / folder.name
        path = profiles.write_page(beside, profile.page(stored))
        entries[stored.case] = profile.entry(stored, quote(os.path.relpath(path, target)))
    return entries


def compared(before: str, after: str) -> Comparison:
    """The runs in two folders compared, which may lie in an object store.

    Raises StoreError, and UserError where they cannot be.
    """
    with remote.fetched([before, after]) as there:
        try:
            base, head = (AnalyzedRun(one_run(path)) for path in there.paths)
        except UserError as error:
            raise UserError(there.named(str(error))) from None
    comparison = compare(base, head, configuration.read(Path("pyproject.toml")))
    if not comparison.decision.verdicts and not comparison.decision.skipped:
        raise UserError(f"{before} and {after} have no case in common; see their cases.csv")
    return comparison


def write_history(
    folder: str, patterns: Sequence[str], threshold: float, ignored: Sequence[str], out: str | None = None
) -> tuple[list[str], str]:
    """Writes the page of a folder's history; what changed, in lines, and where the page is.

    Both may lie in an object store. Raises StoreError, and UserError where there is nothing to read or the
    page cannot be written.
    """
    if unknown := sorted(set(ignored) - set(FACTS)):
        meant = did_you_mean(unknown[0], FACTS)
        raise UserError(f"--ignore {unknown[0]}: no such fact{meant}; expected one of {', '.join(FACTS)}")
    if out is None and remote.is_remote(folder):
        raise UserError(f"{folder} lies in a store; expected --out FILE, here or there")
    with remote.fetched([folder], tables=True) as there:
        (path,) = there.paths
        cases, headers, said = _of_others(path, patterns) or archive.read(path, patterns)
        lines = [there.named(line) for line in said]
    if cases.empty:
        what = f"no case matches {' or '.join(patterns)}" if patterns else "no run has tables"
        raise UserError(f"{what} in {folder}; `bench report RUN` writes a run's tables")
    histories = history(cases, headers, threshold, ignored)
    if untabled := len(headers) - cases["run"].nunique():
        lines.append(f"{untabled} of {len(headers)} runs hold none of these cases, or have no tables yet.")
    page = out or str((path if path.is_dir() else path.parent) / "history.html")
    with remote.written(page) as file:
        assert file is not None
        try:
            file.write_text(history_page.page(histories, folder), "utf-8")
        except OSError as error:
            raise UserError(f"{page} cannot be written ({error.strerror}); choose another --out") from None
    return lines + history_page.lines(histories), page


def _of_others(
    path: Path, patterns: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Header], list[str]] | None:
    """What `archive.read` gives, of runs that other tools recorded; None where there are none at `path`."""
    runs, left_out = store.others_runs(path)
    if not runs:
        return None
    names = [*archive.COLUMNS.names, "run"]
    cases = pd.concat([AnalyzedRun(run).cases[names] for run in runs], ignore_index=True)
    if patterns:
        cases = cases[[any(matches(pattern, case) for pattern in patterns) for case in cases["case"]]]
    return cases, {run.name: run.header for run in runs}, left_out

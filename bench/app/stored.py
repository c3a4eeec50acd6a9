"""Stored runs read again: reports with tables and profiles, comparisons, histories. torch is not needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.contests.table import table
from bench.analyze.report import Report, report
from bench.analyze.runs.compare import Comparison, compare
from bench.analyze.runs.history import FACTS, history
from bench.analyze.runs.projection import View
from bench.app import UserError, configuration
from bench.render import figures, history_page, page, profile, sections, summary
from bench.render.answers import answers
from bench.storage import archive, journal, profiles, store
from bench.storage.tables import Run

MAX_SENTENCES = 5
"""Answers that a command prints; the page has all of them."""


@dataclass(frozen=True)
class Written:
    """A report on disk: its page, its best answers, and the cases without a figure, a line a reason.

    `status` is the exit status that a run ends with: 1 where a case failed, 5 where nothing was measured.
    """

    page: Path
    sentences: tuple[str, ...]
    troubles: tuple[str, ...]
    status: int


def read(folders: Sequence[Path], view: View | None = None) -> Report:
    """The report of the runs in these folders. Raises StoreError, UnknownColumnError."""
    return report([store.read_run(folder) for folder in folders], view)


def one_run(path: Path) -> Run:
    """The run in a folder, or the only one in a folder of runs. Raises StoreError and UserError."""
    folders = journal.find_runs(path)
    if len(folders) > 1:
        raise UserError(f"{path} holds {len(folders)} runs; expected one, such as {folders[-1]}")
    return store.read_run(folders[0])


def write(made: Report, out: Path | None = None) -> Written:
    """Writes a report into `out` (by default the run's own folder), and a single run's tables beside it.

    Raises StoreError where the disk refuses.
    """
    folders = [part.run.path for part in made.runs]
    if len(folders) == 1:
        store.write_tables(folders[0], made.cases, made.blocks, table(made.choices))
    drawn, target = figures.draw(made), out or folders[0]
    profiled = [_profile_pages(folder, target) for folder in folders]
    path = store.write_report(target, page.render(made, drawn, profiled), summary.render(made), drawn)
    best = answers(made.choices)[:MAX_SENTENCES]
    troubled = sections.troubled(made.cases)
    status = 1 if troubled["failed"] else 0 if made.cases["blocks"].any() else 5
    return Written(path, tuple(answer.sentence for answer in best), sections.trouble_lines(troubled), status)


def _profile_pages(run: Path, target: Path) -> dict[str, Any]:
    """Writes the page of each profile in a run's folder; what a report in `target` says of them, by case."""
    entries = {}
    for folder in profiles.of_run(run):
        stored = profiles.read(folder)
        path = profiles.write_page(folder, profile.page(stored))
        entries[stored.case] = profile.entry(stored, quote(os.path.relpath(path, target)))
    return entries


def compared(before: Path, after: Path) -> Comparison:
    """The runs in two folders compared. Raises StoreError, and UserError where they cannot be."""
    base, head = (AnalyzedRun(one_run(path)) for path in (before, after))
    comparison = compare(base, head, configuration.read(Path("pyproject.toml")))
    if not comparison.decision.verdicts and not comparison.decision.skipped:
        raise UserError(f"{before} and {after} have no case in common; see their cases.csv")
    return comparison


def write_history(
    folder: Path, patterns: Sequence[str], threshold: float, ignored: Sequence[str], out: Path | None = None
) -> tuple[list[str], Path]:
    """Writes the page of a folder's history; what changed, in lines, and the page.

    Raises StoreError, and UserError where there is nothing to read or the page cannot be written.
    """
    if unknown := sorted(set(ignored) - set(FACTS)):
        raise UserError(f"--ignore {unknown[0]}: no such fact; expected one of {', '.join(FACTS)}")
    cases, headers = archive.read(folder, patterns)
    if cases.empty:
        what = f"no case matches {' or '.join(patterns)}" if patterns else "no run has tables"
        raise UserError(f"{what} in {folder}; `bench report RUN` writes a run's tables")
    histories, lines = history(cases, headers, threshold, ignored), []
    if untabled := len(headers) - cases["run"].nunique():
        lines.append(f"{untabled} of {len(headers)} runs hold none of these cases, or have no tables yet.")
    file = out or folder / "history.html"
    try:
        file.write_text(history_page.page(histories, str(folder)), "utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); choose another --out") from None
    return lines + history_page.lines(histories), file

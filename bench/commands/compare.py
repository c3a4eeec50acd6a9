"""Compare two stored runs, taken one after the other. A verdict on a change is what `bench gate` gives."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app.problems import UserError

if TYPE_CHECKING:
    from bench.render.verdicts.words import GateSummary
    from bench.storage.tables import Run


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", type=Path, metavar="A", help="the run to compare with")
    parser.add_argument("head", type=Path, metavar="B", help="the run to compare")


def command(options: argparse.Namespace) -> int:
    """Prints the table; exit status 0, or 2 where there is no run to read."""
    from bench.render.verdicts import terminal

    terminal.show(compared(options.base, options.head))
    return 0


def compared(before: Path, after: Path) -> "GateSummary":
    """The summary of two stored runs. Raises UserError where they cannot be compared."""
    from bench.analyze.analyzed import AnalyzedRun
    from bench.analyze.runs.compare import compare
    from bench.app import configuration
    from bench.render.verdicts.words import of_comparison

    base, head = AnalyzedRun(one_run(before)), AnalyzedRun(one_run(after))
    try:
        found = compare(base, head, configuration.read(Path("pyproject.toml")))
    except configuration.ConfigurationError as error:
        raise UserError(str(error)) from None
    if not found.decision.verdicts and not found.decision.skipped:
        raise UserError(f"{before} and {after} have no case in common; see their cases.csv")
    return of_comparison(found)


def one_run(path: Path) -> "Run":
    """The run in a folder, or the only one in a folder of runs."""
    from bench.storage.store import StoreError, find_runs, read_run

    try:
        folders = find_runs(path)
        if len(folders) > 1:
            raise UserError(f"{path} holds {len(folders)} runs; expected one, such as {folders[-1]}")
        return read_run(folders[0])
    except StoreError as error:
        raise UserError(str(error)) from None

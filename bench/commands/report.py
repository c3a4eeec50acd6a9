"""Write the report of one recorded run, or of several side by side, on any machine: torch is not needed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.app.problems import UserError
from bench.commands import profile


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run's folder, or a folder of runs"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to put the report (default: in the run)"
    )
    parser.add_argument(
        "--rows", type=_names, default=(), metavar="COLUMN,...",
        help="side by side, what makes a row: columns of the cases, or facts of the runs (default: case)",
    )  # fmt: skip
    parser.add_argument(
        "--columns", type=_names, default=(), metavar="COLUMN,...",
        help="side by side, what makes a column (default: machine, or what else the runs differ in)",
    )  # fmt: skip
    parser.add_argument(
        "--filter", type=_filter, action="append", default=[], metavar="COLUMN=PATTERN",
        help="side by side, only what matches, * and ? being special; may be given several times",
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _filter(text: str) -> tuple[str, str]:
    name, equals, pattern = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r}; expected COLUMN=PATTERN, such as device=cpu")
    return name, pattern


def command(options: argparse.Namespace) -> int:
    """Exit status 0, or 2 where there is no run to read."""
    from bench.analyze.runs.projection import UnknownColumnError
    from bench.storage.store import StoreError, find_runs

    try:
        folders = [folder for path in options.runs for folder in find_runs(path)]
        if len(folders) > 1 and options.out is None:
            raise UserError("several runs have no folder in common; expected --out DIR")
        page, sentences, _ = write(
            *folders, out=options.out, rows=options.rows, columns=options.columns, filters=options.filter
        )
    except (StoreError, UnknownColumnError) as error:
        raise UserError(str(error)) from None
    for sentence in sentences:
        print(f"  {sentence}")
    print(page)
    return 0


def write(
    *folders: Path,
    out: Path | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    filters: Sequence[tuple[str, str]] = (),
) -> tuple[Path, Sequence[str], bool]:
    """Writes tables (of a single run) and report; the page, its best sentences, whether a case failed."""
    from bench.analyze.report import report as analyzed
    from bench.render import figures, page, summary
    from bench.render.answers import answers
    from bench.storage import store

    runs = [store.read_run(folder) for folder in folders]
    made = analyzed(runs, rows, columns, filters)
    if len(folders) == 1:
        store.write_tables(folders[0], made.cases, made.blocks)
    drawn = figures.draw(made)
    target = out or folders[0]
    profiled = [profile.pages(folder, target) for folder in folders]
    path = store.write_report(target, page.render(made, drawn, profiled), summary.render(made), drawn)
    failed = bool(made.cases["status"].isin(["failed", "timeout"]).any())
    return path, [answer.sentence for answer in answers(made.contests)[:5]], failed

"""Write the report of one recorded run, or of several side by side, on any machine: torch is not needed."""

import argparse
import sys

from bench.app import UserError
from bench.app.waiting import waiting

EXAMPLES = (
    "bench report reports/RUN",
    "bench report reports/LAPTOP reports/SERVER --out both",
    "bench report reports --out both --rows operation,n --columns machine --filter device=cpu",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN",
        help="a run's folder, or a folder of runs, also as s3://bucket/folder")  # fmt: skip
    add("--out", metavar="DIR", help="where to put the report (default: in the run)")
    add("--rows", type=_names, default=(), metavar="COLUMN,...",
        help="side by side, what makes a row: columns of the cases, or facts of the runs "
             "(default: case)")  # fmt: skip
    add("--columns", type=_names, default=(), metavar="COLUMN,...",
        help="side by side, what makes a column (default: machine, or what else the "
             "runs differ in)")  # fmt: skip
    add("--filter", type=_filter, action="append", default=[], metavar="COLUMN=PATTERN",
        help="side by side, only what matches, * and ? being special; may be given several "
             "times")  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _filter(text: str) -> tuple[str, str]:
    name, equals, pattern = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r}; expected COLUMN=PATTERN, such as device=cpu")
    return name, pattern


def command(options: argparse.Namespace) -> int:
    """Prints the decisions; exit status 0, or 2 where there is no run to read."""
    from bench.analyze.runs.projection import UnknownColumnError, View
    from bench.app import stored
    from bench.render import terminal

    asked = options.rows or options.columns or options.filter
    view = View(options.rows or ("case",), options.columns, options.filter) if asked else None
    try:
        with waiting("writing the report"):
            written, page, left_out = stored.write_all(options.runs, options.out, view)
    except UnknownColumnError as error:
        raise UserError(str(error)) from None
    for line in left_out:
        print(f"bench: warning: {line}", file=sys.stderr)
    terminal.show(written.report, page)
    return 0

"""Write budgets into pyproject.toml from a run: what each case took there, with a margin.

Budgets that are there already and fit a case are updated, other cases get one of their own. Comments and
order stay; the difference is shown.
"""

import argparse
from pathlib import Path

from bench.commands import arguments

EXAMPLES = (
    "bench budgets set reports/RUN",
    'bench budgets set reports/RUN -k "forward and not backward" --margin 20%',
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("action", choices=["set"], help="set max_time")
    add("run", type=Path, metavar="RUN", help="the run whose times are taken")
    arguments.declare_keyword(parser)
    add("--margin", default="20%", metavar="P",
        help="what is added to each interval's upper end (default: 20%%)")  # fmt: skip
    add("--file", type=Path, default=Path("pyproject.toml"), metavar="F", help="default: pyproject.toml here")


def command(options: argparse.Namespace) -> int:
    """Writes the file and prints the difference; exit status 0, or 2 where nothing can be set."""
    from bench.app.budgets import set_max_times

    print(*set_max_times(options.run, options.file, options.keyword, options.margin), sep="\n")
    return 0

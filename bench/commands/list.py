"""The cases that `bench run` would measure with the same arguments, untimed."""

import argparse

from bench.app import UserError
from bench.commands import arguments


def declare(parser: argparse.ArgumentParser) -> None:
    arguments.declare_selection(parser)


def command(options: argparse.Namespace) -> int:
    """Prints one case a line; exit status 2 where there is none."""
    from bench.app.selection import collected

    suites = collected(arguments.selection(options).spec)
    for case in suites.cases:
        print(case.id)
    for problem in suites.problems:
        print(f"{problem.id}: {problem.outcome}: {problem.last_line}")
    if not suites.cases:
        raise UserError("no benchmark matches; expected tests that use the `benchmark` fixture")
    return 0

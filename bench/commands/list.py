"""The cases that `bench run` would measure with the same arguments, untimed."""

import argparse

from bench.app import UserError
from bench.commands import arguments


def declare(parser: argparse.ArgumentParser) -> None:
    arguments.declare_selection(parser)


def command(options: argparse.Namespace) -> int:
    """Prints one case a line; exit status 2 where there is none."""
    from bench.app.selection import collected, why_nothing

    suites = collected(arguments.selection(options).spec)
    for case in suites.cases:
        reason = suites.skips.get(case.id)
        print(f"{case.id}: skipped: {reason}" if reason else case.id)
    for problem in suites.problems:
        print(f"{problem.id}: {problem.outcome}: {problem.last_line}")
    if not suites.cases:
        aside = why_nothing(suites.facts)
        raise UserError(f"no benchmark matches; expected tests that use the `benchmark` fixture{aside}")
    return 0

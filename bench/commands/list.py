"""The cases that `bench run` would measure with the same arguments, untimed, and how long that would take.

The cases go to stdout, one a line; what is said of them, to stderr.
"""

import argparse
import sys

from bench.commands import arguments

EXAMPLES = (
    "bench list",
    "bench list --preset thorough --minutes 60",
    "bench list suites/test_04_dataloader.py -k workers",
)


def declare(parser: argparse.ArgumentParser) -> None:
    arguments.declare_selection(parser)
    arguments.declare_length(parser)
    arguments.declare_out(parser, "where past runs tell how long cases take (default: %(default)s)")


def command(options: argparse.Namespace) -> int:
    """Prints one case a line; exit status 2 where there is none."""
    from bench.app import forecast
    from bench.app.selection import collected, none_matches

    selection = arguments.selection(options)
    suites = collected(selection.spec)
    for case in suites.cases:
        reason = suites.skips.get(case.id)
        print(f"{case.id}: skipped: {reason}" if reason else case.id)
    for problem in suites.problems:
        print(f"{problem.id}: {problem.outcome}: {problem.last_line}")
    if not suites.cases:
        raise none_matches(selection, suites)
    told = forecast.lines(suites, options.preset, options.out, options.minutes, options.launches)
    print(*told, sep="\n", file=sys.stderr)
    return 0

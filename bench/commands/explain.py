"""Say what differs between two sides of a case: settings, types, operators, bytes; most telling first.

BASE and HEAD are revisions, `.` for the working tree as it is, or folders of runs that hold a profile of the
case. What is not profiled yet is checked out apart and profiled there.
"""

import argparse

from bench.app import UserError
from bench.commands import arguments

EXAMPLES = (
    "bench explain main . 'suites/test_06_epoch.py::test_epoch[cpu-64]'",
    "bench explain reports/BEFORE reports/AFTER 'suites/test_06_epoch.py::test_epoch[cpu-64]'",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("base", metavar="BASE", help="a revision, `.`, or the folder of a run")
    add("head", metavar="HEAD", help="the same")
    add("case", metavar="CASE", help="the case, as `bench list` names it")
    add("--suites", metavar="PATH", help="profile these benchmarks on both sides")
    arguments.declare_out(parser, "where new profiles are put (default: %(default)s)")


def command(options: argparse.Namespace) -> int:
    """Exit status 0, whatever differs; 2 where there is no such case, revision or profile."""
    from bench.app.sides import explain
    from bench.measure.sides.side import SideError

    try:
        base, head = explain.profiles_of(
            options.case, options.base, options.head, options.suites, options.out
        )
    except SideError as error:
        raise UserError(str(error)) from None
    print(*explain.lines(base, head), f"profiles: {base} {head}", sep="\n")
    return 0

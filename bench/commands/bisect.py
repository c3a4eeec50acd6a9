"""Find the commit that made a case slower: those between a good and a bad one are gated against the good one.

Nothing is checked out where you work, and git's own bisection is left alone. CASE is a case as `bench list`
names it, or a pattern that fits one alone.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from bench.app import UserError
from bench.commands import arguments

if TYPE_CHECKING:
    from bench.app.sides.bisect import Found, Gated

EXAMPLES = (
    "bench bisect --good v1.0 --bad main 'benchmarks/test_parse.py::test_parse[10]'",
    "bench bisect --good HEAD~20 --bad HEAD 'test_matmul[cpu-256]'",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--good", required=True, metavar="REV", help="a commit at which the case was still fast")
    add("--bad", required=True, metavar="REV", help="a later one, at which it is slower")
    add("case", metavar="CASE", help="the case, as `bench list` names it")
    arguments.declare_sides(parser)


def command(options: argparse.Namespace) -> int:
    """Exit status 0 the culprit is named; 3 no commit could be measured; 4 several remain, or bad itself is
    undecided; 5 the case skips itself."""
    from dataclasses import replace

    from bench.app.sides import bisect
    from bench.measure.sides.side import SideError

    asked = bisect.prepared(replace(arguments.sides(options), case=options.case), options.good, options.bad)
    try:
        confirmed = bisect.confirm(asked)
    except SideError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    _tell(confirmed)
    if (probe := confirmed.probe).slower:
        return _show(bisect.bisect(asked, _tell), confirmed, options.case)
    if probe.verdict is None:
        return 5 if probe.skipped else 3
    if probe.slower is None:
        return 4
    least = f"{100 * probe.verdict.budget:g} %"
    raise UserError(
        f"{options.bad} is not slower than {options.good} by {least} or more; expected a bad commit that is"
    )


def _tell(gated: "Gated") -> None:
    from bench.render.verdicts import bisection

    print(bisection.judged(gated.probe), flush=True)


def _show(found: "Found", confirmed: "Gated", case: str) -> int:
    from bench.render.verdicts import bisection

    probes = [each.probe for each in found.probes]
    if found.culprit:
        lines = bisection.culprit(found.culprit.probe, found.culprit.explained, confirmed.probe, case)
        print("", *lines, *filter(None, [found.culprit.run]), sep="\n")
        return 0
    print("", *bisection.several(found.remaining, probes), sep="\n")
    return 4 if any(probe.verdict for probe in probes) else 3

"""The verdict on a change: base and head measured side by side, and judged with known error rates."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app import UserError
from bench.app.waiting import waiting
from bench.commands import arguments

if TYPE_CHECKING:
    from bench.render.verdicts.words import GateSummary

EXAMPLES = (
    "bench gate --base origin/main",
    "bench gate --base origin/main benchmarks/ --markdown gate.md --junit gate.xml",
    "bench gate --base HEAD --null",
    "bench gate --replay reports/RUN",
)


WRITTEN = {"markdown": "for a pull request", "junit": "JUnit XML", "json": "JSON"}
"""Forms of the verdict that are also written into a file, where one is named."""


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--base", metavar="REV|RUN", help="compare with where the branch left this revision")
    add("--head", metavar="REV|RUN", help="the changed side (default: the working tree)")
    add("--null", action="store_true", help="compare base with a copy of itself")
    add("--replay", type=Path, metavar="RUN", help="judge a recorded gate again")
    add("--explain", action="store_true", help="profile both sides of what got slower, and say what differs")
    add("--fail-on", action="append", choices=("faster", "undecided"), default=[], metavar="STATE",
        help="also fail on cases that are faster (status 1) or undecided (status 4); may be given "
             "twice")  # fmt: skip
    arguments.declare_sides(parser)
    for form, what in WRITTEN.items():
        add(f"--{form}", type=Path, metavar="FILE", help=f"also write the verdict as {what}")


def command(options: argparse.Namespace) -> int:
    """Exit status 0 pass; 1 slower or over budget; 3 a side failed; 4 undecided; 5 all cases skipped.

    With --fail-on faster 1 is also for faster.
    """
    from bench.app import stored
    from bench.app.sides import gate
    from bench.measure.sides.side import SideError

    run = options.replay or (options.base and gate.is_stored(options.base))
    if options.explain and run:
        raise UserError(
            f"--explain profiles both sides, and {run} is a recorded run; expected --base REV, or use "
            "`bench explain RUN RUN CASE` where both runs hold profiles"
        )
    if options.replay and (options.base or options.head or options.null or options.suites or options.paths):
        raise UserError(f"--replay {options.replay} judges that run alone; expected no sides and no paths")
    if options.null and options.head:
        raise UserError(
            f"--null compares base with a copy of itself; expected no --head, seen {options.head}"
        )
    if options.replay:
        return _show(gate.failing_on(gate.recorded(options.replay)[1], options.fail_on), options)
    if run:
        compared = gate.of_stored(Path(options.base), options.head)
        return _show(gate.failing_on(compared, options.fail_on), options)
    if not options.base:
        raise UserError(
            "nothing to compare with; expected --base REV, such as --base origin/main, or --replay RUN"
        )
    for file in filter(None, (getattr(options, form) for form in WRITTEN)):
        if not file.absolute().parent.is_dir() or file.is_dir():
            raise UserError(f"{file} cannot be written; expected a file in a folder that is there")
    request = replace(arguments.sides(options), fail_on=tuple(options.fail_on))
    try:
        folder = gate.measure(request, options.base, options.head, options.null, options.explain)
    except SideError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    try:
        report, summary = gate.recorded(folder)
        status = _show(summary, options)
        with waiting("writing the report"):
            written = stored.write(report)
        print(written.page)
    except KeyboardInterrupt:
        print(f"bench: interrupted; `bench gate --replay {folder}` judges what is kept", file=sys.stderr)
        return 130
    return status


def _show(summary: "GateSummary", options: argparse.Namespace) -> int:
    """Shows the verdict in every form that is asked for; the exit status."""
    from bench.render.verdicts import FORMS, ci, terminal

    terminal.show(summary)
    for form, render in FORMS.items():
        if file := getattr(options, form):
            _write(file, render(summary))
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(file), FORMS["markdown"](summary), append=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(*ci.annotations(summary), sep="\n")
    return summary.decision.exit_status


def _write(file: Path, text: str, append: bool = False) -> None:
    try:
        with file.open("a" if append else "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UserError(
            f"{file} cannot be written ({error.strerror}); the run is kept: --replay it"
        ) from None

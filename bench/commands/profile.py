"""Record where the time of cases goes: a trace for Perfetto, operators by their own time, Python stacks.

A CASE is one that `bench list` names, or a test without its parameters, or a pattern with * and ?; -k
selects further. Each case runs again for it, apart from any timing.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from bench.app import UserError
from bench.commands import arguments

EXAMPLES = (
    "bench profile 'suites/test_06_epoch.py::test_epoch[cpu-64]'",
    "bench profile 'test_matmul*' -k 'not tf32' --run reports/RUN",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE", help="cases, tests, patterns, files or folders")
    arguments.declare_keyword(parser)
    add("--device", type=arguments.device, action="append", default=[], metavar="D",
        help="on this device only, as TYPE or TYPE:INDEX")  # fmt: skip
    add("--run", type=Path, metavar="RUN",
        help="a run that the profiles are added to, with links from its report")  # fmt: skip
    arguments.declare_out(parser, "where a new folder is made without --run (default: %(default)s)")


def command(options: argparse.Namespace) -> int:
    """Exit status 0; 1 where a case could not be profiled; 2 where none matches."""
    from bench.app import profile, selection, stored
    from bench.storage.journal import new_run_folder

    if not options.cases and not options.keyword:
        raise UserError("no case named; expected a CASE or -k EXPR; see `bench list`")
    if options.run is not None and not options.run.is_dir():
        raise UserError(f"{options.run} does not exist; expected the folder of a run, or leave --run out")
    paths = profile.paths_of(options.cases)
    spec = selection.spec(paths, options.keyword, options.device, profile.PRESET)
    cases = profile.chosen(spec, options.cases)
    folder = options.run or new_run_folder(options.out, "profile", "")
    failed = show(profile.write(folder, spec, cases))
    if options.run is not None:
        stored.write(stored.read([folder]))
    return int(failed)


def show(written: Iterable[Path | None]) -> bool:
    """Prints what each profile shows as soon as it is written; whether a case failed."""
    from bench.render.profile import summary
    from bench.storage import profiles

    failed = False
    for folder in written:
        failed |= folder is None
        if folder is not None:
            print(*summary(profiles.read(folder)), f"  {folder / profiles.PAGE}", sep="\n")
    return failed

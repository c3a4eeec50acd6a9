"""Measure suites on every device present, then write the report."""

import argparse
import sys

from bench.app.waiting import waiting
from bench.commands import arguments

EXAMPLES = (
    "bench run --preset quick",
    "bench run suites/test_04_dataloader.py",
    'bench run suites/test_03_matmul_mul.py -k "matmul and not tf32" --launches 3',
    "bench run --device cpu --device cuda:1",
    "bench run --preset thorough --minutes 60",
    "bench run --resume",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    arguments.declare_selection(parser)
    arguments.declare_length(parser)
    arguments.declare_seed(parser)
    arguments.declare_out(parser)
    add("--resume", action="store_true", help="go on with the newest unfinished run in --out")
    add("--profile", action="store_true", help="profile every case, after the measuring")


def command(options: argparse.Namespace) -> int:
    """Exit status 0; 1 if a case failed; 5 if none was measured; 130 on Ctrl-C, which keeps the run."""
    with waiting("starting"):
        from bench.app import profile, run, stored
        from bench.commands.profile import show
        from bench.render import terminal

    selection = arguments.selection(options)
    request = run.RunRequest(selection, options.launches, options.minutes, options.seed, options.out)
    folder, interrupted = run.measure(request, options.resume)
    if options.profile and not interrupted:
        try:
            show(profile.whole_run(folder, selection.spec))
        except KeyboardInterrupt:
            interrupted = True
            print("bench: interrupted; what was profiled is kept, as is the run", file=sys.stderr)
    try:
        with waiting("writing the report"):
            written = stored.write(stored.read([folder]))
    except KeyboardInterrupt:
        print(f"bench: interrupted; `bench report {folder}` writes what is kept", file=sys.stderr)
        return 130
    terminal.show(written.report, str(written.page), written.left_out)
    return 130 if interrupted else written.status

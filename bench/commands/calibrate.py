"""The gate's own false-alarm and miss rates on this machine, from launches with known slowdowns."""

import argparse
import sys
from dataclasses import replace

from bench.commands import arguments

EXAMPLES = (
    "bench calibrate --launches 125",
    "bench calibrate --launches 125 --busy 1",
    "bench calibrate --launches 0",
)


def declare(parser: argparse.ArgumentParser) -> None:
    arguments.declare_sides(parser)
    parser.add_argument(
        "--launches", type=arguments.at_least(0, "launches"), default=25, metavar="N",
        help="launches to record now (default: %(default)s; 0: only evaluate); they add up over calls",
    )  # fmt: skip
    parser.add_argument("--busy", type=arguments.at_least(0, "processes"), default=0, metavar="N",
                        help="record beside N processes that are busy all the time")  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Records launches, then prints what is known of this machine; exit status 0, or 3 where a side fails."""
    from bench.app.sides import calibrate
    from bench.measure.sides.side import SideError
    from bench.render.calibration import show

    request = replace(arguments.sides(options), out=options.out / calibrate.FOLDER)
    try:
        if options.launches:
            calibrate.record(request, options.launches, options.busy)
    except SideError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    show(calibrate.evaluate(options.out))
    return 0

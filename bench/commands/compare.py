"""Compare two stored runs, taken one after the other. A verdict on a change is what `bench gate` gives."""

import argparse

EXAMPLES = ("bench compare reports/BEFORE reports/AFTER",)


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", metavar="A", help="the run to compare with, also as s3://bucket/folder")
    parser.add_argument("head", metavar="B", help="the run to compare")


def command(options: argparse.Namespace) -> int:
    """Prints the table; exit status 0, or 2 where there is no run to read."""
    from bench.app.stored import compared
    from bench.render.verdicts import terminal
    from bench.render.verdicts.words import of_comparison

    terminal.show(of_comparison(compared(options.base, options.head)))
    return 0

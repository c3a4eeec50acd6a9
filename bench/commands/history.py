"""Where a case's time changed over many runs: steps and creep, with the runs and commits around them."""

import argparse

EXAMPLES = (
    "bench history",
    'bench history reports --case "test_matmul*" --threshold 3% --ignore torch',
    "bench history .benchmarks",
)


def declare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", nargs="?", default="reports", metavar="DIR",
        help="a folder of runs, also as s3://bucket/folder (default: reports)")  # fmt: skip
    add("--case", action="append", default=[], metavar="PATTERN",
        help="only cases that match, * and ? being special; may be given several times")  # fmt: skip
    add("--threshold", type=_share, default=0.05, metavar="PERCENT",
        help="smallest change that matters, alone or added up (default: 5%%)")  # fmt: skip
    add("--ignore", action="append", default=[], metavar="FACT",
        help="join runs that differ in this fact of the environment, such as torch or python")  # fmt: skip
    add("--out", metavar="FILE", help="the page to write (default: DIR/history.html)")


def _share(text: str) -> float:
    from bench.app.configuration import ConfigurationError, parse_share

    try:
        return parse_share(text if "%" in text else f"{text}%")
    except ConfigurationError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a percentage above zero, such as 5%") from None


def command(options: argparse.Namespace) -> int:
    """Prints what changed and writes the page; exit status 0, or 2 where there is nothing to read."""
    from bench.app.stored import write_history

    lines, page = write_history(options.folder, options.case, options.threshold, options.ignore, options.out)
    print(*lines, page, sep="\n")
    return 0

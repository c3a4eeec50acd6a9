"""Where a case's time changed over many runs: steps and creep, with the runs and commits around them."""

import argparse
from pathlib import Path

from bench.app.problems import UserError


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("reports"), metavar="DIR",
        help="a folder of runs (default: reports)",
    )  # fmt: skip
    parser.add_argument(
        "--case", action="append", default=[], metavar="PATTERN",
        help="only cases that match, * and ? being special; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=_share, default=0.05, metavar="PERCENT",
        help="smallest change that matters, alone or added up (default: 5%%)",
    )  # fmt: skip
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="FACT",
        help="join runs that differ in this fact of the environment, such as torch or python",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page to write (default: DIR/history.html)"
    )


def _share(text: str) -> float:
    """ "5%" as 0.05."""
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if share <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a percentage above zero, such as 5%")
    return share


def command(options: argparse.Namespace) -> int:
    """Prints what changed and writes the page; exit status 0, or 2 where there is nothing to read."""
    from bench.analyze.runs.history import FACTS, history
    from bench.render.history_page import lines, page
    from bench.storage import archive
    from bench.storage.journal import StoreError

    if unknown := sorted(set(options.ignore) - set(FACTS)):
        raise UserError(f"--ignore {unknown[0]}: no such fact; expected one of {', '.join(FACTS)}")
    try:
        cases, headers = archive.read(options.folder, options.case)
    except StoreError as error:
        raise UserError(str(error)) from None
    if cases.empty:
        what = f"no case matches {' or '.join(options.case)}" if options.case else "no run has tables"
        raise UserError(f"{what} in {options.folder}; `bench report RUN` writes a run's tables")
    found = history(cases, headers, options.threshold, options.ignore)
    if untabled := len(headers) - cases["run"].nunique():
        print(f"{untabled} of {len(headers)} runs hold none of these cases, or have no tables yet.")
    print("\n".join(lines(found)))
    file = options.out or options.folder / "history.html"
    try:
        file.write_text(page(found, str(options.folder)), "utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); choose another --out") from None
    print(file)
    return 0

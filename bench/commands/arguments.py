"""Arguments that several commands share, and what they ask for."""

import argparse
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.records import PRESET_NAMES

if TYPE_CHECKING:
    from bench.app.selection import Selection
    from bench.app.sides.revisions import SidesRequest


def declare_out(
    parser: argparse.ArgumentParser, what: str = "where runs are put (default: %(default)s)"
) -> None:
    parser.add_argument("--out", type=_local, default=Path("reports"), metavar="DIR", help=what)


def _local(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text!r}; a run is recorded here; copy its folder there afterwards"
        )
    return Path(text)


def declare_selection(parser: argparse.ArgumentParser) -> None:
    """What selects cases."""
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files or folders of benchmarks (default: suites/)")
    declare_keyword(parser)
    add("--device", type=device, action="append", default=[], metavar="D",
        help="measure on this device only, as TYPE or TYPE:INDEX; may be given several times")  # fmt: skip
    add("--pytest-args", type=_words, action="extend", default=[], metavar="ARGS",
        help="further options of pytest for every worker, as one text: --pytest-args='-c other.ini -p name'; "
             "'-o addopts=' goes round the project's own")  # fmt: skip
    add("--preset", choices=PRESET_NAMES, default="default", help="how thorough (default: %(default)s)")


def declare_length(parser: argparse.ArgumentParser) -> None:
    """How long a run measures, beside its preset."""
    add = parser.add_argument
    add("--launches", type=at_least(1, "launches"), metavar="N", help="fresh processes a case is measured in")
    add("--minutes", type=at_least(1, "minutes"), metavar="N",
        help="end within so many, report included (default: the preset's)")  # fmt: skip


def at_least(least: int, what: str) -> Callable[[str], int]:
    """Reads a number of something that may not be smaller."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}; expected a number of {what}, at least {least}")
        return int(text)

    return read


def device(text: str) -> str:
    """A device by a name that it may have; whether it is there, a worker finds out."""
    if not re.fullmatch(r"[A-Za-z_]\w*(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r}; expected TYPE or TYPE:INDEX, such as cpu or cuda:1")
    return text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}; expected options as in a shell") from None


def declare_keyword(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k", dest="keyword", default="", metavar="EXPR", help="only cases that match, as in pytest"
    )


def declare_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of cases (default: 1)")


def declare_sides(parser: argparse.ArgumentParser) -> None:
    """What selects cases that are measured on both sides, and how."""
    add = parser.add_argument
    declare_selection(parser)
    parser.set_defaults(preset="quick")
    add("--suites", metavar="PATH", help="measure these benchmarks on both sides")
    add("--install", action="append", default=[], metavar="COMMAND",
        help="installs a side in its tree; instead of `install` in [tool.bench.gate]; may be given several "
             "times")  # fmt: skip
    add("--base-python", metavar="FILE", help="the Python that base is measured with")
    add("--head-python", metavar="FILE", help="the Python that head is measured with")
    declare_seed(parser)
    declare_out(parser)


def selection(options: argparse.Namespace) -> "Selection":
    """What `declare_selection` asked for."""
    from bench.app.selection import Selection

    return Selection(
        options.paths, options.keyword, options.device, options.preset, tuple(options.pytest_args)
    )


def sides(options: argparse.Namespace) -> "SidesRequest":
    """What `declare_sides` asked for."""
    from bench.app.sides.revisions import SidesRequest

    pythons = options.base_python, options.head_python
    asked = selection(options)
    return SidesRequest(asked, options.suites, pythons, options.seed, options.out, tuple(options.install))

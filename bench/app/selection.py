"""What `run` and `list` share: the arguments that select cases, and the plan they make."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app.problems import UserError
from bench.records import PRESET_NAMES

if TYPE_CHECKING:
    from bench.measure.drive.process import Spec

ROOT_MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")
"""What makes a folder a project's root, as pytest sees it: case names are relative to it."""


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files or folders of benchmarks (default: suites/)"
    )
    parser.add_argument(
        "-k", dest="keyword", default="", metavar="EXPR", help="only cases that match, as in pytest"
    )
    parser.add_argument(
        "--device", action="append", default=[], metavar="D",
        help="measure on this device only, as TYPE or TYPE:INDEX; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--preset", choices=PRESET_NAMES, default="default", help="how thorough (default: %(default)s)"
    )


def default_paths() -> list[str]:
    """The suites in the working directory, else those that lie beside this package."""
    for folder in (Path("suites"), Path(__file__).resolve().parents[2] / "suites"):
        if folder.is_dir():
            return [str(folder)]
    raise UserError("no folder suites/ here; expected one, or paths: bench run PATH ...")


def spec(paths: Sequence[str], keyword: str, devices: Sequence[str], preset: str) -> "Spec":
    """What a worker is to collect. Raises UserError for a path that is not there."""
    from bench.measure.drive.process import Spec

    named = [Path(path.partition("::")[0]) for path in paths]
    for path in named:
        if not path.exists():
            raise UserError(
                f"{path} does not exist; expected a file or folder of benchmarks; see `bench list`"
            )
    environment = {"BENCH_PRESET": preset}
    if devices:
        environment["BENCH_DEVICES"] = ",".join(dict.fromkeys(devices))
    absolute = [str(Path(path).resolve()) + rest for path, rest in map(_split, paths)]
    return Spec(
        tuple(absolute), keyword, directory=Path.cwd(), rootdir=root_of(named), environment=environment
    )


def _split(path: str) -> tuple[str, str]:
    file, mark, test = path.partition("::")
    return file, mark + test


def root_of(paths: Sequence[Path]) -> Path:
    """The root of the project that the paths belong to; case names do not depend on the working directory."""
    common = Path(os.path.commonpath([path.resolve() for path in paths]))
    folder = common if common.is_dir() else common.parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return folder

"""Two revisions checked out and ready to be measured: which code, which suites, which Python."""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.app import selection
from bench.app.problems import UserError

if TYPE_CHECKING:
    from bench.analyze.gate.settings import Settings
    from bench.measure.drive.process import Spec
    from bench.measure.sides.side import Side
    from bench.measure.sides.worktrees import Checkouts


@dataclass(frozen=True)
class Compared:
    """What two sides are: their commits as a header names them, where they lie, what is asked of them."""

    base: Mapping[str, Any]
    head: Mapping[str, Any]
    sides: Sequence["Side"]
    settings: "Settings"


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments that select what is measured on both side."""
    selection.declare(parser)
    parser.set_defaults(preset="quick")
    parser.add_argument("--suites", metavar="PATH", help="measure these benchmarks on both sides")
    parser.add_argument("--base-python", metavar="FILE", help="the Python that base is measured with")
    parser.add_argument("--head-python", metavar="FILE", help="the Python that head is measured with")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the order of cases (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="where runs are put")


@contextmanager
def compared(options: argparse.Namespace, base: str, head: str | None, null: bool) -> Iterator[Compared]:
    """Checks both sides out and makes them ready to be measured, while the block runs.

    `head` None is the working tree; with `null` head is a copy of base. Raises UserError and SideError.
    """
    from bench.measure.host import environment
    from bench.measure.sides import worktrees

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        repository = worktrees.repository_of(Path.cwd())
        for leftover in worktrees.remove_leftovers(repository):
            print(f"bench: removed {leftover}, left behind by a gate that was killed", file=sys.stderr)
        start = worktrees.merge_base(repository, base, head or "HEAD")
        end = start if null else worktrees.commit_of(repository, head) if head else None
        with worktrees.checkouts(repository, start, end) as trees:
            settings = _settings(trees, repository)
            yield Compared(
                {"revision": base, "commit": environment.commit(trees.base)},
                {"revision": "a copy of base" if null else head or "the working tree",
                 "commit": environment.commit(trees.head)},
                _sides(options, trees, repository, settings),
                settings,
            )  # fmt: skip
    except worktrees.CheckoutError as error:
        raise UserError(str(error)) from None


def _settings(trees: "Checkouts", repository: Path) -> "Settings":
    """What head's pyproject.toml asks of the gate: the one nearest above the working directory."""
    from bench.app.configuration import ConfigurationError, read

    here = trees.head / Path.cwd().resolve().relative_to(repository)
    folders = [folder for folder in (here, *here.parents) if folder.is_relative_to(trees.head)]
    files = [folder / "pyproject.toml" for folder in folders]
    try:
        return read(next((file for file in files if file.exists()), files[-1]))
    except ConfigurationError as error:
        raise UserError(str(error).replace(f"{trees.head}/", "")) from None


def _sides(
    options: argparse.Namespace, trees: "Checkouts", repository: Path, settings: "Settings"
) -> tuple["Side", "Side"]:
    from bench.measure.sides import side

    template = replace(_template(options, trees, repository), home=side.harness(trees.folder))
    made = []
    for name, tree, python in (
        ("base", trees.base, options.base_python),
        ("head", trees.head, options.head_python),
    ):
        python = str(Path(python).absolute()) if python else sys.executable
        variables: dict[str, str] = {}
        if settings.install:
            python, variables = side.install(name, tree, python, settings.install)
        side.check_python(python)
        spec = side.moved(template, trees.head, tree)
        on_path = not settings.install
        variables = {**variables, **side.environment_of(trees.folder, repository, tree, on_path)}
        spec = replace(spec, python=python, environment={**spec.environment, **variables})
        others = (repository, trees.head if name == "base" else trees.base)
        made.append(side.Side(name, tree, spec, others, _shared(options, repository)))
    return made[0], made[1]


def _shared(options: argparse.Namespace, repository: Path) -> tuple[Path, ...]:
    suites = Path(options.suites).resolve() if options.suites else repository
    return () if suites.is_relative_to(repository) else (suites if suites.is_dir() else suites.parent,)


def _template(options: argparse.Namespace, trees: "Checkouts", repository: Path) -> "Spec":
    """What head's workers collect. Raises UserError where a path is not on both side."""
    from bench.measure.sides import side

    inside = Path.cwd().resolve().relative_to(repository)
    if options.suites:
        if options.paths:
            raise UserError(f"--suites {options.suites} and {options.paths[0]}; expected one of them")
        if not Path(options.suites).exists():
            raise UserError(f"{options.suites} does not exist; expected a file or folder of benchmarks")
        paths = [str(side.share(Path(options.suites), repository, (trees.head, trees.base)))]
    else:
        paths = [_on_both(path, inside, trees, repository) for path in options.paths or ["suites"]]
    spec = selection.spec(paths, options.keyword, options.device, options.preset)
    return replace(spec, directory=trees.head / inside)


def _on_both(path: str, inside: Path, trees: "Checkouts", repository: Path) -> str:
    """A path in the repository as head's tree has it; both must have it."""
    from bench.measure.sides.side import SideError

    file, mark, test = path.partition("::")
    place = (repository / inside / file).resolve()
    if not place.is_relative_to(repository):
        raise UserError(f"{file} is outside of {repository}; give it as --suites to measure it on both sides")
    relative = place.relative_to(repository)
    there = [
        side for side, tree in (("base", trees.base), ("head", trees.head)) if (tree / relative).exists()
    ]
    if there == ["base"]:
        raise SideError(f"{file} is on base but not on head; its cases would pass unseen")
    if not there:
        raise UserError(
            f"{file} is on neither side; expected a file or folder of benchmarks: bench gate PATH ..."
        )
    if there == ["head"]:
        raise UserError(
            f"{file} is not on base, so there is nothing to compare with; --suites {file} measures head's "
            "benchmarks on both sides"
        )
    return str(trees.head / relative) + mark + test

"""Two revisions checked out and ready to be measured: which code, which suites, which Python."""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.analyze.gate.settings import Settings
from bench.app import UserError, configuration
from bench.app.selection import Selection
from bench.measure.host import environment
from bench.measure.sides import side, worktrees
from bench.measure.sides.side import Side, SideError
from bench.measure.sides.worktrees import Checkouts
from bench.measure.start.process import Spec
from bench.storage.journal import check_out


@dataclass(frozen=True)
class SidesRequest:
    """What a user asks to have measured on two sides.

    `suites` are benchmarks that both sides are measured with instead of each one's own, `pythons` what base
    and head are measured with (None: the Python that runs this), `install` commands that install a side,
    instead of those in pyproject.toml; `fail_on` are states of cases that fail the gate, beside those that
    it names. `case` is the one case that is measured ("" for all), by its id, its name or a pattern,
    `settings` what holds instead of head's pyproject.toml. Base is where head left that revision; `exact`,
    the revision itself.
    """

    selection: Selection
    suites: str | None = None
    pythons: tuple[str | None, str | None] = (None, None)
    seed: int = 1
    out: Path = Path("reports")
    install: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    case: str = ""
    settings: Settings | None = None
    exact: bool = False

    @property
    def recorded(self) -> dict[str, Any]:
        """What decides what is measured, as a run's header keeps it."""
        asked = {**self.selection.recorded, "suites": self.suites, "seed": self.seed}
        return asked | ({"case": self.case} if self.case else {})


@dataclass(frozen=True)
class Compared:
    """What two sides are: their commits as a header names them, where they lie, what is asked of them."""

    base: Mapping[str, Any]
    head: Mapping[str, Any]
    sides: tuple[Side, Side]
    settings: Settings


@contextmanager
def compared(request: SidesRequest, base: str, head: str | None, null: bool = False) -> Iterator[Compared]:
    """Checks both sides out and makes them ready to be measured, while the block runs.

    `head` None is the working tree; with `null` head is a copy of base. Raises UserError, SideError
    and StoreError.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    check_out(request.out)
    try:
        repository = worktrees.repository_of(Path.cwd())
        for leftover in worktrees.remove_leftovers(repository):
            print(f"bench: removed {leftover}, left behind by a gate that was killed", file=sys.stderr)
        left = base if request.exact else worktrees.merge_base(repository, base, head or "HEAD")
        start = worktrees.commit_of(repository, left)
        end = start if null else worktrees.commit_of(repository, head) if head else None
        with worktrees.checkouts(repository, start, end) as trees:
            settings = request.settings or settings_of(trees, repository)
            settings = replace(
                failing_on(settings, request.fail_on), install=request.install or settings.install
            )
            yield Compared(
                {"revision": base, "commit": environment.commit(trees.base)},
                {"revision": "a copy of base" if null else head or "the working tree",
                 "commit": environment.commit(trees.head)},
                _sides(request, trees, repository, settings),
                settings,
            )  # fmt: skip
    except worktrees.CheckoutError as error:
        raise UserError(str(error)) from None
    except side.PythonError as error:
        if not any(request.pythons):
            raise
        raise UserError(f"{error}; --base-python and --head-python name another") from None


def failing_on(settings: Settings, states: Sequence[str]) -> Settings:
    """The settings, under which cases of these states fail a gate, too: `faster`, `undecided`."""
    return replace(
        settings,
        faster="fail" if "faster" in states else settings.faster,
        undecided="fail" if "undecided" in states else settings.undecided,
    )


def settings_of(trees: Checkouts, repository: Path) -> Settings:
    """What head's pyproject.toml asks of the gate: the one nearest above the working directory."""
    here = trees.head / Path.cwd().resolve().relative_to(repository)
    folders = [folder for folder in (here, *here.parents) if folder.is_relative_to(trees.head)]
    files = [folder / "pyproject.toml" for folder in folders]
    try:
        return configuration.read(next((file for file in files if file.exists()), files[-1]))
    except configuration.ConfigurationError as error:
        raise UserError(str(error).replace(f"{trees.head}/", "")) from None


def _sides(
    request: SidesRequest, trees: Checkouts, repository: Path, settings: Settings
) -> tuple[Side, Side]:
    template = replace(_template(request, trees, repository), home=side.harness(trees.folder))
    suites = Path(request.suites).resolve() if request.suites else repository
    # Benchmarks from outside of the repository are shared by both sides.
    shared = () if suites.is_relative_to(repository) else (suites if suites.is_dir() else suites.parent,)
    made = []
    for name, tree, python in zip(("base", "head"), (trees.base, trees.head), request.pythons, strict=True):
        python = str(Path(python).absolute()) if python else sys.executable
        variables: dict[str, str] = {}
        if settings.install:
            python, variables = side.install(name, tree, python, settings.install)
        lent = side.check_python(python, trees.folder / "lent")
        spec = side.moved(template, trees.head, tree)
        on_path = not settings.install
        variables = {**variables, **side.environment_of(trees.folder, repository, tree, on_path, lent)}
        spec = replace(spec, python=python, environment={**spec.environment, **variables})
        others = (repository, trees.head if name == "base" else trees.base)
        made.append(Side(name, tree, spec, others, shared))
    return made[0], made[1]


def _template(request: SidesRequest, trees: Checkouts, repository: Path) -> Spec:
    """What head's workers collect. Raises UserError where a path is not on both sides."""
    asked = request.selection
    inside = Path.cwd().resolve().relative_to(repository)
    if request.suites:
        if asked.paths:
            raise UserError(f"--suites {request.suites} and {asked.paths[0]}; expected one of them")
        if not Path(request.suites).exists():
            raise UserError(f"{request.suites} does not exist; expected a file or folder of benchmarks")
        paths = [str(side.share(Path(request.suites), repository, (trees.head, trees.base)))]
    else:
        paths = [_on_both(path, inside, trees, repository) for path in asked.paths or ["suites"]]
    return replace(replace(asked, paths=paths).spec, directory=trees.head / inside)


def _on_both(path: str, inside: Path, trees: Checkouts, repository: Path) -> str:
    """A path in the repository as head's tree has it; both must have it."""
    file, mark, test = path.partition("::")
    place = (repository / inside / file).resolve()
    if not place.is_relative_to(repository):
        raise UserError(f"{file} is outside of {repository}; give it as --suites to measure it on both sides")
    relative = place.relative_to(repository)
    sides = {"base": trees.base, "head": trees.head}
    there = [name for name, tree in sides.items() if (tree / relative).exists()]
    if there == ["base"]:
        raise SideError(f"{file} is on base but not on head; its cases would pass unseen")
    if not there:
        raise UserError(f"{file} is on neither side; expected PATH, a file or folder of benchmarks")
    if there == ["head"]:
        raise UserError(
            f"{file} is not on base, so there is nothing to compare with; --suites {file} measures head's "
            "benchmarks on both sides"
        )
    return str(trees.head / relative) + mark + test

"""The two sides of a comparison: the tree that each runs, and how its workers are started."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from bench.measure.sides import worktrees
from bench.measure.start.process import HOME, Spec
from bench.measure.worker.code import Modules

NAMES = ("base", "head")

PACKAGES = ("pytest", "pytest_benchmark", "psutil")

NEEDED = f"""
import sys
if sys.version_info < (3, 11):
    sys.exit(f"it is Python {{sys.version_info[0]}}.{{sys.version_info[1]}}, and workers need 3.11")
import {", ".join(PACKAGES)}
"""
"""What an environment must have for a worker; `bench` itself is ours, wherever the worker runs."""

PARENT = (
    "import site, sys; print('\\n'.join(f'import site; site.addsitedir({folder!r})' "
    "for folder in dict.fromkeys([*site.getsitepackages(), *sys.path]) if folder.endswith('-packages')))"
)
"""Prints the lines of a .pth file that let another environment use this one's packages, after its own."""

PYTHONS_OWN = re.compile(r"it is Python|No module|\w+(\.\w+)*(Error|Exception)\b")
"""How the last line begins that a Python says of what it lacks."""

LAST_WORDS = 2000
"""Characters of a failed command's output that are shown."""


class SideError(Exception):
    """A side that cannot be measured: which, what it said, what to try."""


class PythonError(SideError):
    """A Python that no side can be measured with."""


@dataclass(frozen=True)
class Side:
    """A side: its name, its tree, how its workers are started, and where else the project's code lies.

    The folder that `tree` lies in holds all that is the side's own. `elsewhere` are trees that it must not
    load the project's code from, `shared` folders that both sides may.
    """

    name: str
    tree: Path
    spec: Spec
    elsewhere: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()

    def check(self, modules: Modules) -> None:
        """Raises SideError where a worker of this side loaded the project's code from somewhere else."""
        if strays := self.strays(modules):
            name, file = strays[0]
            more = f" (and {len(strays) - 1} more)" if len(strays) > 1 else ""
            raise SideError(
                f"{self.name} did not run its own code: module {name!r} was loaded from {file}{more}, "
                f"expected it below {self.tree}; an editable install or a path set elsewhere leads there: "
                "name the commands that install a side by --install, or as `install` in [tool.bench.gate]"
            )

    def strays(self, modules: Modules) -> Modules:
        """The modules of the project that were loaded from outside of this side's folder.

        An editable install, or a path set elsewhere, can lead both sides to the same files without a word.
        A module is the project's where its file lies in one of the trees `elsewhere` but not among installed
        packages there, or where the side's own tree has a module of that name.
        """
        strays = []
        for name, file in modules:
            path = _resolved(file)
            if any(path.is_relative_to(folder) for folder in (self.tree.parent, *self.shared)):
                continue
            installed = {"site-packages", "dist-packages"}.intersection(path.parts)
            in_another_tree = not installed and any(path.is_relative_to(tree) for tree in self.elsewhere)
            if in_another_tree or _shadows(name, self.tree):
                strays.append((name, str(path)))
        return strays


@cache
def _resolved(file: str) -> Path:
    return Path(file).resolve()


@cache  # launch after launch loads the same modules
def _shadows(name: str, tree: Path) -> bool:
    """True where the tree has a module of that name, which was not the one that was loaded."""
    if name.partition(".")[0] in sys.stdlib_module_names or name.startswith("__"):
        return False
    relative = Path(*name.split("."))
    files = (relative.with_suffix(".py"), relative / "__init__.py")
    return any((root / file).is_file() for root in (tree, tree / "src") for file in files)


def environment_of(
    folder: Path, repository: Path, tree: Path, on_path: bool, lent: Sequence[str] = ()
) -> dict[str, str]:
    """What a side's workers find in their environment: its own tree first, where it is not installed.

    What its Python is lent comes last.
    """
    first = [str(tree), str(tree / "src")] if on_path else []
    before = [_moved(entry, repository, tree) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    path = os.pathsep.join([*first, *filter(None, before), *lent])
    return {worktrees.FOLDER_VARIABLE: str(folder), "PYTHONPATH": path}


def _moved(path: str, repository: Path, tree: Path) -> str:
    """A path into the repository as the path of the same place in a side's tree."""
    resolved = Path(path).resolve()
    if path and resolved.is_relative_to(repository):
        return str(tree / resolved.relative_to(repository))
    return path


def moved(spec: Spec, source: Path, target: Path) -> Spec:
    """What a worker is to collect, in another checkout of the same project."""
    paths = tuple(
        str(target) + path.removeprefix(str(source)) if Path(path).is_relative_to(source) else path
        for path in spec.paths
    )
    rootdir = spec.rootdir
    if rootdir and rootdir.is_relative_to(source):
        rootdir = target / rootdir.relative_to(source)
    directory = target / spec.directory.relative_to(source)
    return replace(spec, paths=paths, rootdir=rootdir, directory=directory if directory.is_dir() else target)


def check_python(python: str, lent: Path) -> tuple[str, ...]:
    """What a side's Python is lent: ours of psutil, copied to `lent`, where it has none; mostly nothing.

    psutil's wheels are built for any version of Python (PEP 384), so that ours works there, too. Raises
    PythonError where that Python has not what a worker needs.
    """
    line = _lacking(python, "")
    if "No module named 'psutil'" in line:
        import psutil

        ours = Path(psutil.__file__).parent
        shutil.copytree(ours, lent / ours.name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("tests"))
        if not _lacking(python, str(lent)):
            return (str(lent),)
    if line:
        install = "; install pytest, pytest-benchmark and psutil for it" if "No module" in line else ""
        raise PythonError(f"{python} cannot measure: {line}{install}")
    return ()


def _lacking(python: str, path: str) -> str:
    """Why a Python cannot run a worker, with a further `path` for its modules; "" where it can."""
    if python == sys.executable and all(map(find_spec, PACKAGES)):
        return ""  # found in this process, they need not be imported in another
    paths = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), path)))
    environment = {**os.environ, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            [python, "-c", NEEDED], capture_output=True, text=True, timeout=120, env=environment
        )
    except OSError as error:
        raise PythonError(f"{python} cannot be run ({error.strerror}); expected a Python") from None
    if not done.returncode:
        return ""
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return last if PYTHONS_OWN.match(last) else "it is no Python"


def install(name: str, tree: Path, python: str, commands: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Runs a side's commands in its tree, in an environment of its own; its Python, and what is to be set.

    That environment uses the packages of `python`, so that torch is not installed twice, and its own come
    first. Raises SideError where a command fails, PythonError where that Python cannot be run.
    """
    if (line := _lacking(python, "")) and "No module" not in line:  # which a command may install
        raise PythonError(f"{python} cannot measure: {line}")
    place = tree.parent / "environment"
    has_pip = subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    _run(name, tree, [python, "-m", "venv", *["--without-pip"] * has_pip, str(place)], {})
    lines = subprocess.run([python, "-c", PARENT], capture_output=True, text=True, check=True).stdout
    packages = next(place.glob("lib*/python*/site-packages"))
    (packages / "parent.pth").write_text(lines)
    if has_pip:  # it then installs here, and making the environment takes a tenth of the time
        pip = place / "bin" / "pip"
        pip.write_text(f'#!/bin/sh\nexec "{place}/bin/python" -m pip "$@"\n')
        pip.chmod(0o755)
    path = os.pathsep.join([str(place / "bin"), os.environ.get("PATH", "")])
    variables = {"VIRTUAL_ENV": str(place), "PATH": path}
    for command in commands:
        _run(name, tree, command, variables)
    return str(place / "bin" / "python"), variables


def harness(folder: Path) -> Path:
    """A copy of the package `bench` in `folder`: both sides are measured with it as it stands now.

    Else an edit made meanwhile, in the tree that a gate of this project runs from, would reach its workers.
    What Python has compiled comes along: where it keeps nothing, each launch would compile the package anew.
    """
    unfinished = shutil.ignore_patterns("*.pyc.*")  # what another process is writing, and then renames
    shutil.copytree(HOME / "bench", folder / "harness" / "bench", ignore=unfinished)
    return folder / "harness"


def _run(name: str, tree: Path, command: str | list[str], variables: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=tree,
        env={**worktrees.environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        shown = command if isinstance(command, str) else " ".join(command)
        ended = f"`{shown}` ended with status {done.returncode}:\n{done.stdout.strip()[-LAST_WORDS:]}"
        raise SideError(f"{name} could not be installed: {ended}")


def share(suites: Path, repository: Path, trees: Sequence[Path]) -> Path:
    """Makes both sides run the same suites; where they then lie, as seen from the first tree.

    Suites of the repository, which may have changed, are put into every tree in their place there; others
    stay where they are.
    """
    suites = suites.resolve()
    if not suites.is_relative_to(repository):
        return suites
    relative = suites.relative_to(repository)
    for tree in trees:
        target = tree / relative
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if suites.is_dir():
            shutil.copytree(suites, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(suites, target)
    return trees[0] / relative

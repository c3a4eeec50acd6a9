"""Which code a worker runs: the text of its tests, and the files that its modules were loaded from.

Each side of a comparison must run its own tree. An editable install, or a path set elsewhere, can lead both
to the same files without a word; `strays` finds them.
"""

import inspect
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Modules = list[tuple[str, str]]
"""Names of modules, each with its file."""

Texts = dict[str, str]
"""The text of each test, by case."""


def texts(items: Mapping[str, Any]) -> Texts:
    """The text of every test function, by case; empty where it has none."""
    return {case: _text(getattr(item, "function", None)) for case, item in items.items()}


def _text(function: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # made by exec, or by something that is no function
        return ""


def loaded() -> Modules:
    """Every module of this process that came from a file, our own left out.

    Some set names of files that are nowhere: torch.ops is said to come from `_ops.py`.
    """
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name.partition(".")[0] != "_bench" and (path := _existing(file)):
            found.append((name, path))
    return found


@cache  # asked at a worker's beginning and at its end
def _existing(file: str) -> str:
    return os.path.abspath(file) if os.path.isfile(file) else ""


def strays(
    modules: Iterable[Sequence[str]],
    home: Path,
    tree: Path,
    elsewhere: Iterable[Path],
    shared: Iterable[Path],
) -> Modules:
    """The modules of the project that were loaded from outside of `home`, the folder of a side.

    A module is the project's where its file lies in one of the trees `elsewhere` (the repository, the other
    side) but not among installed packages there, or where the side's own `tree` has a module of that name.
    Files below the folders `shared` are meant for both sides.
    """
    found = []
    for name, file in modules:
        path = _resolved(file)
        if path.is_relative_to(home) or any(path.is_relative_to(folder) for folder in shared):
            continue
        if _in_a_tree(path, elsewhere) or _shadows(name, tree):
            found.append((name, str(path)))
    return found


@cache
def _resolved(file: str) -> Path:
    return Path(file).resolve()


def _in_a_tree(path: Path, trees: Iterable[Path]) -> bool:
    installed = {"site-packages", "dist-packages"}.intersection(path.parts)
    return not installed and any(path.is_relative_to(tree) for tree in trees)


@cache  # launch after launch loads the same modules
def _shadows(name: str, tree: Path) -> bool:
    """True where the tree has a module of that name, which was not the one that was loaded."""
    if name.partition(".")[0] in sys.stdlib_module_names or name.startswith("__"):
        return False
    relative = Path(*name.split("."))
    files = (relative.with_suffix(".py"), relative / "__init__.py")
    return any((root / file).is_file() for root in (tree, tree / "src") for file in files)

"""Which code a worker runs: the text of its tests, where its modules come from, and whose they are."""

import importlib.metadata
import inspect
import os
import sys
import sysconfig
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
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
    modules = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name.partition(".")[0] != "_bench" and (path := _existing(file)):
            modules.append((name, path))
    return modules


@cache  # asked at a worker's beginning and at its end
def _existing(file: str) -> str:
    return os.path.abspath(file) if os.path.isfile(file) else ""


STANDARD = tuple(os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib"))
PACKAGES = {"site-packages", "dist-packages"}
"""Where installed modules lie: the standard library's folders, and names of the folders of all others."""


def is_installed(file: str) -> bool:
    """Whether a module's file belongs to an installed package or to the standard library."""
    return bool(PACKAGES & set(Path(file).parts)) or os.path.realpath(file).startswith(STANDARD)


def installed(root: Path, own: frozenset[str]) -> list[str]:
    """The installed modules of this process, in the order in which they were loaded, which a template may
    import: none of the project at `root`, whose names are `own`, no conftest, nothing of bench."""
    inside = [str(each) + os.sep for each in _folders(root) if PACKAGES & set(each.parts)]  # installed suites
    left_out = own | {"bench", "_bench", "__main__", "__mp_main__"}
    return [
        name
        for name, file in loaded()
        if is_installed(file)
        and name.partition(".")[0] not in left_out
        and name.rpartition(".")[2] != "conftest"
        and not any(file.startswith(folder) for folder in inside)
    ]


def own_names(root: Path) -> frozenset[str]:
    """The names of the project's modules, wherever they were loaded from: those in its folders, and what
    the installed distribution of its name has."""
    names = {name for folder in _folders(root) for name in _names_in(folder)}
    return frozenset(names | set(_distributed(root))) - sys.stdlib_module_names


def _folders(root: Path) -> list[Path]:
    """Where a project's modules lie: from its root for tests up to that of its repository, and in src/."""
    above = [root, *root.parents]
    marked = next((number for number, folder in enumerate(above) if (folder / ".git").exists()), 0)
    return [place for folder in above[: marked + 1] for place in (folder, folder / "src")]


def _names_in(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.suffix == ".py" or (entry / "__init__.py").is_file():
                yield entry.stem


def _distributed(root: Path) -> Iterator[str]:
    """The top-level names of the distribution that a pyproject.toml of the project names, if installed."""
    for folder in _folders(root):
        with suppress(OSError, ValueError, KeyError, importlib.metadata.PackageNotFoundError):
            project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
            for file in importlib.metadata.distribution(project).files or ():
                name = file.parts[0].partition(".")[0]
                if not file.parts[0].endswith((".dist-info", ".pth")) and name.isidentifier():
                    yield name

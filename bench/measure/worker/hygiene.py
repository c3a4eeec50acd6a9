"""A pytest plugin of workers: what a suite's own settings would spoil is set back before others read it."""

import re
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bench.measure.worker import plugin

SPOILING_PLUGINS = ("timeout", "rerunfailures", "flaky", "dsession", "hypothesispytest")
"""Plugins whose work would spoil a worker's: time-outs that count its waiting, tests run again, and one
that imports its whole library, two seconds of it, to print a summary that nobody reads. Their options stay: a
project's settings may name them."""

NEUTRAL_OPTIONS: dict[str, Any] = {
    "numprocesses": None, "dist": "no", "tx": [], "maxfail": 0, "randomly_reorganize": False, "usepdb": False,
    "trace": False, "cacheclear": False, "cacheshow": None, "lf": False, "failedfirst": False,
    "newfirst": False, "stepwise": False, "stepwise_skip": False, "stepwise_reset": False,
    "benchmark_skip": False, "benchmark_disable": False, "benchmark_only": False, "benchmark_autosave": False,
    "benchmark_save": None, "benchmark_json": None, "benchmark_compare": None, "benchmark_compare_fail": [],
    "benchmark_histogram": None,
    "benchmark_storage": f"file://{tempfile.gettempdir()}",  # it makes its folder, used or not
}  # fmt: skip
"""Options of pytest and its plugins as a worker needs them, whatever a suite's settings say."""


SWITCHED_OFF = (
    "pytest-benchmark is switched off, as by `-p no:benchmark` in addopts or PYTEST_DISABLE_PLUGIN_AUTOLOAD: "
    "there is no `benchmark` fixture"
)

SETTINGS_FILES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
"""Where pytest looks for a project's settings, in every folder above what it is to collect."""


def undecodable(arguments: Sequence[str]) -> str:
    """What to tell of a settings file that is no UTF-8, which stops pytest without a name; "" where all are.

    `arguments` are those of pytest.
    """
    named = [argument.removeprefix("--rootdir=").partition("::")[0] for argument in arguments]
    places = [Path(each).absolute() for each in named if not each.startswith("-")]
    folders = dict.fromkeys(folder for place in places for folder in (place, *place.parents))
    for folder, name in product(folders, SETTINGS_FILES):
        try:
            with suppress(OSError):
                (folder / name).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            seen = f"its line {line} has the byte 0x{error.object[error.start]:02x}"
            return f"{folder / name} is not UTF-8, as pytest expects its settings: {seen}; save it as UTF-8"
    return ""


ABSENT = re.compile(r"^E .*No module named '(\w+)", re.MULTILINE)
"""How Python says which module it does not find."""


def off_path(message: str, root: Path) -> str:
    """Where above the project's root lies the module that a file does not find; "" where that is not why."""
    name = found[1] if (found := ABSENT.search(message)) else ""
    for folder in root.parents if name else ():
        files = (folder / f"{name}.py", *(folder / name).glob("*.py"))
        module = next((file.relative_to(folder) for file in files if file.is_file()), None)
        if module:
            way = f"set PYTHONPATH={folder}, or put a pytest.ini with the line [pytest] there"
            return f"; {module} lies in {folder}, but that is not on Python's path: {way}"
    return ""


_addopts: list[str] = []


def addopts() -> str:
    """The options that the project's own settings give, and in which file; "" for none."""
    return "".join(_addopts)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    if given := early_config.getini("addopts"):
        _addopts[:] = [f"`{' '.join(given)}` in {early_config.inipath}"]
    # Behind what is installed: a project that is not is found, as by `python -m pytest`.
    sys.path.extend([str(early_config.rootpath), str(early_config.rootpath / "src")])
    early_config.known_args_namespace.cov_source = []  # pytest-cov starts here, in every process
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    if not any(map(config.pluginmanager.has_plugin, ("benchmark", "pytest_benchmark.plugin"))):
        raise pytest.UsageError(SWITCHED_OFF)
    # The cache is the project's, and several workers would write to it at once.
    pytest.Cache.set = lambda _cache, _key, _value: None  # type: ignore[assignment]  # a worker is ours
    for name, value in NEUTRAL_OPTIONS.items():
        setattr(config.option, name, value)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    manager = session.config.pluginmanager
    for name in SPOILING_PLUGINS:
        if manager.has_plugin(name):
            manager.unregister(name=name)


def spare_the_log(session: pytest.Session) -> None:
    """Has pytest catch no log where no test reads it: before each phase of each visit it would hang two
    handlers on every logger that keeps its records to itself, of which torch has dozens."""
    manager, name = session.config.pluginmanager, "logging-plugin"
    if manager.has_plugin(name) and not any(plugin.uses(item, "caplog") for item in session.items):
        manager.unregister(name=name)

"""A pytest plugin of workers: cases that a project's own settings drop, by what drops them.

That is options of pytest in its settings (`-m`, `-k`, `--deselect`), and hooks of a conftest.py or a plugin.
What the user asks for, or a preset, is none of these.
"""

import inspect
import os
import shlex
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType

import pytest

from bench.measure import compat
from bench.measure.worker import plugin

BY = pytest.StashKey[Counter[str]]()
"""How many cases were dropped, by what."""

TOLD = pytest.StashKey[set[pytest.Item]]()
"""What somebody said to have dropped."""


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if not items:
        return
    config = items[0].config
    config.stash.setdefault(TOLD, set()).update(items)
    _count(config, items, _who(config, inspect.currentframe()))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    before = list(items)
    yield
    known = {*items, *config.stash.get(TOLD, set())}
    silently = [item for item in before if item not in known]
    _count(config, silently, _hooks(config))


def _count(config: pytest.Config, items: Sequence[pytest.Item], who: str) -> None:
    if who and (number := sum(map(plugin.is_case, items))):
        config.stash.setdefault(BY, Counter())[who] += number


def _who(config: pytest.Config, frame: FrameType | None) -> str:
    """What calls this plugin's hook; "" where that is the user or a preset."""
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("pluggy", "bench"):
        if frame.f_globals["__name__"] == plugin.__name__:
            return ""
        frame = frame.f_back
    if frame is None:
        return ""
    if option := compat.DROPPING.get((frame.f_globals.get("__name__", ""), frame.f_code.co_name)):
        return _option(config, *option)
    return _named(config, frame.f_code.co_filename)


def _option(config: pytest.Config, name: str, flag: str) -> str:
    """An option of pytest as the project gives it; "" where only the user does."""
    option: str | list[str] = config.getoption(name)
    values = [option] if isinstance(option, str) else option
    users = config.invocation_params.args
    given = [f"{flag} {shlex.quote(value)}" for value in values if not any(value in each for each in users)]
    return " ".join(given)


def _hooks(config: pytest.Config) -> str:
    """What has a hook that may drop tests without a word: files of the project, or else any plugin."""
    hooks = config.hook.pytest_collection_modifyitems.get_hookimpls()
    files = [getattr(each.plugin, "__file__", None) or "" for each in hooks]
    own = [_named(config, file) for file in files if Path(file).is_relative_to(config.rootpath)]
    return " or ".join(dict.fromkeys(own)) or "a plugin"


def _named(config: pytest.Config, file: str) -> str:
    """A file of the project by its path in it, an installed one by its plugin's name."""
    path = Path(file)
    if path.is_relative_to(config.rootpath) and "site-packages" not in path.parts:
        return os.fspath(path.relative_to(config.rootpath))
    return f"the plugin {path.parent.name if path.stem in ('plugin', '__init__') else path.stem}"

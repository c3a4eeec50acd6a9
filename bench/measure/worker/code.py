"""Which code a worker runs: the text of its tests, and the files that its modules were loaded from."""

import inspect
import os
import sys
import textwrap
from collections.abc import Mapping
from functools import cache
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

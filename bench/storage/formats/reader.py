"""Runs that other tools recorded: which tool's a file is, and the files of a folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.events import Header
from bench.storage.formats import asv, foreign, github_action, pyperf, pytest_benchmark
from bench.storage.journal import StoreError

SUFFIXES = (".json", ".js")

TOOLS = (pytest_benchmark.TOOL, pyperf.TOOL, asv.TOOL, github_action.TOOL)


def files(path: Path) -> list[Path]:
    """The files that may be other tools' at `path`: itself, or those below it, in order of their names."""
    if path.is_file():
        return [path]
    found = (file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}"))
    return sorted(file for file in found if file.is_file())


def recorded(file: Path) -> foreign.Runs:
    """The runs in a file; none where it is nobody's. Raises StoreError where it is damaged."""
    document = _document(file)
    tool = next((tool for tool in TOOLS if tool.owns(document)), None)
    if tool is None:
        return
    try:
        for number, run in enumerate(tool.runs(document, file)):
            first, *rest = run
            assert isinstance(first, Header)
            name, arguments = first.run or f"{file.stem}-{number + 1}", {foreign.TOOL: tool.name}
            yield [replace(first, run=name, arguments=arguments), *rest]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ZeroDivisionError) as error:
        seen = f"{type(error).__name__}: {error}"
        raise StoreError(
            f"{file} is no whole file of {tool.name} ({seen}); name another, or write it anew."
        ) from None


def _document(file: Path) -> Any:
    try:
        text = file.read_text("utf-8")
        if text.lstrip().startswith("window."):  # a script that sets one variable
            text = text.partition("=")[2].strip().rstrip(";")
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(
            f"{file} cannot be read ({error}); expected a run's folder or a tool's JSON."
        ) from None

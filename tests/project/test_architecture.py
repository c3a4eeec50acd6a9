"""The map of the code, docs/architecture.md, names every module, and every module that it names is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

BENCH = ROOT / "bench"
MAP = (ROOT / "docs" / "architecture.md").read_text("utf-8")
DOCUMENTS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def tables() -> Iterator[tuple[str, list[str]]]:
    """Each room that has a table of its modules, as its path, and the names in the table's first column."""
    for section in re.split(r"^### ", MAP, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        yield heading.strip("`"), re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def modules() -> set[str]:
    """Every module of bench that has code: an `__init__` may be no more than its docstring."""
    files = (file for file in BENCH.rglob("*.py") if file.name != "__init__.py" or has_code(file))
    return {file.relative_to(ROOT).with_suffix("").as_posix() for file in files}


def has_code(file: Path) -> bool:
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text("utf-8")).body)


def test_the_map_names_every_module_once_and_no_other() -> None:
    named = [f"{room}/{module}" for room, names in tables() for module in names]
    assert not modules().difference(named), "not in the map"
    assert not set(named) - modules(), "in the map alone"
    assert len(named) == len(set(named))


def test_the_map_has_a_sentence_for_every_room() -> None:
    described = re.findall(r"^\| `(bench[\w/]*)` \|", MAP, re.MULTILINE)
    assert described == [room for room, _ in tables()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_paths_that_documents_name_are_there(document: Path) -> None:
    named = re.findall(r"`((?:bench|tests|suites)/[\w/.]+)`", document.read_text("utf-8"))
    missing = [path for path in named if "NAME" not in path and not (ROOT / path).exists()]
    assert not missing

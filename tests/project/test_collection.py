"""Which modules of tests are imported at all, and which begin first."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import ROOT, conftest

TESTPATHS, ARGS = pytest.Config.ArgsSource.TESTPATHS, pytest.Config.ArgsSource.ARGS


def test_the_longest_modules_exist() -> None:
    assert [name for name in conftest.LONGEST if not (ROOT / "tests" / name).is_file()] == []


def test_long_modules_begin_first_and_no_module_is_torn() -> None:
    names = ["codec", "codec", conftest.LONGEST[1], "plain", conftest.LONGEST[0], conftest.LONGEST[0]]
    items: list[Any] = [SimpleNamespace(path=ROOT / "tests" / name) for name in names]
    alone: Any = SimpleNamespace()
    conftest.pytest_collection_modifyitems(alone, shuffled := list(items))
    assert shuffled == items
    worker: Any = SimpleNamespace(workerinput={})
    conftest.pytest_collection_modifyitems(worker, shuffled)
    assert shuffled == [items[4], items[5], items[2], items[0], items[1], items[3]]


@pytest.mark.parametrize(
    ("mark", "source", "text", "ignored"),
    [
        ("machine", TESTPATHS, "def test_a(): ...", True),
        ("machine", TESTPATHS, "pytestmark = pytest.mark.machine", None),
        ("machine", ARGS, "def test_a(): ...", None),
        ("not machine", TESTPATHS, "def test_a(): ...", None),
    ],
)
def test_modules_without_the_mark_are_not_imported_for_it(
    tmp_path: Path, mark: str, source: object, text: str, ignored: bool | None
) -> None:
    (module := tmp_path / "test_it.py").write_text(text)
    config: Any = SimpleNamespace(args_source=source, option=SimpleNamespace(markexpr=mark))
    assert conftest.pytest_ignore_collect(module, config) is ignored

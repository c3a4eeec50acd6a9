"""Whose code is whose: what a template may import, and what it must not."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench.measure.worker import code


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, file: Path) -> None:
    """A module of this name that came from that file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    module = ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_template_imports_what_is_installed_and_nothing_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, packages = tmp_path / "project", tmp_path / "project" / ".venv" / "lib" / "site-packages"
    (project / ".git").mkdir(parents=True)
    (project / "src" / "ours").mkdir(parents=True)
    (project / "src" / "ours" / "__init__.py").write_text("")
    (project / "helper.py").write_text("")
    root = project / "suites"
    root.mkdir()
    for name, file in (
        ("third_party", packages / "third_party.py"),
        ("third_party.part", packages / "third_party" / "part.py"),
        ("ours", packages / "ours" / "__init__.py"),  # the project, installed
        ("ours.part", packages / "ours" / "part.py"),
        ("helper", project / "helper.py"),
        ("test_it", root / "test_it.py"),
        ("conftest", packages / "conftest.py"),
        ("bench.records", packages / "bench" / "records.py"),
    ):
        loaded(monkeypatch, name, file)
    own = code.own_names(root)
    assert {"ours", "helper"} <= own
    found = code.installed(root, own)
    assert {"third_party", "third_party.part", "os"} <= set(found)
    assert not {"ours", "ours.part", "helper", "test_it", "conftest", "bench.records"} & set(found)
    assert found.index("third_party") < found.index("third_party.part"), "in the order of loading"


def test_suites_that_are_installed_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    loaded(monkeypatch, "suite_of_ours.test_it", packages / "suite_of_ours" / "test_it.py")
    loaded(monkeypatch, "third_party", packages / "third_party.py")
    found = code.installed(packages / "suite_of_ours", frozenset())
    assert "third_party" in found
    assert "suite_of_ours.test_it" not in found


def test_the_distribution_of_the_project_is_its_own_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packages need not lie where its root or src/ would show them."""
    packages = tmp_path / "site-packages"
    record = packages / "our_project-1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: our-project\nVersion: 1\n")
    (record / "RECORD").write_text(
        "ours/__init__.py,,\nours/part.py,,\nsingle.py,,\nour_project-1.dist-info/RECORD,,\n"
    )
    monkeypatch.syspath_prepend(packages)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "our-project"\n')
    assert {"ours", "single"} <= code.own_names(tmp_path)
    assert "our_project-1" not in code.own_names(tmp_path)


def test_files_like_modules_of_the_standard_library_are_none_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("")
    assert "random" not in code.own_names(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[project]\n", "not TOML", '[project]\nname = "no-such-distribution"\n']
)
def test_a_project_need_not_be_installed(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert code.own_names(tmp_path) == frozenset()


def test_the_standard_library_is_installed() -> None:
    assert code.is_installed(os.__file__)
    assert not code.is_installed(__file__)

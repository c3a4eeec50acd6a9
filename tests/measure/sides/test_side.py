"""A side's own code: where it is found, and how code from elsewhere is recognized."""

import os
import py_compile
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NoReturn

import pytest

from bench.measure.sides.side import Side, SideError, check_python, environment_of, harness, moved
from bench.measure.start.process import Spec


@pytest.fixture
def trees(tmp_path: Path) -> dict[str, Path]:
    """A repository with an environment in it, and one side's tree of it."""
    made = {"repository": tmp_path / "project", "home": tmp_path / "gate" / "base"}
    made["tree"] = made["home"] / "project"
    for root in (made["repository"], made["tree"]):
        for name in ("src/pkg/__init__.py", "lib/other/core.py", "conftest.py", "json.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    return made


@pytest.mark.parametrize(
    ("name", "file", "stray"),
    [
        ("pkg", "{tree}/src/pkg/__init__.py", False),
        ("pkg", "{repository}/src/pkg/__init__.py", True),
        ("other.core", "{repository}/lib/other/core.py", True),
        ("numpy", "{repository}/.venv/lib/python3.12/site-packages/numpy/__init__.py", False),
        ("pkg", "/usr/lib/python3/site-packages/pkg/__init__.py", True),
        ("pkg", "{home}/environment/lib/site-packages/pkg/__init__.py", False),
        ("json", "/usr/lib/python3.12/json/__init__.py", False),
        ("test_it", "{repository}/shared/test_it.py", False),
    ],
)
def test_module_of_the_project_from_elsewhere_is_a_stray(
    trees: dict[str, Path], name: str, file: str, stray: bool
) -> None:
    path = file.format(**trees)
    side = Side("base", trees["tree"], Spec(()), (trees["repository"],), (trees["repository"] / "shared",))
    assert side.strays([(name, path)]) == ([(name, path)] if stray else [])


def test_side_finds_its_own_places_on_the_path(
    trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([f"{trees['repository']}/lib", "/somewhere/else"]))
    tree = trees["tree"]
    own = environment_of(tree.parent, trees["repository"], tree, on_path=True)["PYTHONPATH"]
    assert own.split(os.pathsep) == [str(tree), f"{tree}/src", f"{tree}/lib", "/somewhere/else"]
    installed = environment_of(tree.parent, trees["repository"], tree, on_path=False)["PYTHONPATH"]
    assert installed.split(os.pathsep) == [f"{tree}/lib", "/somewhere/else"]


def test_spec_moves_with_its_tree_but_shared_paths_stay(tmp_path: Path) -> None:
    head, base = tmp_path / "head" / "p", tmp_path / "base" / "p"
    (base / "sub").mkdir(parents=True)
    spec = Spec((f"{head}/suites/test_it.py::test_x[{head}]", "/other"), "k", directory=head / "sub")
    there = moved(spec, head, base)
    assert there.paths == (f"{base}/suites/test_it.py::test_x[{head}]", "/other")
    assert there.directory == base / "sub"
    (base / "sub").rmdir()
    assert moved(spec, head, base).directory == base  # the folder is new on head


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "ModuleNotFoundError: No module named 'pytest'",
            "No module named 'pytest'; install pytest, pytest-b",
        ),
        (
            "it is Python 3.9, and workers need 3.11",
            "cannot measure: it is Python 3.9, and workers need 3.11$",
        ),
        ("ls: cannot access '-c'", "cannot measure: it is no Python$"),
        ("ModuleNotFoundError: No module named 'psutil'", "No module named 'psutil'; install pytest"),
    ],
)
def test_a_python_that_cannot_measure_says_what_it_lacks(tmp_path: Path, words: str, said: str) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "{words}" >&2\nexit 1\n')
    python.chmod(0o755)
    with pytest.raises(SideError, match=said):
        check_python(str(python), tmp_path / "lent")


def test_a_python_is_lent_what_it_lacks_and_nothing_else(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\ncase "$PYTHONPATH" in *lent) exit 0;; esac\n'
        "echo \"No module named 'psutil'\" >&2\nexit 1\n"
    )
    python.chmod(0o755)
    assert check_python(str(python), tmp_path / "lent") == (str(tmp_path / "lent"),)
    assert [each.name for each in (tmp_path / "lent").iterdir()] == ["psutil"]
    python.write_text("#!/bin/sh\nexit 0\n")
    assert check_python(str(python), tmp_path / "nothing") == ()
    assert not (tmp_path / "nothing").exists()


def test_our_own_python_is_started_only_to_say_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object, **_options: object) -> NoReturn:
        raise OSError(0, "started")

    monkeypatch.setattr("bench.measure.sides.side.subprocess.run", started)
    assert check_python(sys.executable, tmp_path / "lent") == ()
    monkeypatch.setattr("bench.measure.sides.side.find_spec", lambda name: name != "psutil")
    with pytest.raises(SideError, match="started"):
        check_python(sys.executable, tmp_path / "lent")


def test_a_harness_comes_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled_anew(*_: object, **_options: object) -> None:
        raise AssertionError("what is compiled already would do")

    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.py").write_text("A = 1\n")
    compiled = Path(py_compile.compile(str(tmp_path / "bench" / "a.py")))
    compiled.with_name(f"{compiled.name}.4711").touch()  # another process is writing it
    monkeypatch.setattr("bench.measure.sides.side.HOME", tmp_path)
    copy = harness(tmp_path / "gate") / "bench"
    monkeypatch.setattr(SourceFileLoader, "source_to_code", compiled_anew)
    assert SourceFileLoader("a", str(copy / "a.py")).get_code("a")
    assert [each.name for each in (copy / "__pycache__").iterdir()] == [compiled.name]

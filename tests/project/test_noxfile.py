"""The one environment of all nox sessions: what is installed into it, when, and which Python measures."""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest

from tests import ROOT

NOXFILE = ROOT / "noxfile.py"

PYPROJECT = """
[project]
dependencies = ["numpy>=1.26", "pytest>=8.2", "pytest-benchmark>=5.0"]
[project.optional-dependencies]
suites = ["torch>=2.10", "torchvision>=0.25", "onnxruntime>=1.23"]
suites-cuda = ["torch>=2.10", "torchvision>=0.25", "onnxruntime-gpu>=1.23"]
[dependency-groups]
tests = ["hypothesis>=6"]
lint = ["ruff>=0.8"]
"""


class Session:
    """Notes the commands that a session would run."""

    def __init__(self, posargs: tuple[str, ...] = (), no_install: bool = False) -> None:
        self.posargs = posargs
        self._runner = SimpleNamespace(global_config=SimpleNamespace(no_install=no_install))
        self.commands: list[list[str]] = []

    def run(self, *command: str, external: bool, **_options: Any) -> None:
        assert external, "nox would warn of a program outside its own environment"
        self.commands.append(list(command))
        if "venv" in command:
            interpreter = Path(command[-1]) / "bin" / "python"
            interpreter.parent.mkdir(parents=True)
            interpreter.touch()

    def error(self, message: str) -> NoReturn:
        raise RuntimeError(message)


@pytest.fixture(scope="module")
def loaded() -> ModuleType:
    """The noxfile as a module, once: nox objects to a session's name that comes twice."""
    pytest.importorskip("nox")
    found = importlib.util.spec_from_file_location("noxfile", NOXFILE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def noxfile(loaded: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The noxfile of a project in a folder of its own, on a machine without GPU."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.setattr(loaded, "PROJECT", tmp_path)
    monkeypatch.setattr(loaded, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(loaded, "extra", lambda: "suites")
    monkeypatch.delenv("BENCH_TORCH_INDEX", raising=False)
    monkeypatch.delenv("BENCH_TORCH", raising=False)
    return loaded


def run(noxfile: ModuleType, name: str, *posargs: str, **options: Any) -> list[list[str]]:
    session = Session(posargs, **options)
    getattr(noxfile, name).func(session)
    return session.commands


def test_the_environment_is_made_once_and_shared(noxfile: ModuleType, tmp_path: Path) -> None:
    own = str(tmp_path / ".venv/bin/python")
    make, install, compiled, measure = run(noxfile, "bench", "--preset", "quick")
    assert make == [sys.executable, "-m", "venv", str(tmp_path / ".venv")]
    assert install == [
        own, "-m", "pip", "install", "--quiet", "--editable", f"{tmp_path}[suites,profile]",
        "hypothesis>=6", "ruff>=0.8", "--no-compile",
    ]  # fmt: skip
    assert compiled == [
        own, "-m", "compileall", "-qq", "-j", "0", "-x", "packages/.*/tests/", str(tmp_path / ".venv/lib"),
    ]  # fmt: skip
    assert measure == [own, "-m", "bench", "run", "--preset", "quick"]
    assert run(noxfile, "report", "reports/a") == [[own, "-m", "bench", "report", "reports/a"]]


def test_tests_that_rest_on_time_run_apart_and_in_order(noxfile: ModuleType) -> None:
    _, together, apart = run(noxfile, "tests", "-x", no_install=True)
    assert together[1:3] == apart[1:3] == ["-m", "pytest"]
    assert together[together.index("-m", 2) + 1] == "not machine"
    assert apart[3:] == ["-p", "no:randomly", "-rx", "-m", "machine", "-x"]
    assert "-n" in together
    assert "--no-loadscope-reorder" in together, "xdist would let modules with most tests begin first"


def test_what_every_process_imports_is_compiled_before_the_tests(noxfile: ModuleType) -> None:
    compiled, *_ = run(noxfile, "tests", no_install=True)
    assert compiled[1:] == ["-m", "compileall", "-q", "bench", "trust", "tests/simulation"]


def test_lint_holds_the_direction_of_imports(noxfile: ModuleType) -> None:
    assert [str(Path(sys.executable).with_name("lint-imports"))] in run(noxfile, "lint", no_install=True)


def test_the_gates_exit_status_is_that_of_nox() -> None:
    pytest.importorskip("nox")
    nox = [sys.executable, "-m", "nox", "--no-install", "--noxfile", str(NOXFILE), "-s", "gate", "--"]
    refused = subprocess.run([*nox, "--no-such-option"], capture_output=True, text=True, timeout=300)
    assert refused.returncode == 2, refused.stderr
    assert subprocess.run([*nox, "--help"], capture_output=True, timeout=300).returncode == 0


@pytest.mark.parametrize("change", ["project", "driver", "index"])
def test_the_environment_is_brought_up_to_date_when_its_contents_change(
    noxfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    run(noxfile, "smoke")
    if change == "project":
        (tmp_path / "pyproject.toml").write_text(PYPROJECT.replace("2.10", "2.11"))
    elif change == "driver":
        monkeypatch.setattr(noxfile, "extra", lambda: "suites-cuda")
    else:
        monkeypatch.setenv("BENCH_TORCH_INDEX", "https://example.org/cpu")
    commands = run(noxfile, "smoke")
    assert any("pip" in command for command in commands)
    assert not any("venv" in command for command in commands)
    assert len(run(noxfile, "smoke")) == 1


def test_an_installation_that_was_cut_is_done_again(noxfile: ModuleType) -> None:
    class Cut(Session):
        def run(self, *command: str, external: bool, **_options: Any) -> None:
            if "pip" in command:
                raise KeyboardInterrupt
            super().run(*command, external=external)

    with pytest.raises(KeyboardInterrupt):
        noxfile.smoke.func(Cut())
    assert any("pip" in command for command in run(noxfile, "smoke"))


def test_torch_comes_from_the_named_index_alone(noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TORCH_INDEX", "https://example.org/cpu")
    first, second = noxfile.installations()
    assert first[-4:] == ["--index-url", "https://example.org/cpu", "torch>=2.10", "torchvision>=0.25"]
    assert "--index-url" not in second


@pytest.mark.parametrize(("wanted", "name"), [("==2.11.*", "2.11"), (">=2.12,<2.13", "2.12-2.13")])
def test_each_version_of_torch_has_an_environment_of_its_own(
    noxfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, name: str
) -> None:
    run(noxfile, "bench")
    monkeypatch.setenv("BENCH_TORCH", wanted)
    make, install, _compiled, measure = run(noxfile, "bench")
    folder = tmp_path / f".venv-torch-{name}"
    assert make == [sys.executable, "-m", "venv", str(folder)]
    assert install[-2:] == [f"torch{wanted}", "--no-compile"]
    assert measure == [str(folder / "bin/python"), "-m", "bench", "run"]
    assert run(noxfile, "bench") == [measure]
    monkeypatch.delenv("BENCH_TORCH")
    assert run(noxfile, "bench") == [[str(tmp_path / ".venv/bin/python"), *measure[1:]]]


def test_a_version_of_torch_is_taken_from_the_named_index(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_TORCH_INDEX", "https://example.org/cpu")
    monkeypatch.setenv("BENCH_TORCH", "==2.11.*")
    first, second = noxfile.installations()
    assert first[-3:] == ["torch>=2.10", "torchvision>=0.25", "torch==2.11.*"]
    assert second[-1] == "torch==2.11.*"


@pytest.mark.parametrize(
    ("releases", "pinned"),
    [
        ("oldest", {"pytest==8.2.*", "pytest-benchmark==5.0.*", "torch==2.10.*", "torchvision==0.25.*"}),
        ("newest", set()),
    ],
)
def test_compatibility_is_tested_in_an_environment_of_its_own(
    noxfile: ModuleType, tmp_path: Path, releases: str, pinned: set[str]
) -> None:
    make, install, test = run(noxfile, "compatibility", releases, "-x")
    environment = tmp_path / f".venv-{releases}"
    assert make == [sys.executable, "-m", "venv", "--clear", str(environment)]
    assert install[-2:] == ["--constraint", str(environment / "constraints.txt")]
    assert set((environment / "constraints.txt").read_text().split()) == pinned
    assert test == [str(environment / "bin/python"), "-m", "pytest", "tests/measure/worker", "-x"]


def test_compatibility_asks_which_releases_are_meant(noxfile: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="oldest, or newest"):
        run(noxfile, "compatibility")


@pytest.mark.parametrize(
    ("name", "posargs", "arguments"),
    [
        ("bench", (), ["bench", "run"]),
        ("report", ("reports/a",), ["bench", "report", "reports/a"]),
        ("operations", (), ["bench", "run", "suites/operations", "--minutes", "9"]),
        ("smoke", ("-k", "add"), ["tests.smoke", "-k", "add"]),
    ],
)
def test_nothing_is_installed_where_that_is_asked(
    noxfile: ModuleType, tmp_path: Path, name: str, posargs: tuple[str, ...], arguments: list[str]
) -> None:
    assert run(noxfile, name, *posargs, no_install=True) == [[sys.executable, "-m", *arguments]]
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("there", ["environment", "python3", ""])
def test_the_python_that_is_there_when_nox_has_an_environment_of_its_own(
    noxfile: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    found: Mapping[str, str] = {"python3": "/usr/bin/python3"} if there == "python3" else {}
    monkeypatch.setattr(noxfile.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(noxfile.shutil, "which", found.get)
    own = tmp_path / ".venv/bin/python"
    if there == "environment":
        own.parent.mkdir(parents=True)
        own.touch()
    if there:
        expected = str(own) if there == "environment" else "/usr/bin/python3"
        assert run(noxfile, "bench", no_install=True) == [[expected, "-m", "bench", "run"]]
    else:
        with pytest.raises(RuntimeError, match="no Python to measure with"):
            run(noxfile, "bench", no_install=True)


def test_a_new_enough_python_makes_the_environment(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noxfile.sys, "version_info", (3, 10, 2))
    monkeypatch.setattr(noxfile.shutil, "which", {"python3.12": "/opt/python3.12"}.get)
    assert noxfile.new_enough_python(Session()) == "/opt/python3.12"
    monkeypatch.setattr(noxfile.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match=r"3\.10; the project needs 3\.11"):
        noxfile.new_enough_python(Session())


def test_every_session_says_what_it_does(noxfile: ModuleType) -> None:
    for name in ("bench", "report", "tests", "lint", "smoke"):
        assert getattr(noxfile, name).__doc__

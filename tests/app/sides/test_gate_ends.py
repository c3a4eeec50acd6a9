"""How a gate ends: on bad input, interrupted, killed; it leaves nothing."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.storage.journal import Journal
from tests import ROOT, recorded_runs
from tests.app.sides.gated_project import SUITE, Repository, processes
from tests.waiting import skip_hangs, visited


@pytest.mark.parametrize(
    ("files", "arguments", "status", "said"),
    [
        ({}, ["--base", "nowhere"], 2, "revision 'nowhere' is unknown"),
        ({}, ["--base", "main", "--head", "nowhere"], 2, "revision 'nowhere' is unknown"),
        ({}, [], 2, "expected --base REV"),
        ({}, ["--base", "main", "not_there"], 2, "not_there is on neither side"),
        ({"new/test_it.py": SUITE}, ["--base", "main", "new"], 2, "new is not on base"),
        (
            {"suites/test_it.py": None, "suites/conftest.py": None},
            ["--base", "main"],
            3,
            "on base but not on head",
        ),
        ({}, ["--base", "main", "-k", "nothing"], 2, "no benchmarks that match -k 'nothing'"),
        (
            {"suites/test_it.py": SUITE.replace("def test_", "def test_an")},
            ["--base", "main"],
            3,
            "no case is on both",
        ),
        (
            {"suites/test_it.py": "import not_there\n"},
            ["--base", "main"],
            3,
            "head could not be collected: suites/test_it.py: ModuleNotFoundError: "
            "No module named 'not_there' (suites/test_it.py, line 1)",
        ),
        (
            {"conftest.py": "\ndef (\n"},
            ["--base", "main"],
            3,
            "head could not be collected: ImportError while loading conftest 'conftest.py'. SyntaxError: "
            "invalid syntax (conftest.py, line 2)",
        ),
        (
            {"suites/test_it.py": None, "suites/test_new.py": SUITE},
            ["--base", "main"],
            3,
            "3 on head only, such as suites/test_new.py::test_parse[1], where it may have been moved",
        ),
        (
            {"src/project/__init__.py": "from importlib.metadata import version\nversion('not-there')\n"},
            ["--base", "main"],
            3,
            "install each side, by --install",
        ),
        ({}, ["--base", "main", "--install", "echo why; false"], 3, "`echo why; false` ended with status 1"),
        ({}, ["--base", "main", "--pytest-args=--nonsense"], 3, "unrecognized arguments: --nonsense"),
        ({"src/project/__init__.py": "1 / 0\n"}, ["--base", "main"], 3, "head could not be collected"),
        (
            {"conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = []\n"},
            ["--base", "main"],
            3,
            "; head: left out by the project's own settings: 3 cases by conftest.py",
        ),
        (
            {"pyproject.toml": "[tool.bench.gate]\nbudget = 1\n"},
            ["--base", "main"],
            2,
            "unknown key 'budget'",
        ),
        (
            {"pyproject.toml": "[tool.bench.budgets]\nnope = { max_time = '1 s' }\n"},
            ["--base", "main"],
            2,
            "no benchmark matches 'nope'",
        ),
        ({}, ["--replay", "suites"], 2, "suites is no run's folder; expected the folder of a gate's run"),
        ({}, ["--replay", "nowhere"], 2, "nowhere does not exist; expected the folder of a gate's run"),
        ({}, ["--replay", "suites", "--explain"], 2, "bench explain RUN RUN CASE"),
        ({}, ["--base", "main", "--base-python", "not/there"], 2, "not/there cannot be run"),
        (
            {},
            ["--base", "main", "--head-python", "not/there", "--install", "true"],
            2,
            "not/there cannot be run (No such file or directory); expected a Python",
        ),
    ],
)
def test_bad_input_gets_one_clear_message(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    files: dict[str, str | None],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    repository.write(files)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(tempfile, "tempdir", str(repository.temporary))
    monkeypatch.chdir(repository.folder)
    ended = main(["gate", *arguments, "--out", str(repository.out)])
    stderr = capfd.readouterr().err
    assert (ended, said in stderr) == (status, True), stderr
    assert "Traceback" not in stderr
    assert not repository.out.exists()
    repository.assert_nothing_left()


def test_a_side_that_hangs_while_it_is_collected_is_named_with_the_line(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository.write({"suites/test_it.py": f"import pytest\n{skip_hangs(monkeypatch, tmp_path)}\n"})
    repository.commit()
    repository.write({"suites/test_it.py": SUITE})
    done = repository.gate("--base", "main")
    assert done.returncode == 3
    assert "base could not be collected: collecting took more than 300 s, at last in" in done.stderr
    assert 'File "suites/test_it.py", line 2 in <' in done.stderr
    repository.assert_nothing_left()


def test_where_no_gate_is_named_the_newest_one_near_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = recorded_runs.header("3")
    for name, header in (("1", replace(plain, gate={"base": {}})), ("2", plain)):
        Journal.create(tmp_path / name, header).close()
    for seen in (tmp_path, tmp_path / "2"):
        assert main(["gate", "--replay", str(seen)]) == 2
        expected = f"expected the folder of a gate's run, such as {tmp_path / '1'}\n"
        assert capsys.readouterr().err.endswith(expected)


def test_outside_a_repository_the_message_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", "gate", "--base", "main"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )
    assert done.returncode == 2
    assert "is not in a git repository; change into the project's checkout" in done.stderr


SLOW = "import time\ndef test_slow(benchmark):\n    benchmark(time.sleep, 0.02)\n"


def test_interrupt_leaves_the_run_and_nothing_else(repository: Repository) -> None:
    repository.write({"suites/test_it.py": SLOW, "suites/conftest.py": None})
    repository.commit()
    going = repository.start("--base", "main")
    journal = visited(repository.out, 4)
    assert processes(repository.temporary)
    going.send_signal(signal.SIGINT)
    _, stderr = going.communicate(timeout=300)
    assert going.returncode == 130
    assert "what was measured is kept" in stderr
    assert "Traceback" not in stderr
    assert '"event":"end"' not in journal.read_text()
    repository.assert_nothing_left()
    cut = repository.gate("--replay", journal.parent)
    assert cut.returncode == 3


def test_leftovers_of_a_killed_gate_are_removed_by_the_next(repository: Repository) -> None:
    fork = (
        "import os, time\nif not os.fork():\n    while True: time.sleep(1)\n"
        "def test_slow(benchmark):\n    benchmark(time.sleep, 0.02)\n"
    )
    repository.write({"suites/test_it.py": fork, "suites/conftest.py": None})
    repository.commit()
    going = repository.start("--base", "main")
    visited(repository.out, 4)
    going.send_signal(signal.SIGKILL)
    going.communicate(timeout=300)
    for orphan in processes(repository.temporary):  # that the guard has not ended yet, if there is one
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGSTOP)
    assert list(repository.temporary.glob("bench-gate-*"))
    done = repository.gate("--base", "main", "not_there")
    assert "left behind by a gate that was killed" in done.stderr
    repository.assert_nothing_left()

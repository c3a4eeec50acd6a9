"""The gate from end to end: real repositories, worktrees and workers; only the workers' clock is virtual.

A suite's conftest gives its worker a clock that moves when the code under test says so, and readings that
find nobody else on the machine: then every verdict is exact, however busy the machine is.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import ROOT

VIRTUAL = """
import sys

ours = {
    name.rpartition(".")[2]: sys.modules[f"_bench.measure.{name}"]
    for name in ("devices.device", "worker.controls", "host.interference")
}
now = [0.0]

def clock():
    now[0] += 1e-9
    return now[0]

def quiet(_readings):
    return ours["interference"].Interference(0.0, None, 0.0, 1e-6, 1, 0, 2)

def work(seconds):
    now[0] += seconds

ours["device"].clock = clock
ours["interference"].Readings.before = lambda _readings, expected_s: None  # the worker has opened its own
ours["interference"].Readings.after = quiet
for name in ours["controls"].FUNCTIONS:
    ours["controls"].FUNCTIONS[name] = lambda: work(1e-5)
sys.modules["virtual"] = sys.modules[__name__]
"""

CODE = """
from virtual import work

def parse(n):
    work(n * 1e-4)

def render(n):
    work(2e-3)
"""

SUITE = """
import pytest
from project import parse, render

@pytest.mark.parametrize("n", [1, 10])
def test_parse(benchmark, n):
    benchmark(parse, n)

def test_render(benchmark):
    benchmark(render, 1)
"""

FEWER_LAUNCHES = """
from bench.analyze.gate import series
series.STAGES = (range(2), range(2, 7), range(7, 8))
series.EARLY = tuple((stage,) for stage in series.STAGES)
series.EXTENSION, series.FRESH, series.CHECKPOINTS = series.STAGES[-1], range(2, 8), (2, 7, 8)
from bench.__main__ import main
raise SystemExit(main())
"""
"""The command line with fewer launches than a machine with noise needs."""


class Repository:
    """A project of its own in a git repository, and the gate run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder.parent / "out"
        self.temporary = folder.parent / "tmp"
        self.temporary.mkdir(parents=True)
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.email", "someone@example.org")
        self.git("config", "user.name", "Someone")
        self.git("config", "commit.gpgsign", "false")
        self.write(
            {
                "suites/conftest.py": VIRTUAL,
                "src/project/__init__.py": CODE,
                "suites/test_it.py": SUITE,
                ".gitignore": "ignored*\n__pycache__/\n",
                "pyproject.toml": "",
            }
        )
        self.commit()

    def write(self, files: dict[str, str | None]) -> None:
        """Writes files; None deletes one."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "as it stands")

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                FEWER_LAUNCHES,
                "gate",
                *map(str, arguments),
                "--out",
                str(self.out),
            ],
            cwd=self.folder,
            env={**environment, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def gate(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        going = self.start(*arguments)
        stdout, stderr = going.communicate(timeout=300)
        return subprocess.CompletedProcess(going.args, going.returncode, stdout, stderr)

    def verdict(self) -> dict[str, Any]:
        """What --json wrote."""
        found: dict[str, Any] = json.loads((self.folder.parent / "verdict.json").read_text())
        return found

    def assert_nothing_left(self) -> None:
        assert list(self.temporary.glob("bench-gate-*")) == []
        assert len(self.git("worktree", "list").splitlines()) == 1
        assert processes(self.temporary) == []


def processes(folder: Path) -> list[int]:
    """The living processes that a gate has started with checkouts in `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BENCH_GATE", "").startswith(str(folder)):
                found.append(process.pid)
        except psutil.Error:
            pass
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "project")


def states(verdict: dict[str, Any]) -> dict[str, str]:
    return {each["case"].partition("::")[2]: each["state"] for each in verdict["verdicts"]}


def test_slowdown_in_the_working_tree_is_found_and_the_replay_agrees_to_the_last_bit(
    repository: Repository,
) -> None:
    repository.write(
        {
            "bench/__init__.py": "raise RuntimeError('this package is the project\\'s own')\n",
            "suites/test_names.py": "from project import render\n"
            "def test_old(benchmark):\n    benchmark(render, 1)\n"
            "def test_gone(benchmark):\n    benchmark(render, 1)\n"
            "def test_skipped(benchmark):\n    import pytest\n    pytest.skip('not today')\n",
        }
    )
    repository.commit()
    repository.write(
        {
            "src/project/__init__.py": CODE.replace("work(n * 1e-4)", "helped(n * 1.06e-4)")
            + "\nfrom project.untracked import helped\n",
            "src/project/untracked.py": "from virtual import work as helped\n",
            "suites/ignored_test.py": "raise SystemExit\n",
            "suites/test_it.py": SUITE.replace("benchmark(render, 1)", "benchmark(render, n=1)"),
            "suites/test_names.py": "from project import render\n"
            "def test_new(benchmark):\n    benchmark(render, 1)\n"
            "def test_added(benchmark):\n    benchmark(render, 1)\n"
            "def test_skipped(benchmark):\n    import pytest\n    pytest.skip('not today')\n",
            "pyproject.toml": "[tool.bench.gate]\nremoved = ['test_gone']\nrenamed.test_old = 'test_new'\n",
        }
    )
    files = [repository.folder.parent / name for name in ("verdict.json", "verdict.md", "verdict.xml")]
    asked = ("--json", files[0], "--markdown", files[1], "--junit", files[2])
    done = repository.gate("--base", "main", "--explain", *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = repository.verdict()
    assert states(verdict) == {
        "test_parse[1]": "slower",
        "test_parse[10]": "slower",
        "test_render": "same",
        "test_new": "same",
    }
    assert all(each["state"] == "same" for each in verdict["controls"])
    changes = {each["case"].partition("::")[2]: each["change"]["ratio"] for each in verdict["verdicts"]}
    assert changes["test_parse[10]"] == pytest.approx(1.06, abs=1e-3)
    assert verdict["benchmarks"]["renamed"] == {
        "suites/test_names.py::test_old": "suites/test_names.py::test_new"
    }
    assert verdict["benchmarks"]["removed"] == ["suites/test_names.py::test_gone"]
    assert verdict["benchmarks"]["added"] == ["suites/test_names.py::test_added"]
    assert "suites/test_it.py::test_render" in verdict["benchmarks"]["edited"]
    assert [each["case"] for each in verdict["skipped"]] == ["suites/test_names.py::test_skipped"]
    repository.assert_nothing_left()
    (run,) = repository.out.iterdir()
    parsing = {f"suites/test_it.py::test_parse[{n}]" for n in (1, 10)}
    assert verdict["explained"].keys() == parsing
    for *_, last in verdict["explained"].values():
        base, head = (json.loads((run / path / "profile.json").read_text()) for path in last.split()[1:])
        assert base["case"] == head["case"]
        assert head["plain_s"] / base["plain_s"] == pytest.approx(1.06, abs=1e-3)

    written = {file: file.read_bytes() for file in files}
    again = repository.gate("--replay", run, *asked)
    assert again.returncode == 1
    assert done.stdout.startswith(again.stdout)  # behind it comes the report's path
    assert {file: file.read_bytes() for file in files} == written


MORE = """
import pytest
from project import parse

SIDE = "base"

def test_dies(benchmark):
    if SIDE == "head":
        import os
        os._exit(5)
    benchmark(parse, 1)

def test_skipped_on_base(benchmark):
    if SIDE == "base":
        pytest.skip("not yet")
    assert benchmark(lambda: parse(1) or 7) == 7
"""


def test_side_that_fails_is_named_and_the_other_cases_are_measured(repository: Repository) -> None:
    repository.write({"suites/test_more.py": MORE, "suites/test_broken.py": "import not_there\n"})
    repository.commit()
    repository.write({"suites/test_more.py": MORE.replace('SIDE = "base"', 'SIDE = "head"')})
    done = repository.gate("--base", "main", "--json", repository.folder.parent / "verdict.json")
    assert done.returncode == 3, done.stdout + done.stderr
    troubles = {(each["case"], each["side"]): each["reason"] for each in repository.verdict()["not_measured"]}
    assert set(troubles) == {
        ("suites/test_more.py::test_dies", "head"),
        ("suites/test_broken.py", "base"),
        ("suites/test_broken.py", "head"),
    }
    assert "status 5" in troubles["suites/test_more.py::test_dies", "head"]
    assert "No module named 'not_there'" in troubles["suites/test_broken.py", "head"]
    skipped = {each["case"]: each["reason"] for each in repository.verdict()["skipped"]}
    assert skipped == {"suites/test_more.py::test_skipped_on_base": "not yet"}
    assert set(states(repository.verdict()).values()) == {"same"}
    assert len(states(repository.verdict())) == 3
    repository.assert_nothing_left()


def test_case_missing_on_head_is_no_silent_pass(repository: Repository) -> None:
    repository.write({"suites/test_it.py": SUITE.partition("def test_render")[0]})
    done = repository.gate(
        "--base", "main", "--json", repository.folder.parent / "verdict.json", "-k", "not 10"
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert [each["case"] for each in repository.verdict()["not_measured"]] == [
        "suites/test_it.py::test_render"
    ]
    assert "`removed`" in done.stdout


def test_one_suite_measures_both_sides(repository: Repository) -> None:
    repository.write({"elsewhere/test_new.py": SUITE.replace("1, 10", "1"), "elsewhere/conftest.py": VIRTUAL})
    done = repository.gate(
        "--base",
        "main",
        "--suites",
        "elsewhere",
        "--json",
        repository.folder.parent / "verdict.json",
        "-k",
        "parse",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(repository.verdict()) == {"test_parse[1]": "same"}
    missing = repository.gate("--base", "main", "elsewhere")
    assert missing.returncode == 2
    assert "--suites elsewhere" in missing.stderr


def test_editable_install_of_head_does_not_compare_head_with_head(repository: Repository) -> None:
    path = repository.folder / "lib"
    leads_there = f"{VIRTUAL}\nsys.path.append({str(path)!r})\n"
    repository.write(
        {"src/project/__init__.py": None, "lib/project/__init__.py": CODE, "suites/conftest.py": leads_there}
    )
    repository.commit()
    done = repository.gate("--base", "main")
    assert done.returncode == 3
    assert "base did not run its own code: module 'project' was loaded from" in done.stderr
    assert "install" in done.stderr
    repository.assert_nothing_left()


def test_commands_that_install_a_side_lead_each_to_its_own_code(repository: Repository) -> None:
    install = (
        '[tool.bench.gate]\ninstall = ["python -c \\"import os, sysconfig; '
        "open(sysconfig.get_path('purelib') + '/project.pth', 'w').write(os.getcwd() + '/lib')\\\"\"]\n"
    )
    repository.write(
        {"src/project/__init__.py": None, "lib/project/__init__.py": CODE, "pyproject.toml": install}
    )
    repository.commit()
    repository.write({"lib/project/__init__.py": CODE.replace("2e-3", "3e-3")})
    done = repository.gate(
        "--base", "main", "--json", repository.folder.parent / "verdict.json", "-k", "render"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert states(repository.verdict()) == {"test_render": "slower"}
    repository.write({"pyproject.toml": '[tool.bench.gate]\ninstall = ["echo not today && false"]\n'})
    failed = repository.gate("--base", "main")
    assert failed.returncode == 3
    assert "not today" in failed.stderr
    repository.assert_nothing_left()


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
        ({"suites/test_it.py": "import not_there\n"}, ["--base", "main"], 3, "head could not be collected"),
        ({"src/project/__init__.py": "1 / 0\n"}, ["--base", "main"], 3, "head could not be collected"),
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
        ({}, ["--replay", "suites"], 2, "journal.jsonl"),
        ({}, ["--replay", "suites", "--explain"], 2, "bench explain RUN RUN CASE"),
        ({}, ["--base", "main", "--base-python", "not/there"], 3, "not/there cannot be run"),
    ],
)
def test_bad_input_gets_one_clear_message(
    repository: Repository, files: dict[str, str | None], arguments: list[str], status: int, said: str
) -> None:
    repository.write(files)
    done = repository.gate(*arguments)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not repository.out.exists()
    repository.assert_nothing_left()


def test_outside_a_repository_the_message_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", "gate", "--base", "main"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )
    assert done.returncode == 2
    assert "is not in a git repository" in done.stderr


SLOW = "import time\ndef test_slow(benchmark):\n    benchmark(time.sleep, 0.02)\n"


def wait_for_visits(repository: Repository) -> Path:
    for _ in range(600):
        for journal in repository.out.glob("*/journal.jsonl"):
            if journal.read_text().count('"event":"visit"') >= 4:
                return journal
        time.sleep(0.05)
    raise AssertionError("the gate never began to measure")


def test_interrupt_leaves_the_run_and_nothing_else(repository: Repository) -> None:
    repository.write({"suites/test_it.py": SLOW, "suites/conftest.py": None})
    repository.commit()
    going = repository.start("--base", "main")
    journal = wait_for_visits(repository)
    assert processes(repository.temporary)
    going.send_signal(signal.SIGINT)
    _, stderr = going.communicate(timeout=60)
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
    wait_for_visits(repository)
    going.send_signal(signal.SIGKILL)
    going.communicate(timeout=60)
    orphans = processes(repository.temporary)
    assert orphans
    for orphan in orphans:
        os.kill(orphan, signal.SIGSTOP)
    assert list(repository.temporary.glob("bench-gate-*"))
    done = repository.gate("--base", "main", "not_there")
    assert "left behind by a gate that was killed" in done.stderr
    repository.assert_nothing_left()

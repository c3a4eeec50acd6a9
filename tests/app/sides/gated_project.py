"""A project in a git repository of its own, and the gate run in it; only its workers' clock is virtual.

Its suite's conftest gives the worker a clock that moves when the code under test says so, and readings that
find nobody else on the machine: then every verdict is exact, however busy the machine is.
"""

import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.__main__ import main
from bench.analyze.gate import decision, series
from bench.app.sides import gate
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

STAGES = (range(2), range(2, 5), range(5, 6))
FEWER = {
    "STAGES": STAGES,
    "EARLY": tuple((stage,) for stage in STAGES),
    "EXTENSION": STAGES[-1],
    "FRESH": range(2, 6),
    "CHECKPOINTS": (2, 5, 6),
    "MIN_LAUNCHES_FOR_CHANGE": 3,
}
"""Fewer launches than a machine with noise needs, by the names of `bench.analyze.gate.series`."""

FEWER_LAUNCHES = f"""
from bench.analyze.gate import series
vars(series).update({FEWER})
from bench.__main__ import main
raise SystemExit(main())
"""
"""The command line with fewer launches."""


class Repository:
    """A project of its own in a git repository, and the gate run in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {"PYTHONPATH": str(ROOT), **(environment or {})}
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

    def commit(self, subject: str = "as it stands") -> str:
        """Commits all there is; the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD").strip()

    def start(self, *arguments: str | Path, command: str = "gate") -> subprocess.Popen[str]:
        """The command in a process of its own, as a user starts it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                FEWER_LAUNCHES,
                command,
                *map(str, arguments),
                "--out",
                str(self.out),
            ],
            cwd=self.folder,
            env={**environment, **self.environment, "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def gate(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("gate", *arguments)

    def run(self, command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The command in this process, which has imported what every command would import anew."""
        words = [command, *map(str, arguments), "--out", str(self.out)]
        stdout, stderr = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
            for module, name in itertools.product((series, decision, gate), FEWER):
                if hasattr(module, name):
                    patch.setattr(module, name, FEWER[name])
            for name in [name for name in os.environ if name.startswith("GITHUB_")]:
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(tempfile, "tempdir", str(self.temporary))
            patch.chdir(self.folder)
            status = main(words)
        return subprocess.CompletedProcess(words, status, stdout.getvalue(), stderr.getvalue())

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


def states(verdict: dict[str, Any]) -> dict[str, str]:
    return {each["case"].partition("::")[2]: each["state"] for each in verdict["verdicts"]}

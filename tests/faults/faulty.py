"""A command started among faults, and what it must not leave."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests import ROOT
from tests.waiting import PATIENCE_S, until

GOOD = "def test_{name}(benchmark):\n    benchmark(sum, [1])\n"

BRIEF = """
import functools, sys
sys.argv[0] = "bench"
from dataclasses import replace
from bench.app import run
from bench.measure.drive import plan
run.Plan = functools.partial(plan.Plan, ceilings=False)
for name, preset in plan.PRESETS.items():
    plan.PRESETS[name] = replace(preset, timeout_s={timeout_s}, target=10.0, deadline_s=float("inf"))
from bench.__main__ import main
raise SystemExit(main())
"""
"""The command line, satisfied with anything, without the ceilings that import torch, and without a deadline:
on a busy machine a run would end before it came to all cases."""

MARK = "BENCH_FAULT"


@dataclass
class Project:
    """A folder of a project with two good cases, and of what a command on it writes."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen[str]] = []
        self.out, self.temporary = self.folder.parent / "out", self.folder.parent / "tmp"
        for each in (self.folder, self.temporary):
            each.mkdir(parents=True)
        self.write({"test_a.py": GOOD.format(name="before"), "test_z.py": GOOD.format(name="after")})

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="surrogateescape")

    def start(
        self, *arguments: str | Path, python: Sequence[str] = (), prepare: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        """Starts a command; `prepare` is called in its process, before its Python, where it is given."""
        given = self.environment | {MARK: self.mark, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        going = subprocess.Popen(
            [sys.executable, *python, "-c", BRIEF.format(timeout_s=self.timeout_s), *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            preexec_fn=prepare,
        )
        self.started.append(going)
        return going

    def command(self, *arguments: str | Path, python: Sequence[str] = ()) -> "Done":
        return ended(self.start(*arguments, python=python))

    def run(self, *arguments: str | Path, python: Sequence[str] = ()) -> "Done":
        """`bench run`, in one launch."""
        few = ("--launches", "1", "--preset", "quick", "--out", self.out)
        return self.command("run", *(arguments or (".",)), *few, python=python)

    def assert_nothing_left(self) -> None:
        """No process, no temporary file, and no file in the project that was not there.

        A command that a failing test did not wait for is ended first: it would cost the next test as well.
        """
        for going in self.started:
            if going.returncode is None:
                going.kill()
                going.communicate()
        until(lambda: not self.processes(), f"processes are left: {self.processes()}")
        assert list(self.temporary.iterdir()) == []
        strays = {path.name for path in self.folder.rglob("*")} & {".pytest_cache", ".benchmarks"}
        assert not strays

    def processes(self) -> list[str]:
        """The living processes of any command of this project, but zombies."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(" ".join(process.cmdline())[:80])
            except (psutil.Error, OSError):
                pass
        return found


@dataclass(frozen=True)
class Done:
    """How a command ended, and all that it said."""

    status: int
    said: str


def ended(going: "subprocess.Popen[str]") -> Done:
    stdout, stderr = going.communicate(timeout=2 * PATIENCE_S)
    return Done(going.returncode, f"{stdout}\n{stderr}")

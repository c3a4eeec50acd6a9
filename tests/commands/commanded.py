"""The command line in a process of its own or in this one, and a small suite for it."""

import functools
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.measure.drive.plan import Plan
from tests import ROOT

SUITE = """
import pytest

@pytest.mark.parametrize("n", [1, 10, 100])
def test_total(benchmark, n):
    benchmark.extra_info["items"] = n
    assert benchmark(sum, [1] * n) == n
"""


def command(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`python -m bench ...`, with this checkout on the path whatever the folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=300,
    )


WITHOUT_CEILINGS = """
import sys
sys.argv[0] = "bench"
from bench.__main__ import main
import functools
from bench.app import run
run.Plan = functools.partial(run.Plan, ceilings=False)
sys.exit(main())
"""
"""`bench` as a process that measures no ceilings, which take 7 s of a processor."""


def here(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The same command in this process, without the imports of a new one, and without ceilings."""
    words, stdout, stderr = [str(each) for each in arguments], io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setattr("bench.app.run.Plan", functools.partial(Plan, ceilings=False))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(cwd)
        status = main(words)
    return subprocess.CompletedProcess(words, status, stdout.getvalue(), stderr.getvalue())

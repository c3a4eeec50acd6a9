"""The command line in a process of its own, and a small suite for it."""

import os
import subprocess
import sys
from pathlib import Path

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

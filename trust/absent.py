"""Without accelerator, schedstat or NVML: the same commands work, and say what could not be read."""

import os
import subprocess
import sys
from pathlib import Path

from trust.claims import Claim, Proof
from trust.sides import ROOT

COMMAND = (
    "import sys; sys.modules['pynvml'] = None; "
    "from bench.measure.host import delays; delays.schedstat_works = lambda root=None: False; "
    "from bench.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
"""`python -m bench ...` on a system that has neither NVML nor run-queue delay."""


def prove(folder: Path) -> Proof:
    """The claims about what is absent."""
    cases = ("suites/test_03_matmul_mul.py", "-k", "test_matmul[cpu-16]", "--device", "cpu")
    measured = bench("run", *cases, "--launches", "1", "--out", str(folder))
    pages = sorted(folder.glob("*/report.html"), key=lambda page: page.stat().st_mtime)
    page = pages[-1].read_text() if pages else ""
    doctor = bench("doctor")
    return Proof(
        (
            Claim("absent: bench run", _ended(measured), "0", measured.returncode == 0),
            Claim(
                "absent: the report says that run-queue delay was not read",
                "said" if "context switches" in page else "not said",
                "said",
                "context switches" in page,
            ),
            Claim(
                "absent: bench doctor says so, too",
                "said" if "context switches" in doctor.stdout else "not said",
                "said",
                "context switches" in doctor.stdout,
            ),
        )
    )


def _ended(process: subprocess.CompletedProcess[str]) -> str:
    """How a command ended; the last line that it wrote where that was not well."""
    last = (process.stderr.strip().splitlines() or [""])[-1]
    return f"exit status {process.returncode}" + (f": {last}" if process.returncode else "")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench ARGUMENTS` on such a system."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": "-p trust.blind", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

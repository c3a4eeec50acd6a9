"""Measures reports/example-simulated again: the course on this processor and the simulated accelerator.

    python -m tests.example_simulated [--preset quick|default]

The accelerator's times are real time made up by `simulated_timeline`; the processor's are this machine's own,
so run it while nothing else does. What is kept is what reports/README.md says of every example.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "simulation"))  # workers know it by the name it has there

from simulated_accelerator import Parameters, install

from bench.storage.journal import find_runs

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "reports" / "example-simulated"
LEFT_OUT = ("resnet18", "numpy", "threads", "dtype", "against", "load", "prefetch", "workers", "first_batch")
CASES = f"not ({' or '.join(LEFT_OUT)})"
"""What is measured: where a device takes part. The simulation computes in Python, which for resnet18 takes
seconds a step."""

KEPT = (
    "report.html", "summary.md", "cases.parquet", "environment.json",
    "figures/test_05_forward_backward.png",  # the README shows it
)  # fmt: skip

A_SMALL_GPU = Parameters(
    fixed_s=5e-6,
    flops_per_s=5e12,
    bytes_per_s=3e11,
    copy_latency_s=15e-6,
    copy_bytes_per_s=1e10,
    first_use_s=0.3,
)
"""What is simulated: the rates, link and first use of a small graphics card."""


def main() -> int:
    """Exit status 0, or that of the run that failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=("quick", "default"), default="default")
    preset = parser.parse_args().preset
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = {**os.environ, **install(folder / "installed", A_SMALL_GPU)}
        command = [sys.executable, "-m", "bench", "run", "-k", CASES, "--preset", preset]
        command += ["--out", str(folder / "runs")]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if status not in (0, 1):  # 1: a case failed; the simulation cannot do everything
            return status
        (run,) = find_runs(folder / "runs")
        keep(run)
    print(EXAMPLE)
    return 0


def keep(run: Path) -> None:
    """Puts the run in the place of the example that is there."""
    shutil.rmtree(EXAMPLE, ignore_errors=True)
    (EXAMPLE / "figures").mkdir(parents=True)
    for name in KEPT:
        shutil.copy(run / name, EXAMPLE / name)
    journal = gzip.compress((run / "journal.jsonl").read_bytes(), mtime=0)
    (EXAMPLE / "journal.jsonl.gz").write_bytes(journal)


if __name__ == "__main__":
    sys.exit(main())

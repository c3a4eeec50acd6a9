"""The gate on the simulated accelerator, in virtual time: what changed is found, and nothing else."""

import os
from pathlib import Path

import pytest

from tests import ROOT
from tests.app.sides.gated_project import Repository, states

pytest.importorskip("torch")

VIRTUAL = """
import sys
import torch
from simulated_accelerator import timeline

ours = {
    name.rpartition(".")[2]: sys.modules[f"_bench.measure.{name}"]
    for name in ("worker.controls", "host.interference")
}

def quiet(_readings):
    return ours["interference"].Interference(0.0, None, 0.0, 1e-6, 1, 0, 2)

ours["interference"].Readings.before = lambda _readings, expected_s: None
ours["interference"].Readings.after = quiet
for name in ours["controls"].FUNCTIONS:
    ours["controls"].FUNCTIONS[name] = lambda: timeline.charge(1e-5)
"""

CODE = """
def infer(a):
    for _ in range(3):
        a.mul_(1.0)

def train(a):
    for _ in range(3):
        a.mul_(1.0)
"""

SUITE = """
import pytest
import torch
from project import infer, train

@pytest.mark.accelerator
@pytest.mark.parametrize("step", [infer, train])
def test_step(benchmark, device, step):
    benchmark(step, torch.ones(10, device=device))
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    import simulated_accelerator as simulation

    environment = simulation.install(tmp_path / "installed", simulation.Parameters(virtual=True))
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment["PYTHONPATH"]])
    made = Repository(tmp_path / "project", environment)
    made.write({"suites/conftest.py": VIRTUAL, "src/project/__init__.py": CODE, "suites/test_it.py": SUITE})
    made.commit()
    return made


def test_a_value_that_is_read_in_each_step_is_found(repository: Repository) -> None:
    """`.item()` has the host wait for the device: where kernels are short, launches no longer overlap."""
    repository.write({"src/project/__init__.py": CODE + "        a[0].item()\n"})
    file = repository.folder.parent / "verdict.json"
    done = repository.gate("--base", "main", "--json", file)
    assert done.returncode == 1, done.stdout + done.stderr
    assert states(repository.verdict()) == {"test_step[sim-infer]": "same", "test_step[sim-train]": "slower"}
    assert all(each["state"] == "same" for each in repository.verdict()["controls"])
    repository.assert_nothing_left()

"""GPU samples are joined to the blocks that they speak for, and to no others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks import gpus
from bench.events import GpuSample, Visit
from bench.records import Block, Case
from bench.storage.journal import Journal
from bench.storage.store import read_run
from bench.storage.tables import Run
from tests import made_cases, recorded_runs

UUID = "GPU-00000000-1111-2222-3333-444444444444"
ON_GPU = "suites/test_x.py::test_x[cuda]"
ON_HOST = "suites/test_x.py::test_x[cpu]"

QUIET = GpuSample("cuda:7", "", 0.0)  # torch's number of a device and NVML's need not agree: the UUID decides
HOT = replace(QUIET, throttle=("sw_thermal_slowdown", "power_cap"))
SHARED = replace(QUIET, foreign_processes=1)
CAPPED = replace(QUIET, throttle=("power_cap",))


def block(start_s: float, wall_s: float) -> Block:
    return Block("wall", start_s, 1, wall_s, delay_s=0.0)


def run_with(tmp_path: Path, seen: GpuSample, uuid: str = UUID) -> Run:
    """Both devices have a block of 10 ms in each of seconds 0 to 9; from 5 s on the GPU shows `seen`, and its
    blocks take twice as long."""
    header = recorded_runs.header()
    devices = [{"device": "cuda", "uuid": UUID, "name": "Example"}]
    header = replace(header, environment={**header.environment, "devices": devices})
    with Journal.create(tmp_path / "run", header) as journal:
        for case, device in ((ON_GPU, "cuda"), (ON_HOST, "cpu")):
            journal.append(Case(case, "test_x", "x", device))
            slow = 2 if device == "cuda" else 1
            blocks = [block(s, 0.010 * (slow if s >= 5 else 1)) for s in range(10)]
            journal.append(Visit(case, 0, blocks=tuple(blocks)))
        for tenth in range(100):
            sample = seen if tenth >= 48 else QUIET
            journal.append(replace(sample, uuid=uuid, start_s=tenth / 10))
    return read_run(tmp_path / "run")


def counted(run: Run, case: str) -> list[bool]:
    blocks = AnalyzedRun(run).blocks
    return list(blocks.loc[blocks["case"] == case, "counted"])


@pytest.mark.parametrize(("seen", "note"), [(HOT, "throttled"), (SHARED, "foreign_device_use")])
def test_blocks_beside_heat_or_company_do_not_count(tmp_path: Path, seen: GpuSample, note: str) -> None:
    run = run_with(tmp_path, seen)
    assert counted(run, ON_GPU) == [True] * 5 + [False] * 5
    assert counted(run, ON_HOST) == [True] * 10
    notes = AnalyzedRun(run).blocks["notes"]
    assert notes.str.contains(note).sum() == 5
    of_gpu = AnalyzedRun(run).cases.set_index("case").loc[ON_GPU]
    assert of_gpu["median_s"] == pytest.approx(0.010)
    assert of_gpu["disturbed_share"] == 0.5


def test_a_power_cap_is_a_label(tmp_path: Path) -> None:
    run = run_with(tmp_path, CAPPED)
    assert counted(run, ON_GPU) == [True] * 10
    warnings = AnalyzedRun(run).cases.set_index("case")["warnings"]
    assert "power limit held its clocks down in 50% of the blocks" in warnings[ON_GPU]
    assert "power limit" not in warnings[ON_HOST]


def test_another_device_is_another_device(tmp_path: Path) -> None:
    assert counted(run_with(tmp_path, HOT, uuid="GPU-of-somebody-else"), ON_GPU) == [True] * 10


def test_a_sample_reaches_the_blocks_around_it() -> None:
    blocks = pd.DataFrame({"start_s": [0.0, 1.0, 1.3, 3.0], "wall_s": [0.01, 0.01, 0.01, 2.0]})
    near = gpus._near(blocks, np.array([1.1, 4.0]))
    assert near.tolist() == [False, True, False, True]
    assert not gpus._near(blocks, np.array([])).any()


def test_a_run_without_samples_is_left_as_it_is(tmp_path: Path) -> None:
    run = read_run(recorded_runs.write(tmp_path / "run", made_cases.course()[:4], launches=1))
    assert gpus.noted(run) is run.blocks

"""A profile on the simulated accelerator: device time comes from its own timeline, and to the right case."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from bench.app import profile
from bench.measure.drive import profile_run
from bench.measure.start.process import Spec
from bench.records import Case
from bench.storage import profiles

pytest.importorskip("torch")

SUITE = """
import pytest, torch

@pytest.mark.parametrize("n", [1000, 1_000_000])
def test_zero(benchmark, device, n):
    benchmark(torch.empty(n, device=device).zero_)

def test_step(benchmark, device):
    weight = torch.ones(64, 64, device=device, requires_grad=True)
    images = torch.ones(8, 64)
    optimizer = torch.optim.SGD([weight], lr=0.1)

    def step():
        with torch.profiler.record_function("transfer"):
            moved = images.to(device)
        with torch.profiler.record_function("forward"):
            loss = (moved @ weight).sum()
        with torch.profiler.record_function("backward"):
            loss.backward()
        with torch.profiler.record_function("optimizer"):
            optimizer.step()

    benchmark(step)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profiles of all cases on `sim`."""
    import simulated_accelerator as simulation

    folder = tmp_path_factory.mktemp("simulated")
    (folder / "test_it.py").write_text(SUITE)
    environment = simulation.install(
        tmp_path_factory.mktemp("installed"), simulation.Parameters(virtual=True)
    )
    spec = Spec(
        (str(folder),), directory=folder, rootdir=folder, environment={**environment, "BENCH_DEVICES": "sim"}
    )
    tests = ("test_zero[sim-1000]", "test_zero[sim-1000000]", "test_step[sim]")
    cases = [Case(f"test_it.py::{test}", "test_it", test, "sim") for test in tests]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_run, "py_spy", lambda: None)  # stacks are not needed, and take their time
        assert all(profile.write(folder, spec, cases))
    return folder


def read(run: Path, test: str) -> profiles.Profile:
    folder = profiles.of_case(run, f"test_it.py::{test}")
    assert folder is not None
    return profiles.read(folder)


def launched_s(profile: profiles.Profile, name: str) -> float:
    """Device time a call of what an operator launched."""
    table: pd.DataFrame = profile.operators
    return float(table.loc[(table["name"] == name) & (table["kind"] == "operator"), "device_s"].sum()) / (
        profile.pieces
    )


@pytest.mark.parametrize("n", [1000, 1_000_000])
def test_device_time_is_the_timelines_and_belongs_to_what_launched_it(run: Path, n: int) -> None:
    import simulated_accelerator as simulation

    p = simulation.Parameters()
    found = read(run, f"test_zero[sim-{n}]")
    assert launched_s(found, "aten::zero_") == pytest.approx(p.fixed_s + 4 * n / p.bytes_per_s, rel=1e-3)
    kernels = found.operators[found.operators["kind"] == "kernel"]
    assert list(kernels["name"]) == ["aten::zero_"]
    assert list(kernels["within"]) == ["aten::zero_"]
    assert found.about["device_use"]["busy_s"] == pytest.approx(float(kernels["self_s"].sum()), rel=1e-3)


def test_phases_have_the_device_time_of_what_they_launched(run: Path) -> None:
    import simulated_accelerator as simulation

    p = simulation.Parameters()
    found = read(run, "test_step[sim]")
    of_phase = found.phases.set_index("phase")["device_s"] / found.pieces
    copy_s = p.copy_latency_s + 4 * 8 * 64 / p.copy_bytes_per_s
    product_s = p.fixed_s + 2 * 8 * 64 * 64 / p.flops_per_s
    assert of_phase["transfer"] == pytest.approx(copy_s, rel=1e-3)
    assert of_phase["forward"] > product_s
    assert of_phase["backward"] > product_s
    assert of_phase["optimizer"] > 0
    assert of_phase.get("other", 0.0) == 0


def test_the_device_has_a_track_of_its_own(run: Path) -> None:
    folder = profiles.of_case(run, "test_it.py::test_zero[sim-1000]")
    assert folder is not None
    trace = json.loads(gzip.decompress((folder / profiles.TRACE).read_bytes()))
    work = [event for event in trace["traceEvents"] if event.get("pid") == "sim"]
    assert {event["name"] for event in work} == {"process_name", "aten::zero_"}

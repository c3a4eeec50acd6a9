"""Numbers of a run on the simulated accelerator that must agree with each other, and with what it did."""

from dataclasses import replace
from types import ModuleType

import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Visit
from bench.measure.start.process import Spec
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests import recorded_runs as recorded
from tests.measure.builders import events_of

pytest.importorskip("torch")

SUITE = """
import pytest, torch

def facts(n):
    return {"bytes": 12 * n * n, "flops": 2 * n**3}

@pytest.mark.accelerator
@pytest.mark.parametrize("n", [64, 1000])
def test_matmul(benchmark, device, n):
    a = torch.ones(n, n, device=device)
    benchmark.extra_info |= facts(n)
    benchmark(torch.matmul, a, a)

@pytest.mark.accelerator
def test_matmul_again(benchmark, device):
    a = torch.ones(64, 64, device=device)
    benchmark.extra_info |= facts(64)
    benchmark(torch.matmul, a, a)

@pytest.mark.accelerator
def test_many_launches(benchmark, device):
    a = torch.ones(8, device=device)
    benchmark(lambda: [a.add_(a) for _ in range(5)])

@pytest.mark.accelerator
@pytest.mark.parametrize("trip", ["resident", "inputs", "round_trip"])
def test_trip(benchmark, device, trip):
    here, there = torch.ones(1000), torch.ones(1000, device=device)
    calls = {
        "resident": lambda: there * there,
        "inputs": lambda: here.to(device) * there,
        "round_trip": lambda: (here.to(device) * there).cpu(),
    }
    benchmark(calls[trip])

@pytest.mark.accelerator
def test_few_rounds(benchmark, device):
    a = torch.ones(8, device=device)
    benchmark.pedantic(a.add_, args=(a,), setup=lambda: None, rounds=12)
"""


def undisturbed(visit: Visit) -> Visit:
    """The visit as on an idle machine: the accelerator's clock is its own, what others take is not."""
    blocks = [replace(block, delay_s=0.0, foreign_s=0.0, throttled_s=0.0) for block in visit.blocks]
    return replace(visit, blocks=tuple(blocks))


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> AnalyzedRun:
    import simulated_accelerator as simulation

    folder, out = tmp_path_factory.mktemp("suite"), tmp_path_factory.mktemp("run")
    (folder / "test_it.py").write_text(SUITE)
    environment = simulation.install(
        tmp_path_factory.mktemp("installed"), simulation.Parameters(virtual=True)
    )
    spec = Spec((str(folder),), directory=folder, rootdir=folder, environment=environment)
    with Journal.create(out / "run", recorded.header()) as journal:
        for event in events_of(spec, 2, ceilings=True):
            journal.append(undisturbed(event) if isinstance(event, Visit) else event)
    return AnalyzedRun(read_run(out / "run"))


@pytest.fixture(scope="module")
def cases(analyzed: AnalyzedRun) -> pd.DataFrame:
    frame = analyzed.cases
    return frame.set_index(frame["case"].str.rpartition("::")[2])


@pytest.fixture(scope="module")
def truth() -> ModuleType:
    import simulated_accelerator

    return simulated_accelerator


def test_every_check_compares_something_and_holds(analyzed: AnalyzedRun) -> None:
    checks = {check.name: check for check in analyzed.checkings}
    assert checks["latency"].compared >= 8
    assert checks["identical"].compared >= 1
    assert checks["ceilings"].compared >= 3
    assert [check.contradictions for check in analyzed.checkings] == [(), (), ()]
    assert analyzed.beaten == ()


def test_one_call_and_its_wait_take_no_less_than_calls_back_to_back(cases: pd.DataFrame) -> None:
    assert (cases["latency_s"] >= 0.999 * cases["median_s"]).all()


def test_the_more_is_moved_the_longer_it_takes(cases: pd.DataFrame) -> None:
    trips = [f"test_trip[sim-{trip}]" for trip in ("resident", "inputs", "round_trip")]
    for column in ("median_s", "latency_s"):
        assert cases.loc[trips, column].is_monotonic_increasing


def test_peak_memory_is_what_the_simulation_allocated_for_the_case(cases: pd.DataFrame) -> None:
    assert cases["peak_memory_bytes"]["test_matmul[sim-1000]"] == 2 * 4 * 1000**2
    assert cases["peak_memory_bytes"]["test_matmul_again[sim]"] == 2 * 4 * 64**2


def test_the_device_s_own_time_is_there_for_all_that_does_not_wait(cases: pd.DataFrame) -> None:
    for name in ("test_matmul[sim-64]", "test_many_launches[sim]", "test_trip[sim-resident]"):
        assert cases["device_s"][name] > 0, name
    assert pd.isna(cases["device_s"]["test_trip[sim-round_trip]"])
    assert "each call waits for the device" in cases["warnings"]["test_trip[sim-round_trip]"]


def test_a_few_rounds_are_shared_by_all_kinds_of_block(cases: pd.DataFrame, truth: ModuleType) -> None:
    """One kind used them up, and what the others read was of other calls."""
    p = truth.Parameters()
    case = cases.loc["test_few_rounds[sim]"]
    assert case["latency_s"] == pytest.approx(p.launch_s + p.synchronize_s, rel=0.3)
    assert case["latency_s"] == pytest.approx(case["median_s"], rel=0.05)
    assert case["device_s"] == pytest.approx(truth.memory_s(3 * 8 * 4), rel=0.01)

"""Joules of a call, from the power that a GPU told while a case was measured for long enough."""

import pandas as pd
import pytest

from bench.analyze.estimates.energy import energies
from bench.events import GpuSample, Header
from bench.storage.tables import Run


def run_of(watts: dict[float, float]) -> tuple[Run, pd.DataFrame]:
    """Three cases: one measured for 3 s on cuda, one for 0.2 s, and one on the processor."""
    cases = pd.DataFrame({"device": ["cuda", "cuda", "cpu"]})
    blocks = pd.DataFrame(
        [(0, 0, 0, 10.0, 1.5), (0, 0, 0, 11.5, 1.5), (1, 0, 0, 13.0, 0.2), (2, 0, 0, 14.0, 3.0)],
        columns=["row", "launch", "pass", "start_s", "wall_s"],
    )
    samples = tuple(GpuSample("cuda", "u", at_s, power_w=power) for at_s, power in watts.items())
    return Run(None, Header(), cases, blocks, gpu=samples), blocks


FRAME = pd.DataFrame({"median_s": [1.5, 1e-3, 1.0], "items": [6400.0, 1.0, 1.0]})


def test_a_call_s_energy_is_its_power_times_its_time() -> None:
    """Samples of the first second still show what ran before."""
    run, blocks = run_of({10.1: 100.0, 10.9: 100.0, 11.5: 500.0, 12.5: 700.0, 13.1: 900.0, 15.5: 50.0})
    found = energies(run, blocks, FRAME)
    assert found["joules_per_call"][0] == pytest.approx(600 * 1.5)
    assert found["items_per_joule"][0] == pytest.approx(6400 / 900)


def test_a_short_visit_and_a_processor_tell_nothing() -> None:
    run, blocks = run_of({13.1: 900.0, 15.5: 50.0})
    assert energies(run, blocks, FRAME)["joules_per_call"].isna().all()


def test_without_samples_there_is_no_energy() -> None:
    run, blocks = run_of({})
    assert energies(run, blocks, FRAME)["joules_per_call"].isna().all()

"""What was recorded on a real GPU reads as it should: an NVIDIA H200 beside 16 cores, with torch 2.11.

`reports/example-gpu` is the first round of a default run; the links that its copies cross, which the suites
declare since, were added. `recorded/gate-h200.jsonl.gz` is a gate that was cut after four launches: head's
network had one more ReLU. The path of its Python was taken out.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.doubts import failed_checks, gist
from bench.analyze.gate.pairs import launch_ratios
from tests import RECORDED
from tests.recorded_runs import unpacked

GATE = RECORDED / "gate-h200.jsonl.gz"


@pytest.fixture(scope="module")
def cases(h200: AnalyzedRun) -> pd.DataFrame:
    frame = h200.cases
    return frame.set_index(frame["case"].str.rpartition("::")[2])


def test_the_self_check_passed(h200: AnalyzedRun) -> None:
    assert len(h200.run.checks) == 6
    assert failed_checks(h200.run) == {}


def test_the_device_s_time_is_within_the_host_s(cases: pd.DataFrame) -> None:
    timed = cases[cases["device_s"].notna() & (cases["status"] == "ok")]
    assert len(timed) > 80
    assert (timed["device_s"] < 1.05 * timed["median_s"]).mean() > 0.95


@pytest.mark.parametrize(
    ("case", "bound"),
    [
        ("test_matmul[cuda-16]", "launch"),
        ("test_matmul[cuda-2048]", "compute"),
        ("test_forward[cuda-1]", "host"),
        ("test_training_step[cuda-48]", "host"),
        ("test_to_device[cuda-pinned-67108864]", "transfer"),
    ],
)
def test_what_binds_a_case_is_told(cases: pd.DataFrame, case: str, bound: str) -> None:
    assert cases["bound"][case] == bound


def test_large_products_and_copies_come_near_their_ceilings(cases: pd.DataFrame) -> None:
    for case in ("test_matmul[cuda-2048]", "test_to_device[cuda-pinned-67108864]"):
        assert 0.9 < cases["ceiling_share"][case] < 1.03


def test_a_product_whose_check_failed_has_no_time(cases: pd.DataFrame) -> None:
    failed = cases[cases["status"] == "failed"]
    assert len(failed) == 4
    assert failed.index.str.contains("test_matmul_moved.*8192").all()
    assert failed["median_s"].isna().all()
    said = {gist(message) for message in failed["reason"]}
    assert said == {"AssertionError: relative error 1.7e-06, expected at most 9.5e-07"}


def test_calls_that_wait_have_no_device_time(cases: pd.DataFrame) -> None:
    assert np.isnan(cases["device_s"]["test_to_host[cuda-fresh-67108864]"])
    assert "queue_ran_dry" in str(cases["warnings"]["test_to_host[cuda-fresh-67108864]"])


def test_a_planted_layer_shows_in_wall_time_and_the_controls_stand_still(tmp_path: Path) -> None:
    ratios = (
        launch_ratios(AnalyzedRun(unpacked(GATE, tmp_path)).blocks).median(axis="columns").unstack("kind")
    )
    forward = ratios[ratios.index.str.contains("test_forward")]
    assert len(forward) == 4
    assert forward["wall"].between(np.log(1.07), np.log(1.15)).all()
    assert forward["device"].gt(0.01).all()
    assert ratios["wall"][ratios.index.str.contains("control")].abs().max() < 0.01


def test_without_a_device_time_there_is_no_cold_time(h200: AnalyzedRun, cases: pd.DataFrame) -> None:
    """Of 193 cold blocks 104 ran dry: their wall time, flushes and holds included, read 20 times too long."""
    assert np.isnan(cases["cold_s"]["test_matmul[cuda-512]"])
    assert "no cold time: queue_ran_dry" in cases["warnings"]["test_matmul[cuda-512]"]
    blocks = h200.run.blocks
    cold = blocks[(blocks["kind"] == "cold") & ~blocks["notes"].str.contains("queue_ran_dry")]
    known = cases[cases["cold_s"].notna()]
    failed = set(cases.loc[cases["status"] == "failed", "case"])
    assert set(known["case"]) == set(cold["case"].astype(str)) - failed
    on_device = known[known["device_s"].notna()]
    assert (on_device["cold_s"] < 3 * on_device["device_s"] + 2e-5).all()


def on_device(cases: pd.DataFrame) -> pd.Series:
    return cases["device"].eq("cuda") & (cases["blocks"] > 0)


DEMANDS: dict[str, tuple[Callable[[pd.DataFrame], pd.Series], str]] = {
    "one call and its wait take no less than a call back to back": (
        lambda cases: cases["latency_s"] < 0.95 * cases["median_s"],
        "times a call back to back",
    ),
    "a device has a time of its own": (
        lambda cases: on_device(cases) & cases["device_s"].isna(),
        "no device time: ",
    ),
    "nothing beats a ceiling": (lambda cases: cases["ceiling_share"] > 1.05, "ceiling, which was not raised"),
    "float32 is float32": (
        lambda cases: on_device(cases) & cases["case"].str.contains("resnet18") & (cases["flops"] > 0),
        "made in TF32",
    ),
    "memory is what a case adds": (
        lambda cases: cases["peak_memory_bytes"] - cases["bytes"].fillna(0) > 1e8,
        "peak memory counts what was in use before",
    ),
    "several launches tell how far they differ": (
        lambda cases: cases["launches"] == 1,
        "one launch: how far launches differ is taken from",
    ),
}
"""What the review of this run found violated: where, and the mark that such a row has."""


@pytest.mark.parametrize("demand", DEMANDS)
def test_every_row_that_violates_a_demand_is_marked(cases: pd.DataFrame, demand: str) -> None:
    violates, mark = DEMANDS[demand]
    found = cases[violates(cases)]
    assert len(found), "the review found some"
    assert found.index[~found["warnings"].str.contains(mark)].tolist() == []

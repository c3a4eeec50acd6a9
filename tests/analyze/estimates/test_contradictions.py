"""What in a run cannot be: on the recorded H200 run, where it was, and on made runs, where it was not."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.report import report
from bench.render import contradictions as words
from bench.storage.store import read_run
from tests.made_cases import Made, course
from tests.recorded_runs import write


def named(analyzed: AnalyzedRun) -> pd.DataFrame:
    return analyzed.cases.set_index(analyzed.cases["case"].str.rpartition("::")[2])


def test_every_call_whose_wait_made_it_shorter_is_listed_and_marked(h200: AnalyzedRun) -> None:
    check = {each.name: each for each in h200.checkings}["latency"]
    assert check.compared == 193
    odd = {each.cases[0].rpartition("::")[2] for each in check.contradictions}
    assert {"test_forward[cuda-1]", "test_forward_moved[cuda-round_trip pinned-1]"} <= odd
    cases = named(h200)
    shorter = cases[cases["latency_s"] < 0.93 * cases["median_s"]]
    assert set(shorter.index) <= odd
    assert cases.loc[list(odd), "warnings"].str.contains("times a call back to back").all()


def test_a_launch_ceiling_that_cases_beat_is_raised_and_told(h200: AnalyzedRun) -> None:
    """Measured as 9.4 µs, it lay above 13 cases that it was to bound."""
    launch = next(each for each in h200.beaten if each.kind == "launch")
    assert launch.device == "cuda"
    assert launch.measured == pytest.approx(9.43e-6, rel=0.01)
    assert launch.seen == pytest.approx(5.74e-6, rel=0.01)
    assert launch.raised
    cases = named(h200)
    assert cases["bound"]["test_mul[cuda-16]"] == "launch"
    assert 0.5 < cases["ceiling_share"]["test_mul[cuda-16]"] <= 1


def test_a_product_in_another_precision_is_not_held_against_the_float32_ceiling(h200: AnalyzedRun) -> None:
    cases = named(h200)
    assert cases["bound"]["test_matmul_tf32[cuda-on-4096]"] != "compute", "it read 742 % of it"
    assert cases["bound"]["test_matmul_tf32[cuda-off-4096]"] == "compute"
    unknown = "test_forward_resnet18[cuda-128]"
    assert "the precision is not on record" in cases["warnings"][unknown]
    (compute,) = (each for each in h200.beaten if each.kind == "compute")
    assert not compute.raised


def test_no_share_of_a_ceiling_is_beyond_its_error_unmarked(h200: AnalyzedRun) -> None:
    cases = h200.cases
    above = cases[cases["ceiling_share"] > 1.05]
    assert above["warnings"].str.contains("ceiling, which was not raised").all()
    assert not cases["warnings"].str.contains("memory memory").any()
    assert len(above) == 2


def test_which_memory_a_case_s_data_lie_in_is_told(h200: AnalyzedRun) -> None:
    """50 MB lie in the third of a server's caches, and beyond the first of an H200's."""
    cases = named(h200)
    assert cases["memory_level"]["test_mul[cpu-2048]"] == "L3"
    assert cases["memory_level"]["test_mul[cuda-2048]"] == "L2"
    assert cases["memory_level"]["test_matmul_tf32[cuda-off-4096]"] == "memory"
    assert cases["memory_level"]["test_to_device[cuda-pinned-67108864]"] == "", "it crosses a link"


def test_the_report_says_each_of_them(h200: AnalyzedRun) -> None:
    part = report([h200.run]).runs[0]
    said = " ".join(words.sentences(part))
    for part_of_it in (
        "the launch ceiling of cuda",
        "float32 compute ceiling of cuda",
        "L3 memory",
        "shorter",
    ):
        assert part_of_it in said
    held = dict(words.facts(part))
    assert part.ordered > 50
    assert held["the more is moved in each call, the longer it takes"] == f"{part.ordered} of {part.ordered}"
    assert held["the same call takes the same in every test"] == "not checked: nothing to compare"
    assert held["one call and its wait take no less than a call back to back"].startswith("180 of 193")


def test_the_same_call_in_two_tests_is_held_against_itself(h200: AnalyzedRun) -> None:
    """A run of today says what each call is; this one's tests are told here which of them are alike."""
    alike = r"test_(?:forward_resnet18\[cuda-1\]|forward_modes\[cuda-resnet18-train\])$"
    same = h200.run.cases["case"].str.contains(alike)
    extra = [
        {**facts, "call": "resnet18"} if is_same else facts
        for facts, is_same in zip(h200.run.cases["extra"], same, strict=True)
    ]
    told = AnalyzedRun(replace(h200.run, cases=h200.run.cases.assign(extra=extra)))
    check = {each.name: each for each in told.checkings}["identical"]
    assert (check.compared, check.contradictions) == (1, ()), "one launch each: the intervals are wide"
    assert check.farthest == pytest.approx(1.8, rel=0.1)


def made(tmp_path: Path, seconds: tuple[float, float]) -> AnalyzedRun:
    cases = [
        Made("test_a", name, {"n": 8}, each, extra={"call": "matmul f32[8,8]"})
        for name, each in zip(("one", "other"), seconds, strict=True)
    ]
    return AnalyzedRun(read_run(write(tmp_path, [*cases, *course(None)])))


def test_the_same_call_that_takes_another_time_is_a_contradiction(tmp_path: Path) -> None:
    (found,) = {each.name: each for each in made(tmp_path, (2e-6, 1e-6)).checkings}[
        "identical"
    ].contradictions
    assert [case.rpartition("::")[2] for case in found.cases] == ["test_one[cpu-8]", "test_other[cpu-8]"]
    assert found.ratio == pytest.approx(2, rel=0.05)


def test_the_same_call_that_takes_the_same_is_none(tmp_path: Path) -> None:
    check = {each.name: each for each in made(tmp_path, (1e-6, 1e-6)).checkings}["identical"]
    assert (check.compared, check.contradictions) == (1, ())


def test_a_made_run_on_a_device_contradicts_nothing(tmp_path: Path) -> None:
    analyzed = AnalyzedRun(read_run(write(tmp_path, course("cuda"))))
    latency = {each.name: each for each in analyzed.checkings}["latency"]
    assert latency.compared > 10
    assert latency.contradictions == ()
    assert json.dumps([each.name for each in analyzed.checkings])

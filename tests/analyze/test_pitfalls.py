"""What is slow and no contest tells: found where it is far enough from alike, and known to be."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.analyze.pitfalls import Pitfall, pitfalls
from bench.analyze.questions.standings import standings
from bench.analyze.report import report
from bench.storage import store
from tests import recorded_runs as recorded
from tests.made_cases import Made


def found(folder: Path, cases: Sequence[Made], launches: int = 5) -> list[Pitfall]:
    (part,) = report([store.read_run(recorded.write(folder, cases, launches=launches))]).runs
    return list(part.pitfalls)


def dtypes(**slower: float) -> Iterator[Made]:
    """Products in number formats that take so many times as long as in float32."""
    for dtype, factor in {"float32": 1.0, **slower}.items():
        extra = {"flops": 2e6}
        yield Made("test_03", "matmul_dtype", {"dtype": dtype}, 1e-4 * factor, extra=extra, first_factor=1)


def test_a_number_format_that_is_far_slower(tmp_path: Path) -> None:
    (only,) = found(tmp_path / "run", [*dtypes(float16=60.0, float64=2.1, bfloat16=0.6)])
    assert (only.rule, only.subject, only.device) == ("dtype", "float16", "cpu")
    assert only.low < 60 < only.high
    assert only.seconds == pytest.approx(6e-3, rel=0.05)
    assert "float16" in only.case
    assert "float32" in only.against


def test_what_meets_in_a_contest_is_told_as_the_contest_tells_it(tmp_path: Path) -> None:
    """Elsewhere on the page: one thing has one number."""
    cases = [replace(made, params={**made.params, "n": 512}) for made in dtypes(float16=60.0, float64=5.0)]
    met = [replace(made, axis="n", between="dtype") for made in cases]
    (part,) = report([store.read_run(recorded.write(tmp_path / "run", met, launches=5))]).runs
    (standing,) = standings(part.answers, part.cases)
    told = {each.contender[0][1]: (each.ratio, each.low, each.high) for each in standing.others}
    assert {each.subject for each in part.pitfalls} == set(told)
    for each in part.pitfalls:
        assert (each.factor, each.low, each.high) == pytest.approx(told[each.subject])
    for each in pitfalls(part.cases, part.analyzed.blocks):
        assert (each.factor, each.low, each.high) != pytest.approx(told[each.subject])


def test_an_interval_has_to_clear_the_threshold(tmp_path: Path) -> None:
    cases = list(dtypes(float16=4.4))
    assert found(tmp_path / "sure", cases)
    (part,) = report([store.read_run(recorded.write(tmp_path / "noisy", cases, launch_noise=0.4))]).runs
    (row,) = part.cases[part.cases["dtype"] == "float16"].to_dict("records")
    assert row["high_s"] / row["low_s"] > 1.5
    assert not part.pitfalls


def test_loading_is_matched_by_operation_and_parameters(tmp_path: Path) -> None:
    ways = [
        Made("test_04", "tensors", {"way": way}, s, first_factor=1)
        for way, s in {"DataLoader": 7e-3, "slices": 1e-3}.items()
    ]
    batches = [
        Made("test_04", "first_batch", {"num_workers": n}, 5e-3 * (1 + 5 * n), children=n, first_factor=1)
        for n in (0, 1, 4)
    ]
    loader, first = sorted(
        found(tmp_path / "run", [*ways, *batches]), key=lambda each: each.rule, reverse=True
    )
    assert (loader.rule, round(loader.factor)) == ("tensors", 7)
    assert (first.rule, first.subject, round(first.factor)) == (
        "first_batch",
        "4",
        21,
    )  # of one rule the worst
    assert not found(tmp_path / "half", ways[:1])


def test_first_calls_matter_where_somebody_waits(tmp_path: Path) -> None:
    slow = Made("test_07", "compiled", {"way": "compile"}, 5e-3, first_factor=100)
    quick = Made("test_07", "eager", {"way": "eager"}, 1e-5, first_factor=1000)
    (only,) = found(tmp_path / "run", [slow, quick])
    assert (only.rule, only.operation) == ("first_call", "compiled")
    assert only.low < 100 < only.high
    assert not found(tmp_path / "few", [slow], launches=2)  # no interval


def test_a_device_that_waits_for_its_host(tmp_path: Path) -> None:
    (part,) = report([store.read_run(recorded.write(tmp_path / "run", [
        Made("test_05", "training_step", {"batch": batch}, 1e-3, "cuda", extra={"items": batch})
        for batch in (1, 64)
    ]))]).runs  # fmt: skip
    assert not part.pitfalls
    cases = part.cases.assign(device_s=part.cases["median_s"] / 10)
    (only,) = pitfalls(cases, part.analyzed.blocks)
    assert (only.rule, only.device, only.factor) == ("waits", "cuda", pytest.approx(10))
    assert only.case.endswith("64]")  # the largest that waits tells most


def test_cold_data_by_the_devices_own_clock(tmp_path: Path) -> None:
    case = Made("test_03", "mul", {"n": 64}, 1e-4, "cuda")
    (part,) = report([store.read_run(recorded.write(tmp_path / "run", [case]))]).runs
    blocks = part.analyzed.blocks
    warm = blocks[(blocks["kind"] == "device") & blocks["counted"]]
    cold = warm.assign(kind="cold", device_s=4 * warm["device_s"])
    assert not [each for each in pitfalls(part.cases, blocks) if each.rule == "cold"]
    both = blocks.merge(cold, how="outer")
    (only,) = (each for each in pitfalls(part.cases, both) if each.rule == "cold")
    assert only.low < 4 < only.high

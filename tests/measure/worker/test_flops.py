"""FLOPs are counted by torch, in a call of their own, where a case declares them."""

import sys
from pathlib import Path

import pytest

from bench.events import Visit
from bench.measure.worker.timing import counted_flops
from tests.measure.builders import measured, suite

torch = pytest.importorskip("torch")


def test_a_product_has_two_flops_for_each_multiplication() -> None:
    a, b = torch.ones(3, 4), torch.ones(4, 5)
    assert counted_flops(lambda _: a @ b) == 2 * 3 * 4 * 5


def test_what_torch_does_not_count_is_unknown() -> None:
    a = torch.ones(3)
    assert counted_flops(lambda _: a * a) is None
    assert counted_flops(lambda _: sum([1, 2])) is None


def test_a_call_that_refuses_is_unknown() -> None:
    def refuse(_calls: int) -> None:
        raise RuntimeError("not under a dispatch mode")

    assert counted_flops(refuse) is None


def test_without_torch_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    assert counted_flops(lambda _: pytest.fail("called")) is None
    assert "torch" not in sys.modules


def test_a_worker_counts_once_what_a_case_declares(tmp_path: Path) -> None:
    events = measured(
        suite(
            tmp_path,
            """
import torch

def test_product(benchmark):
    a = torch.ones(8, 8)
    benchmark.extra_info["flops"] = 2 * 8**3
    benchmark(torch.matmul, a, a)

def test_undeclared(benchmark):
    a = torch.ones(8, 8)
    benchmark(torch.matmul, a, a)
""",
        )
    )
    counted: dict[str, list[object]] = {}
    for event in events:
        if isinstance(event, Visit):
            assert event.outcome == "passed", event.message
            name = event.case.rpartition("::")[2]
            counted.setdefault(name, []).append(event.extra_info.get("counted_flops"))
    assert counted["test_product"][0] == 2 * 8**3
    assert set(counted["test_product"][1:]) == {None}
    assert set(counted["test_undeclared"]) == {None}

"""Every short benchmark runs once on the processor, does the work that it declares, and makes no layers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, smoke

pytest.importorskip("torch")
pytest.importorskip("torchvision")

SUITE = """
import torch

def test_right(benchmark):
    a = torch.ones(64, 64)
    benchmark.extra_info |= {"flops": 2 * 64**3, "bytes": 3 * 4 * 64**2}
    benchmark(torch.matmul, a, a + 1)

def test_in_place(benchmark):
    a = torch.ones(64)
    benchmark.extra_info["bytes"] = 2 * 4 * 64
    benchmark(a.add_, 5)

def test_broadcast(benchmark):
    a, b = torch.ones(64, 64), torch.ones(64).expand(64, 64)
    benchmark.extra_info["bytes"] = 2 * 4 * 64**2 + 4 * 64
    benchmark(torch.add, a, b)

def test_steps_between_do_not_count(benchmark):
    a = torch.ones(64)
    benchmark.extra_info["bytes"] = 2 * 4 * 64
    benchmark(lambda: ((a + 1) * 2).neg_())

def test_view(benchmark):
    a = torch.ones(64, 64)
    benchmark.extra_info["bytes"] = 2 * 4 * 64 * 8
    benchmark(lambda: a[:, :8].contiguous())

def test_wrong_flops(benchmark):
    a = torch.ones(64, 64)
    benchmark.extra_info["flops"] = 64**3
    benchmark(torch.matmul, a, a)

def test_wrong_bytes(benchmark):
    a = torch.ones(64)
    benchmark.extra_info["bytes"] = 4 * 64
    benchmark(torch.add, a, 1)

def test_makes_layers(benchmark):
    benchmark(lambda: torch.nn.NLLLoss()(torch.nn.LogSoftmax(1)(torch.ones(1, 2)), torch.tensor([0])))

def test_build(benchmark):
    benchmark(torch.nn.ReLU)
"""


def test_declared_work_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_made.py").write_text(SUITE)
    options = ["-p", "tests.suites.declared", "-p", "no:cacheprovider", "--benchmark-disable", "-q", "-rf"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(tmp_path), *options],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "3 failed, 6 passed" in done.stdout, done.stdout
    assert "262144 FLOPs declared, 524288 counted" in done.stdout
    assert "256 bytes declared, 512 counted" in done.stdout
    assert "2 layers made in the call" in done.stdout


LONG = (
    "epoch", "accuracy", "resnet18", "load", "batch", "network", "transfer", "export", "prefetch", "workers",
    "compile", "exchange",
)  # fmt: skip
"""Benchmarks that take a second or more, and declare no work that others do not; `nox -s smoke` runs them."""


def test_every_short_benchmark_runs_once_and_does_what_it_declares(data_folder: Path, tmp_path: Path) -> None:
    environment = smoke.environment("cpu", tmp_path) | {"BENCH_DATA": str(data_folder)}
    command = smoke.command(["-p", "tests.suites.declared", "-rfE", "-k", f"not ({' or '.join(LONG)})"])
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_what_smoke_leaves_out_is_there() -> None:
    """No exception outlives its benchmark."""
    names = {
        line.strip().removeprefix("def ").partition("(")[0]
        for suite in (ROOT / "suites").rglob("test_*.py")
        for line in suite.read_text("utf-8").splitlines()
        if line.startswith("def test_")
    }
    for patterns in smoke.EXCEPTIONS.values():
        for pattern in patterns:
            name = re.split(r"[\[*]", pattern)[0]
            assert any(each.startswith(name) for each in names), pattern

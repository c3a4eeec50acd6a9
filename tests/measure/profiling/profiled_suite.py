"""Tiny suites to be profiled, and their profiles."""

from pathlib import Path

from bench.app import profile
from bench.measure.start.process import Spec
from bench.records import Case
from bench.storage import profiles
from tests import ROOT

EPOCH = f"""
import sys, torch
sys.path.append({str(ROOT)!r})
from suites.test_06_epoch import Training

IMAGES = 640

class Pictures(torch.utils.data.Dataset):
    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        return torch.rand(1, 28, 28), index % 10

def test_epoch(benchmark):
    training = Training(Pictures(), 32, "cpu")
    training.start_over()
    benchmark(training.epoch)
"""

SUITE = """
import os, torch

def test_step(benchmark):
    weight = torch.ones(8, 8, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)

    def step():
        optimizer.zero_grad()
        (weight @ weight).sum().backward()
        optimizer.step()

    benchmark(step)

def test_only_twice(benchmark):
    calls = []
    benchmark.pedantic(lambda: calls.append(torch.ones(3) + 1), rounds=2)
    assert len(calls) <= 2

def test_set_up(benchmark):
    benchmark.pedantic(torch.relu, setup=lambda: ((torch.ones(100).exp(),), {}), rounds=3)

def test_fails_when_profiled(benchmark):
    def call():
        if "BENCH_PROFILING" in os.environ:
            raise ValueError("not while I am watched")
    benchmark(call)
"""

PLAIN = """
def test_sum(benchmark):
    benchmark(sum, range(100_000))
"""


def spec(folder: Path, text: str = SUITE) -> Spec:
    (folder / "test_it.py").write_text(text)
    return Spec((str(folder),), directory=folder, rootdir=folder)


def profiled(folder: Path, *tests: str, text: str = SUITE) -> list[profiles.Profile]:
    """The profiles of some tests of a suite."""
    cases = [Case(f"test_it.py::{test}", "test_it", test, "cpu") for test in tests]
    list(profile.write(folder, spec(folder, text), cases))
    return [
        profiles.read(found)
        for test in tests
        for found in [profiles.of_case(folder, f"test_it.py::{test}")]
        if found
    ]

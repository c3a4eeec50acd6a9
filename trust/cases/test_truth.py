"""Operations whose time on the simulated accelerator is known: `truth_s`, from its own parameters."""

import math

import pytest
import torch
from simulated_accelerator import compute_s, memory_s, timeline


@pytest.mark.parametrize("n", [64, 256, 512])
def test_product(benchmark, device, n):
    a = torch.ones(n, n, device=device)
    out = torch.empty_like(a)
    benchmark.extra_info |= {"flops": 2 * n**3, "truth_s": compute_s(2 * n**3)}
    benchmark(lambda: torch.mm(a, a, out=out))


@pytest.mark.parametrize("n", [10_000, 1_000_000, 10_000_000])
def test_copy(benchmark, device, n):
    a = torch.ones(n, device=device)
    out = torch.empty_like(a)
    benchmark.extra_info |= {"bytes": 2 * a.nbytes, "truth_s": memory_s(2 * a.nbytes)}
    benchmark(out.copy_, a)


@pytest.mark.parametrize("n", [1_000_000])
def test_sequence(benchmark, device, n):
    a = torch.ones(n, device=device)

    def three():
        a.mul_(1)
        a.add_(0)
        a.relu_()

    benchmark.extra_info["truth_s"] = 3 * memory_s(2 * a.nbytes)
    benchmark(three)


calls_made = 0


def test_lazy(benchmark):
    """A call whose first thousands in a process take longer, as lazy set-up and compilers make them."""
    benchmark.extra_info["truth_s"] = 10e-6

    def call():
        global calls_made
        calls_made += 1
        timeline.charge(10e-6 * (1 + 2 * math.exp(-calls_made / 4000)))

    benchmark(call)

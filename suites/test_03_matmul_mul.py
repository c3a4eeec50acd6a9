"""Matrix product against elementwise product: the course's `@` and `*`.

Both read two n x n matrices and write a third; the matrix product does 2n³ operations on them, the
elementwise one n². So the first is bound by arithmetic, the second by memory.
"""

import operator
from contextlib import contextmanager

import numpy as np
import pytest

from .memory import TRIPS, with_trip
from .products import check_matmul, matrices, moved, work
from .sizes import MATRICES, MATRICES_ON_CPU

torch = pytest.importorskip("torch")

NUMPY = pytest.param("numpy", marks=pytest.mark.isolate("numpy"))


@contextmanager
def numpy_threads(count):
    """Has numpy multiply with so many threads, where threadpoolctl is installed; yields how many do."""
    try:
        import threadpoolctl
    except ImportError:
        yield "as many as numpy takes; threadpoolctl, which would set them, is not installed"
        return
    with threadpoolctl.threadpool_limits(count, "blas"):
        yield count


@pytest.mark.crossover(axis="n", between="device")
@pytest.mark.parametrize("n", MATRICES)
def test_matmul(benchmark, device, n):
    """Square matrix product: the work inside every Linear layer."""
    a, b = matrices(n, device)
    benchmark.extra_info |= work("matmul", n) | moved(n)
    result = benchmark(torch.matmul, a, b)
    check_matmul(result, a, b)


@pytest.mark.crossover(axis="n", between="device")
@pytest.mark.parametrize("n", MATRICES)
def test_mul(benchmark, device, n):
    """Elementwise product of two square matrices: what an activation or a mask costs."""
    a, b = matrices(n, device)
    benchmark.extra_info |= work("mul", n) | moved(n)
    result = benchmark(torch.mul, a, b)
    assert torch.equal(result[0].cpu(), a[0].cpu() * b[0].cpu())


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="trip")
@pytest.mark.parametrize("n", MATRICES)
@pytest.mark.parametrize("trip", TRIPS)
def test_matmul_moved(benchmark, device, trip, n):
    """Square matrix product of matrices that every call has to bring to the device first."""
    a, b = matrices(n)
    benchmark.extra_info |= {"flops": 2 * n**3, "resident": "matmul"}
    result = benchmark(with_trip(torch.matmul, (a, b), device, trip))
    check_matmul(result, a, b)


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="trip")
@pytest.mark.parametrize("n", MATRICES)
@pytest.mark.parametrize("trip", TRIPS)
def test_mul_moved(benchmark, device, trip, n):
    """Elementwise product of square matrices that every call has to bring to the device first."""
    a, b = matrices(n)
    benchmark.extra_info |= {"flops": n**2, "resident": "mul"}
    result = benchmark(with_trip(torch.mul, (a, b), device, trip))
    assert torch.equal(result[0].cpu(), a[0] * b[0])


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="product")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("product", ["matmul", "mul"])
def test_matmul_against_mul(benchmark, device, product, n):
    """Matrix product beside elementwise product, on the same matrices."""
    a, b = matrices(n, device)
    benchmark.extra_info |= work(product, n)
    result = benchmark(getattr(torch, product), a, b)
    assert result.shape == (n, n)


@pytest.mark.parametrize("way", ["a @ b", "torch.matmul", "out="])
def test_ways_to_matmul(benchmark, device, way):
    """The course's three ways to write a matrix product."""
    a, b = matrices(512, device)
    out = torch.empty_like(a)
    benchmark.extra_info |= work("matmul", 512)
    if way == "a @ b":
        result = benchmark(operator.matmul, a, b)
    elif way == "torch.matmul":
        result = benchmark(torch.matmul, a, b)
    else:
        result = benchmark(torch.matmul, a, b, out=out)
        assert result is out
    check_matmul(result, a, b)


@pytest.mark.parametrize("way", ["a * b", "torch.mul", "out=", "in place"])
def test_ways_to_mul(benchmark, device, way):
    """The course's ways to write an elementwise product, and the one in place."""
    a, b = matrices(1024, device)
    b = b.sign()  # of size one, so that products in place, repeated, neither vanish nor overflow
    out = torch.empty_like(a)
    expected = (a * b).abs()
    benchmark.extra_info |= work("mul", 1024)
    if way == "a * b":
        result = benchmark(operator.mul, a, b)
    elif way == "torch.mul":
        result = benchmark(torch.mul, a, b)
    elif way == "out=":
        result = benchmark(torch.mul, a, b, out=out)
    else:
        benchmark.extra_info["footprint_bytes"] = 2 * a.nbytes  # it writes over what it reads
        result = benchmark(a.mul_, b)
        assert result is a
    assert torch.equal(result.abs(), expected)


@pytest.mark.crossover(axis="n", between="engine")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("engine", ["torch", NUMPY])
def test_matmul_numpy_torch(benchmark, engine, n):
    """Matrix product by numpy and by torch, both on the CPU, with as many threads."""
    a, b = matrices(n).numpy()
    benchmark.extra_info |= work("matmul", n)
    if engine == "numpy":
        with numpy_threads(torch.get_num_threads()) as threads:
            benchmark.extra_info["numpy_threads"] = threads
            result = torch.from_numpy(benchmark(np.matmul, a, b))
    else:
        result = benchmark(torch.matmul, torch.from_numpy(a), torch.from_numpy(b))
    check_matmul(result, torch.from_numpy(a), torch.from_numpy(b))


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="engine")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("engine", ["torch", NUMPY])
def test_mul_numpy_torch(benchmark, engine, n):
    """Elementwise product by numpy and by torch, both on one thread of the CPU: numpy uses no more."""
    a, b = matrices(n).numpy()
    torch.set_num_threads(1)  # put back by the fixture `settings`
    benchmark.extra_info |= {**work("mul", n), "torch_threads": 1, "numpy_threads": 1}
    if engine == "numpy":
        result = benchmark(np.multiply, a, b)
    else:
        result = benchmark(torch.mul, torch.from_numpy(a), torch.from_numpy(b)).numpy()
    assert np.array_equal(result, a * b)


@pytest.mark.crossover(axis="n", between="threads")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("threads", ["1", "all"], indirect=True)
def test_matmul_threads(benchmark, threads, n):
    """Matrix product on one thread and on all."""
    a, b = matrices(n)
    benchmark.extra_info |= {**work("matmul", n), "torch_threads": threads}
    result = benchmark(torch.matmul, a, b)
    check_matmul(result, a, b)


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="threads")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("threads", ["1", "all"], indirect=True)
def test_mul_threads(benchmark, threads, n):
    """Elementwise product on one thread and on all."""
    a, b = matrices(n)
    benchmark.extra_info |= {**work("mul", n), "torch_threads": threads}
    result = benchmark(torch.mul, a, b)
    assert torch.equal(result[0], a[0] * b[0])

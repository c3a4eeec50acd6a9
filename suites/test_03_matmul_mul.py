"""Matrix product against elementwise product: the course's `@` and `*`.

Both read two n x n matrices and write a third; the matrix product does 2n³ operations on them, the
elementwise one n². So the first is bound by arithmetic, the second by memory.
"""

import operator

import numpy as np
import pytest

from .memory import TRIPS, random_tensor, with_trip
from .sizes import MATRICES, MATRICES_ON_CPU, MATRICES_TF32

torch = pytest.importorskip("torch")

NUMPY = pytest.param("numpy", marks=pytest.mark.isolate("numpy"))


DTYPES = [
    "float32",
    "bfloat16",
    *(pytest.param(name, marks=pytest.mark.preset("default")) for name in ("float64", "float16")),
]


def work(product, n, itemsize=4):
    """Operations, and bytes read and written, of one product of two n x n matrices."""
    return {"flops": 2 * n**3 if product == "matmul" else n**2, "bytes": 3 * n * n * itemsize}


def moved(n, itemsize=4):
    """Bytes that have to reach a device for a product of two n x n matrices, and that come back."""
    return {"input_bytes": 2 * n * n * itemsize, "output_bytes": n * n * itemsize}


def matrices(n, device="cpu", dtype=torch.float32):
    """Two random square matrices."""
    return random_tensor(2, n, n, device=device).to(dtype)


def check_matmul(result, a, b):
    """Compares with double precision: eight roundings of the result's type, of long sums a quarter of √n.

    A sum's error grows with √n; on an H200 8192 products were 15 roundings off.
    """
    roundings = max(8, len(a) ** 0.5 / 4)
    error, tolerance = relative_error(result, a, b), roundings * torch.finfo(result.dtype).eps
    assert error < tolerance, f"relative error {error:.2g}, expected at most {tolerance:.2g}"


def relative_error(result, a, b, columns=64):
    """How far the first row's first columns are from a product in double precision on the CPU."""
    expected = a[0].cpu().double() @ b[:, :columns].cpu().double()
    return ((result[0, :columns].cpu().double() - expected).norm() / expected.norm()).item()


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
        result = benchmark(a.mul_, b)
        assert result is a
    assert torch.equal(result.abs(), expected)


@pytest.mark.crossover(axis="n", between="engine")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("engine", ["torch", NUMPY])
def test_matmul_numpy_torch(benchmark, engine, n):
    """Matrix product by numpy and by torch, both on the CPU."""
    a, b = matrices(n).numpy()
    benchmark.extra_info |= work("matmul", n)
    if engine == "numpy":
        result = torch.from_numpy(benchmark(np.matmul, a, b))
    else:
        result = benchmark(torch.matmul, torch.from_numpy(a), torch.from_numpy(b))
    check_matmul(result, torch.from_numpy(a), torch.from_numpy(b))


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="n", between="engine")
@pytest.mark.parametrize("n", MATRICES_ON_CPU)
@pytest.mark.parametrize("engine", ["torch", NUMPY])
def test_mul_numpy_torch(benchmark, engine, n):
    """Elementwise product by numpy and by torch, both on the CPU."""
    a, b = matrices(n).numpy()
    benchmark.extra_info |= work("mul", n)
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


@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_dtype(benchmark, device, dtype):
    """Matrix product in numbers of 4, 2 and 8 bytes: how much speed fewer digits buy."""
    a, b = matrices(256, device)
    try:
        a, b = a.to(getattr(torch, dtype)), b.to(getattr(torch, dtype))
        torch.matmul(a[:8, :8], b[:8, :8])
    except (RuntimeError, TypeError) as error:  # MPS raises TypeError for float64
        pytest.skip(f"{device} multiplies no {dtype} matrices: {error}")
    benchmark.extra_info |= work("matmul", 256, a.itemsize)
    result = benchmark(torch.matmul, a, b)
    check_matmul(result, a, b)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="tf32")
@pytest.mark.parametrize("n", MATRICES_TF32)
@pytest.mark.parametrize("tf32", ["off", "on"])
def test_matmul_tf32(benchmark, set_flag, device, tf32, n):
    """Matrix product of float32 with TensorFloat-32 off and on: inputs rounded to 10 bits, for speed."""
    if torch.device(device).type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        pytest.skip(f"{device} has no TensorFloat-32; NVIDIA GPUs of compute capability 8.0 and later have")
    a, b = matrices(n, device)
    benchmark.extra_info |= work("matmul", n)
    set_flag(torch.backends.cuda.matmul, "fp32_precision", "tf32" if tf32 == "on" else "ieee")
    result = benchmark(torch.matmul, a, b)
    error = relative_error(result, a, b)
    assert (error > 1e-5) == (tf32 == "on"), f"relative error {error:.2g}: TensorFloat-32 is not {tf32}"

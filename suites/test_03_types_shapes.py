"""Matrix products in other types of numbers and of other shapes, and an elementwise one that no cache holds.

Fewer digits make a product faster only where it keeps the device busy: so n goes up to what does.
"""

import pytest

from .memory import last_level_cache_bytes, random_tensor, skip_unless_it_fits
from .precision import TF32, skip_unless_tf32
from .products import check_matmul, matrices, relative_error, work
from .sizes import MATRICES_OF_DTYPES, MATRICES_OF_DTYPES_ON_CPU, MATRICES_TF32, kept_for

torch = pytest.importorskip("torch")

DTYPES = [
    "float32",
    "bfloat16",
    *(pytest.param(name, marks=pytest.mark.preset("default")) for name in ("float64", "float16")),
]


@pytest.mark.crossover(axis="n", between="dtype")
@pytest.mark.parametrize("n", MATRICES_OF_DTYPES_ON_CPU)
@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_dtype(benchmark, dtype, n):
    """Matrix product on the CPU in numbers of 4, 2 and 8 bytes: how much speed fewer digits buy."""
    time_matmul_of(benchmark, "cpu", dtype, n)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="dtype")
@pytest.mark.parametrize("n", MATRICES_OF_DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_matmul_dtype_on_device(benchmark, device, dtype, n):
    """Matrix product on a device in other types: a small one takes as long in any, that of its launch."""
    skip_unless_it_fits(device, 4 * n * n * 8)
    time_matmul_of(benchmark, device, dtype, n)


def time_matmul_of(benchmark, device, dtype, n):
    """Times a product in a type of numbers; skips where the device multiplies none."""
    a, b = matrices(n, device)
    try:
        a, b = a.to(getattr(torch, dtype)), b.to(getattr(torch, dtype))
        torch.matmul(a[:8, :8], b[:8, :8])
    except (RuntimeError, TypeError) as error:  # MPS raises TypeError for float64
        pytest.skip(f"{device} multiplies no {dtype} matrices: {error}")
    benchmark.extra_info |= work("matmul", n, a.itemsize)
    result = benchmark(torch.matmul, a, b)
    check_matmul(result, a, b)


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="tf32")
@pytest.mark.parametrize("n", MATRICES_TF32)
@pytest.mark.parametrize("tf32", TF32)
def test_matmul_tf32(benchmark, device, tf32, n):
    """Matrix product of float32 with TensorFloat-32 off and on: inputs rounded to 10 bits, for speed."""
    skip_unless_tf32(device)
    a, b = matrices(n, device)
    benchmark.extra_info |= work("matmul", n)
    result = benchmark(torch.matmul, a, b)
    error = relative_error(result, a, b)
    assert (error > 1e-5) == (tf32 == "on"), f"relative error {error:.2g}: TensorFloat-32 is not {tf32}"


SHAPES = {  # rows, inner size, columns
    "A @ A.T": (1024, 1024, 1024),
    "tall": (16_384, 64, 64),
    "vector": (4096, 4096, 1),
    "batch of 64": (128, 128, 128),
}
MORE_SHAPES = {"thin": (64, 16_384, 64)}


@pytest.mark.preset("default")
@pytest.mark.parametrize("shape", [*SHAPES, *kept_for("thorough", MORE_SHAPES)])
def test_matmul_shapes(benchmark, device, shape):
    """Matrix product of other shapes: the course's A @ A.T, tall and thin ones, a vector, a batch."""
    rows, inner, columns = (SHAPES | MORE_SHAPES)[shape]
    batch = (64,) if shape == "batch of 64" else ()
    a = random_tensor(*batch, rows, inner, device=device)
    b = a.T if shape == "A @ A.T" else random_tensor(*batch, inner, columns, device=device)
    count = 64 if batch else 1
    benchmark.extra_info |= {
        "flops": 2 * count * rows * inner * columns,
        "bytes": 4 * count * (rows * inner + inner * columns + rows * columns),
    }
    result = benchmark(torch.matmul, a, b)
    check_matmul(*((result[0], a[0], b[0]) if batch else (result, a, b)))


@pytest.mark.preset("default")
def test_mul_beyond_cache(benchmark, device):
    """Elementwise product of vectors that no cache of the device holds: what its memory can do."""
    n = last_level_cache_bytes(device) // 4  # each of the three vectors fills the last cache
    skip_unless_it_fits(device, 12 * n)
    a, b = random_tensor(n, device=device), random_tensor(n, device=device)
    out = torch.empty_like(a)
    benchmark.extra_info |= {"flops": n, "bytes": 12 * n, "n": n}
    result = benchmark(torch.mul, a, b, out=out)
    assert torch.equal(result[:64].cpu(), a[:64].cpu() * b[:64].cpu())

"""Number by number: adding in place or not, broadcasting, choosing, converting.

Such an operation takes as long as its numbers need to come from memory and go back. Memory for a new result
is often the larger part: the operating system clears it page by page when it is first touched.
"""

import numpy as np
import pytest

from ..memory import random_tensor
from ..sizes import NUMBERS, ROWS

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4
MILLION = 2**20
CLASSES = 10

ADDED = {
    "x + 5": lambda x, _: x + 5,
    "add_": lambda x, _: x.add_(5),
    "out=": lambda x, ready: torch.add(x, 5, out=ready),
}


@pytest.mark.crossover(axis="n", between="result")
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("result", ADDED)
def test_add(benchmark, device, result, n):
    """Five added to every number: into new memory, in place (`add_`), into memory that is ready (`out=`)."""
    numbers = torch.zeros(n, device=device)
    ready = torch.ones(n, device=device)
    benchmark.extra_info["bytes"] = 2 * n * FLOAT_BYTES
    total = benchmark(ADDED[result], numbers, ready)
    assert (total[0] % 5 == 0) & (total == total[0]).all()
    assert (total is numbers) == (result == "add_")


@pytest.mark.crossover(axis="n", between="library")
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_multiply_shared(benchmark, library, n):
    """The course's `np.multiply(x, 2, out=x)`, which a tensor on the same memory sees; and torch's."""
    array = np.zeros(n, dtype=np.float32)
    tensor = torch.from_numpy(array)
    benchmark.extra_info["bytes"] = 2 * n * FLOAT_BYTES
    if library == "numpy":
        benchmark(np.multiply, array, 2, out=array)
    else:
        benchmark(torch.mul, tensor, 2, out=tensor)
    array[0] = 7
    assert tensor[0] == 7


@pytest.mark.crossover(axis="n", between="operand")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("operand", ["broadcast", "repeated"])
def test_add_row(benchmark, device, operand, n):
    """One row added to every row of a square matrix: broadcast, or from a matrix that repeats it."""
    matrix, row = random_tensor(n, n, device=device), random_tensor(n, device=device)
    other = row if operand == "broadcast" else row.repeat(n, 1)
    benchmark.extra_info["bytes"] = (2 * n**2 + other.numel()) * FLOAT_BYTES
    total = benchmark(torch.add, matrix, other)
    assert torch.equal(total[-1], matrix[-1] + row)


CHOSEN = {
    "relu": lambda x: x.relu(),
    "clamp": lambda x: x.clamp(min=0),
    "where": lambda x: torch.where(x > 0, x, 0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "times mask": lambda x: x * (x > 0),
}


@pytest.mark.crossover(axis="n", between="choosing")
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("choosing", CHOSEN)
def test_negatives_to_zero(benchmark, device, choosing, n):
    """Every negative number replaced by zero: by one operation made for it, or by way of a mask."""
    numbers = random_tensor(n, device=device)
    benchmark.extra_info["bytes"] = 2 * n * FLOAT_BYTES
    positive = benchmark(CHOSEN[choosing], numbers)
    assert torch.equal(positive.cpu(), numbers.cpu().clamp(min=0))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int64", "uint8", "bool"])
def test_convert(benchmark, device, dtype):
    """A million numbers of 4 bytes converted to another type."""
    numbers = torch.arange(MILLION, dtype=torch.float32, device=device) % 2
    other = getattr(torch, dtype)
    try:
        numbers[:8].to(other)
    except (RuntimeError, TypeError) as error:  # MPS raises TypeError for float64
        pytest.skip(f"{device} has no numbers of type {dtype}: {str(error).partition('. ')[0]}")
    benchmark.extra_info["bytes"] = MILLION * (FLOAT_BYTES + other.itemsize)
    converted = benchmark(numbers.to, other)
    assert converted.dtype == other
    assert torch.equal(converted.cpu().float(), numbers.cpu())


COUNTED = {
    "bool, sum": lambda classes, labels: (classes == labels).sum().item(),
    "float, sum": lambda classes, labels: (classes == labels).type(torch.float).sum().item(),
    "count_nonzero": lambda classes, labels: torch.count_nonzero(classes == labels).item(),
}


@pytest.mark.crossover(axis="n", between="counting")
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("counting", COUNTED)
def test_count(benchmark, device, counting, n):
    """How many answers are right: the course makes floats of them first (`.type(torch.float)`)."""
    classes = torch.arange(n, device=device) % CLASSES
    labels = torch.zeros_like(classes)
    benchmark.extra_info["items"] = n
    assert benchmark(COUNTED[counting], classes, labels) == -(-n // CLASSES)

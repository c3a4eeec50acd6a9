"""From many numbers to few: sums, the largest, products of many matrices; and a number for Python.

`.item()`, `.tolist()` and `bool()` hand a number to Python. That needs its value, so the host waits there for
all that a device still has to do.
"""

import pytest

from ..memory import random_tensor
from ..sizes import BATCHES_OF_PARTS, LISTED, PRODUCTS, REPEATS, ROWS, SORTED

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4
CLASSES = 10
SIDE = 32  # of each of many matrices
TOP = 10

DIMENSIONS = {"columns": 0, "rows": 1, "everything": None}


@pytest.mark.crossover(axis="n", between="along")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
@pytest.mark.parametrize("along", DIMENSIONS)
def test_sum(benchmark, device, along, layout, n):
    """The sums of a square matrix's columns, of its rows, or of all: along memory or across it."""
    matrix = random_tensor(n, n, device=device)
    matrix = matrix.T if layout == "transposed" else matrix
    sums = 1 if along == "everything" else n
    benchmark.extra_info["bytes"] = (n**2 + sums) * FLOAT_BYTES
    total = benchmark(matrix.sum, DIMENSIONS[along])
    assert torch.allclose(total.sum().cpu().double(), matrix.cpu().double().sum(), atol=n / 8)


READ = {
    "item()": lambda total: total.item(),
    "float()": float,
    "bool()": bool,
    "tolist()": lambda total: total.tolist(),
    "cpu()": lambda total: total.cpu(),
    "numpy()": lambda total: total.cpu().numpy(),
}


@pytest.mark.parametrize("reading", READ)
def test_read_one_number(benchmark, device, reading):
    """One number of a tensor for Python: the host waits for the device until it is there."""
    total = torch.ones(3, 4, device=device).sum()
    answer = benchmark(READ[reading], total)
    assert answer == (True if reading == "bool()" else 12)


WRITTEN = {"tensor": str, "numpy": lambda tensor: str(tensor.cpu().numpy())}


@pytest.mark.crossover(axis="n", between="written")
@pytest.mark.parametrize("n", LISTED)
@pytest.mark.parametrize("written", WRITTEN)
def test_text(benchmark, device, written, n):
    """What `print(tensor)` has to do first: its numbers as text, of many the first and last three."""
    numbers = torch.arange(n, device=device) % 4 / 4
    text = benchmark(WRITTEN[written], numbers)
    assert "0.25" in text
    assert ("..." in text) == (n > 1000)


@pytest.mark.crossover(axis="steps", between="reading")
@pytest.mark.parametrize("steps", REPEATS)
@pytest.mark.parametrize("reading", ["every step", "once"])
def test_running_total(benchmark, device, reading, steps):
    """The course's `test_loss += loss.item()`: read at every step, or summed up and read at the end."""
    losses = [torch.full((), 0.5, device=device) for _ in range(steps)]
    benchmark.extra_info["items"] = steps
    if reading == "every step":
        total = benchmark(lambda: sum(loss.item() for loss in losses))
    else:
        total = benchmark(lambda: sum(losses).item())
    assert total == steps / 2


PICKED = {
    "argmax": lambda scores: scores.argmax(1),
    "max": lambda scores: scores.max(1).indices,
    "topk": lambda scores: scores.topk(1, dim=1).indices[:, 0],
}


@pytest.mark.crossover(axis="batch", between="picking")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("picking", PICKED)
def test_predicted_class(benchmark, device, picking, batch):
    """The course's `argmax(1)`: of each image's ten scores the place of the highest."""
    scores = torch.rand(batch, CLASSES, device=device)
    best = torch.arange(batch, device=device) % CLASSES
    scores[torch.arange(batch, device=device), best] = 2.0
    benchmark.extra_info["items"] = batch
    assert torch.equal(benchmark(PICKED[picking], scores), best)


TEN = {
    "topk": lambda numbers: numbers.topk(TOP).values,
    "sort": lambda numbers: numbers.sort(descending=True).values[:TOP],
}


@pytest.mark.crossover(axis="n", between="finding")
@pytest.mark.parametrize("n", SORTED)
@pytest.mark.parametrize("finding", TEN)
def test_largest_ten(benchmark, device, finding, n):
    """The ten largest of many numbers: found by `topk`, or the first ten after sorting all."""
    numbers = torch.randperm(n).float().to(device)
    benchmark.extra_info["items"] = n
    assert benchmark(TEN[finding], numbers).tolist() == [*range(n - 1, n - 1 - TOP, -1)]


IN_ONE_CALL = {
    "loop": lambda a, b: torch.stack([one @ other for one, other in zip(a, b, strict=True)]),
    "bmm": torch.bmm,
    "matmul": torch.matmul,
    "einsum": lambda a, b: torch.einsum("bij,bjk->bik", a, b),
}


@pytest.mark.crossover(axis="batch", between="product")
@pytest.mark.parametrize("batch", PRODUCTS)
@pytest.mark.parametrize("product", IN_ONE_CALL)
def test_many_products(benchmark, device, product, batch):
    """Many products of matrices of 32 x 32: one by one, or all in one call."""
    a, b = random_tensor(2, batch, SIDE, SIDE, device=device)
    benchmark.extra_info |= {"flops": 2 * batch * SIDE**3, "bytes": 3 * a.nbytes, "items": batch}
    products = benchmark(IN_ONE_CALL[product], a, b)
    assert torch.allclose(products[-1].cpu(), a[-1].cpu() @ b[-1].cpu(), atol=0.05)  # TF32 has three digits

"""Views and copies: slicing, indexing, transposing, reshaping, joining.

A view is another way to look at the same memory, so that its size does not matter. Indices, masks and joins
copy; so does `reshape` where the numbers do not lie in the order that is asked for.
"""

import pytest

from ..memory import random_tensor
from ..sizes import ROWS

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4

VIEWS = {
    "x[0]": lambda x: x[0],
    "x[1:-1]": lambda x: x[1:-1],
    "x[:, 0]": lambda x: x[:, 0],
    "x.T": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "view": lambda x: x.view(-1),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "squeeze": lambda x: x.squeeze(),
    "expand": lambda x: x.expand(8, -1, -1),
    "chunk": lambda x: x.chunk(2)[0],
}


@pytest.mark.parametrize("view", VIEWS)
def test_view(benchmark, device, view):
    """The same numbers seen in another way: nothing is copied."""
    matrix = random_tensor(1024, 1024, device=device)
    looked_at = matrix[None] if view == "squeeze" else matrix  # as a grey image has one colour to drop
    seen = benchmark(VIEWS[view], looked_at)
    matrix.fill_(7)
    assert (seen == 7).all(), "it does not see what is written to the matrix"


def test_transpose_in_place(benchmark, device):
    """`x.t_()`: the same tensor, transposed for good. Its numbers stay where they are."""
    matrix = random_tensor(512, 1024, device=device)
    matrix[3, 5] = 7
    result = benchmark(matrix.t_)
    assert result is matrix
    assert 7 in (matrix[3, 5], matrix[5, 3])


PICKED = {
    "slice": lambda x, _even, _mask: x[::2],
    "slice, copied": lambda x, _even, _mask: x[::2].clone(),
    "indices": lambda x, even, _mask: x[even],
    "index_select": lambda x, even, _mask: x.index_select(0, even),
    "mask": lambda x, _even, mask: x[mask],
}


@pytest.mark.crossover(axis="n", between="picking")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("picking", PICKED)
def test_every_second_row(benchmark, device, picking, n):
    """Every second row of a square matrix: a view of them, or a copy by slice, by indices or by a mask."""
    matrix = random_tensor(n, n, device=device)
    even = torch.arange(0, n, 2, device=device)
    mask = torch.arange(n, device=device) % 2 == 0
    if picking != "slice":
        benchmark.extra_info["items"] = len(even)
    rows = benchmark(PICKED[picking], matrix, even, mask)
    assert torch.equal(rows, matrix[::2])


@pytest.mark.crossover(axis="n", between="layout")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_reshape(benchmark, device, layout, n):
    """A square matrix as one row of numbers: a view, or once it is transposed a copy."""
    matrix = random_tensor(n, n, device=device)
    if layout == "columns":
        matrix = matrix.T
        benchmark.extra_info["bytes"] = 2 * n**2 * FLOAT_BYTES
    flat = benchmark(matrix.reshape, -1)
    assert torch.equal(flat, matrix.flatten())


@pytest.mark.crossover(axis="n", between="operand")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("operand", ["transposed", "transposed and copied"])
def test_product_with_transposed(benchmark, device, operand, n):
    """The course's `x @ x.T`, as it is and with the transposed matrix laid out anew by `contiguous()`."""
    matrix = random_tensor(n, n, device=device)
    benchmark.extra_info["flops"] = 2 * n**3
    if operand == "transposed":
        product = benchmark(lambda: matrix @ matrix.T)
    else:
        product = benchmark(lambda: matrix @ matrix.T.contiguous())
    assert torch.allclose(product[0, 0], matrix[0].square().sum(), rtol=1e-2)  # TF32 has three digits


JOINED = {
    "cat": lambda parts, _: torch.cat(parts, dim=1),
    "stack": lambda parts, _: torch.stack(parts, dim=1).flatten(1),
    "hstack": lambda parts, _: torch.hstack(parts),
    "cat out=": lambda parts, ready: torch.cat(parts, dim=1, out=ready),
}


@pytest.mark.crossover(axis="n", between="joining")
@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("joining", JOINED)
def test_join(benchmark, device, joining, n):
    """Two square matrices side by side: `cat` along the columns, and other ways to join."""
    matrix = random_tensor(n, n, device=device)
    ready = torch.empty(n, 2 * n, device=device)
    benchmark.extra_info["bytes"] = 4 * n**2 * FLOAT_BYTES
    joined = benchmark(JOINED[joining], [matrix, matrix + 1], ready)
    assert torch.equal(joined[:, :n], matrix)
    assert torch.equal(joined[:, n:], matrix + 1)

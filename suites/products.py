"""Products of random matrices: what they work, what they move, and whether they are right."""

import pytest

from .memory import random_tensor

torch = pytest.importorskip("torch")


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

    Summed one after the other, n random products err by 0.15 √n roundings: each partial sum, of which the
    k-th is as large as √k, is rounded by a fifth of one. Over 64 numbers that comes to 0.15 ± 0.02; on an
    H200 products of 8192 rows were 15 roundings off.
    """
    roundings = max(8, a.shape[-1] ** 0.5 / 4)
    error, tolerance = relative_error(result, a, b), roundings * torch.finfo(result.dtype).eps
    assert error < tolerance, f"relative error {error:.2g}, expected at most {tolerance:.2g}"


def relative_error(result, a, b, numbers=64):
    """How far the first numbers are from a product in double precision on the CPU, as a share of their size.

    They are the first row's, or, where rows are shorter, those of as many rows as have so many: the size of a
    single one may be near 0.
    """
    columns = min(numbers, b.shape[-1])
    rows = -(-numbers // columns)
    expected = a[:rows].cpu().double() @ b[:, :columns].cpu().double()
    return ((result[:rows, :columns].cpu().double() - expected).norm() / expected.norm()).item()

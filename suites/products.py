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

    A sum's error grows with √n; on an H200 8192 products were 15 roundings off.
    """
    roundings = max(8, len(a) ** 0.5 / 4)
    error, tolerance = relative_error(result, a, b), roundings * torch.finfo(result.dtype).eps
    assert error < tolerance, f"relative error {error:.2g}, expected at most {tolerance:.2g}"


def relative_error(result, a, b, columns=64):
    """How far the first row's first columns are from a product in double precision on the CPU."""
    expected = a[0].cpu().double() @ b[:, :columns].cpu().double()
    return ((result[0, :columns].cpu().double() - expected).norm() / expected.norm()).item()

"""numpy arrays and tensors: ways that share one memory, and ways that copy it.

Sharing costs the same at every size; a copy costs its bytes. Half of what a copy into new memory costs is
often the memory, which the operating system clears page by page when it is first touched: so copies are
timed into `fresh` and into `reused` memory.
"""

import numpy as np
import pytest

from .sizes import VECTORS

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4
LARGE = 2**22  # 16 MiB of floats: more than the second-level cache of any processor


@pytest.mark.crossover(axis="n", between="way")
@pytest.mark.parametrize("n", VECTORS)
@pytest.mark.parametrize("way", ["from_numpy", "tensor"])
def test_share_or_copy(benchmark, way, n):
    """A numpy array made into a tensor, by sharing its memory (from_numpy) or by copying it (tensor)."""
    array = np.arange(n, dtype=np.float32)
    copies = way == "tensor"
    benchmark.extra_info["shares_memory"] = not copies
    if copies:
        benchmark.extra_info["bytes"] = 2 * n * FLOAT_BYTES
    tensor = benchmark(getattr(torch, way), array)
    assert shares_memory(tensor, array) != copies


SHARING_AN_ARRAY = {
    "from_numpy": torch.from_numpy,
    "as_tensor": torch.as_tensor,
    "from_dlpack": torch.from_dlpack,
    "frombuffer": lambda array: torch.frombuffer(array, dtype=torch.float32),
}


@pytest.mark.parametrize("way", SHARING_AN_ARRAY)
@pytest.mark.parametrize("n", [pytest.param(2**10, marks=pytest.mark.preset("default")), LARGE])
def test_share_array(benchmark, way, n):
    """A numpy array seen as a tensor: nothing is copied, so its size does not matter."""
    array = np.arange(n, dtype=np.float32)
    tensor = benchmark(SHARING_AN_ARRAY[way], array)
    assert shares_memory(tensor, array)


SHARING_A_TENSOR = {"numpy()": torch.Tensor.numpy, "asarray": np.asarray, "from_dlpack": np.from_dlpack}


@pytest.mark.preset("default")
@pytest.mark.parametrize("way", SHARING_A_TENSOR)
@pytest.mark.parametrize("n", [2**10, LARGE])
def test_share_tensor(benchmark, way, n):
    """A tensor seen as a numpy array: nothing is copied, so its size does not matter."""
    tensor = torch.arange(n, dtype=torch.float32)
    array = benchmark(SHARING_A_TENSOR[way], tensor)
    assert shares_memory(tensor, array)


COPYING = {
    "tensor": lambda source, _: torch.tensor(source.numpy()),
    "clone": lambda source, _: source.clone(),
    "copy_ fresh": lambda source, _: torch.empty_like(source).copy_(source),
    "copy_ reused": lambda source, reused: reused.copy_(source),
    "numpy copy": lambda source, _: torch.from_numpy(source.numpy().copy()),
}


@pytest.mark.parametrize("way", COPYING)
@pytest.mark.parametrize("n", [pytest.param(2**16, marks=pytest.mark.preset("default")), LARGE])
def test_copy(benchmark, way, n):
    """The same numbers in memory of their own."""
    source = torch.arange(n, dtype=torch.float32)
    reused = torch.ones(n)
    benchmark.extra_info |= {"bytes": 2 * n * FLOAT_BYTES, "shares_memory": False}
    copy = benchmark(COPYING[way], source, reused)
    assert torch.equal(copy, source)
    assert not shares_memory(copy, source.numpy())


def shares_memory(tensor, array) -> bool:
    """Whether both start at the same address and each sees what is written to the other."""
    before = array[0].item()
    array[0] = before + 1
    seen = tensor[0].item() == array[0]
    tensor[0] = before
    seen_back = array[0] == before
    array[0] = before
    same_address = tensor.data_ptr() == array.__array_interface__["data"][0]
    assert seen == seen_back == same_address
    return same_address

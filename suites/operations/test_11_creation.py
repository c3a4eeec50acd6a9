"""Creating tensors: from lists, filled, like another one, and on a device.

The numbers of a Python list are objects all over the memory, visited one by one. An array of numpy can be
shared instead (`suites/test_01_numpy_tensors.py`), and what a device needs can be made there.
"""

import numpy as np
import pytest

from ..sizes import LISTED, NUMBERS

torch = pytest.importorskip("torch")

FLOAT_BYTES = 4
MILLION = 2**20
COLUMNS = 16  # numbers in each of the lists that a nested list is made of

FROM_A_LIST = {
    "torch.tensor": torch.tensor,
    "as_tensor": torch.as_tensor,
    "numpy first": lambda numbers: torch.from_numpy(np.array(numbers, dtype=np.float32)),
}


@pytest.mark.crossover(axis="n", between="making")
@pytest.mark.parametrize("n", LISTED)
@pytest.mark.parametrize("nesting", ["flat", "nested"])
@pytest.mark.parametrize("making", FROM_A_LIST)
def test_from_list(benchmark, making, nesting, n):
    """A Python list of numbers, or of lists of them, made into a tensor."""
    numbers = np.random.default_rng(0).random(n, dtype=np.float32)
    expected = numbers if nesting == "flat" else numbers.reshape(-1, min(n, COLUMNS))
    benchmark.extra_info["items"] = n
    tensor = benchmark(FROM_A_LIST[making], expected.tolist())
    assert tensor.dtype == torch.float32
    assert np.array_equal(tensor.numpy(), expected)


FILLED = {
    "empty": torch.empty,
    "zeros": torch.zeros,
    "ones": torch.ones,
    "full": lambda n, device: torch.full((n,), 0.5, device=device),
    "arange": lambda n, device: torch.arange(n, dtype=torch.float32, device=device),
    "rand": torch.rand,
    "randn": torch.randn,
}


@pytest.mark.parametrize("filling", FILLED)
def test_fill(benchmark, device, filling):
    """A million numbers made where they are to be: left as they are, all the same, counted or random."""
    if filling != "empty":
        benchmark.extra_info["bytes"] = MILLION * FLOAT_BYTES
    tensor = benchmark(FILLED[filling], MILLION, device=device)
    assert tensor.shape == (MILLION,)
    lowest, highest = {"zeros": (0, 0), "ones": (1, 1), "full": (0.5, 0.5)}.get(filling, (-MILLION, MILLION))
    assert filling == "empty" or (lowest <= tensor.min() and tensor.max() <= highest)


LIKE = {
    "empty_like": lambda tensor: torch.empty_like(tensor, dtype=torch.float32),
    "ones_like": lambda tensor: torch.ones_like(tensor, dtype=torch.float32),
    "rand_like": lambda tensor: torch.rand_like(tensor, dtype=torch.float32),
    "new_ones": lambda tensor: tensor.new_ones(tensor.shape, dtype=torch.float32),
}


@pytest.mark.parametrize("filling", LIKE)
def test_like(benchmark, device, filling):
    """As many numbers as another tensor has, where it is, and of another type: `rand_like(x, dtype=)`."""
    whole = torch.arange(MILLION, device=device)
    if filling != "empty_like":
        benchmark.extra_info["bytes"] = MILLION * FLOAT_BYTES
    tensor = benchmark(LIKE[filling], whole)
    assert tensor.dtype == torch.float32
    assert tensor.shape == whole.shape
    assert tensor.device == whole.device


MADE_FOR_A_DEVICE = {
    "made there": lambda n, device: torch.rand(n, device=device),
    "made and moved": lambda n, device: torch.rand(n).to(device),
}


@pytest.mark.accelerator
@pytest.mark.crossover(axis="n", between="place")
@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("place", MADE_FOR_A_DEVICE)
def test_random_on_device(benchmark, device, place, n):
    """Random numbers for a device: made on it, or made by the processor and moved there."""
    benchmark.extra_info["items"] = n
    tensor = benchmark(MADE_FOR_A_DEVICE[place], n, device)
    assert tensor.device.type == torch.device(device).type
    assert (tensor.min() >= 0) & (tensor.max() < 1)


ATTRIBUTES = {
    "shape": lambda tensor: tensor.shape,
    "size()": lambda tensor: tensor.size(),
    "dtype": lambda tensor: tensor.dtype,
    "device": lambda tensor: tensor.device,
    "requires_grad": lambda tensor: tensor.requires_grad,
}


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attribute(benchmark, device, attribute):
    """Asking a tensor for its shape, its type, its device: none of them waits for the device."""
    tensor = torch.ones(2, 3, device=device)
    expected = {"dtype": torch.float32, "device": tensor.device, "requires_grad": False}
    assert benchmark(ATTRIBUTES[attribute], tensor) == expected.get(attribute, (2, 3))


@pytest.mark.accelerator
def test_is_available(benchmark, device):
    """Asking whether there is an accelerator, as the course does before it uses one."""
    assert benchmark(torch.get_device_module(device).is_available)

"""The ways in which torch computes a forward pass and a training step.

A small network's step is Python's: a device waits for the next of a hundred small launches. Fewer launches
help (a graph, a compiled model), and so do larger batches.
"""

import pytest

from .network import build, forward_flops, images_for
from .precision import TF32, skip_unless_tf32
from .sizes import BATCHES_RESNET18
from .training import time_training_step
from .ways import WAYS, captured, computing, dtype_of, prepared

torch = pytest.importorskip("torch")

BATCH = {"mlp": 64, "resnet18": 1}  # those of the parts of a step


@pytest.mark.parametrize(("network", "way"), WAYS)
def test_ways_to_forward(benchmark, device, network, way):
    """Predictions for a batch of images, the ways in which torch computes them."""
    batch = BATCH[network]
    model, images = build(network).to(device).eval(), images_for(network, batch, device)
    model, images = prepared(way, model, images)
    benchmark.extra_info |= {"items": batch, "flops": forward_flops(network, batch), **dtype_of(way)}
    with torch.inference_mode(), computing(way, device):
        expected = model(images)
        if way == "cuda graph":
            predictions = benchmark(captured(lambda: model(images)))
        else:
            predictions = benchmark(model, images)
    torch.testing.assert_close(predictions, expected)


@pytest.mark.parametrize(("network", "way"), WAYS)
def test_ways_to_training_step(benchmark, device, network, way):
    """One whole training step, the ways in which torch computes it."""
    time_training_step(benchmark, device, network, BATCH[network], way)


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="tf32")
@pytest.mark.parametrize("batch", BATCHES_RESNET18)
@pytest.mark.parametrize("tf32", TF32)
def test_training_step_resnet18_tf32(benchmark, device, tf32, batch):
    """One whole training step of resnet18 with TensorFloat-32 off, and on, torch's own choice for it."""
    skip_unless_tf32(device)
    benchmark.extra_info["tf32"] = tf32
    time_training_step(benchmark, device, "resnet18", batch)


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="tf32")
@pytest.mark.parametrize("batch", BATCHES_RESNET18)
@pytest.mark.parametrize("tf32", TF32)
def test_forward_resnet18_tf32(benchmark, device, tf32, batch):
    """resnet18's predictions with TensorFloat-32 off, and on, torch's own choice for it."""
    skip_unless_tf32(device)
    model, images = build("resnet18").to(device), images_for("resnet18", batch, device)
    benchmark.extra_info |= {"flops": forward_flops("resnet18", batch), "items": batch, "tf32": tf32}
    assert benchmark(model, images).shape == (batch, 1000)

"""The layers of the course's network one by one, and ways to call and to build them.

A layer does arithmetic and calls Python: a small batch is held back by the calls, a large one by arithmetic.
"""

import pytest

from ..memory import random_tensor
from ..network import NeuralNetwork, forward_flops, images_for
from ..sizes import BATCHES_OF_PARTS, BATCHES_OF_SEVERAL

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

FLOAT_BYTES = 4
PIXELS, HIDDEN, CLASSES = 784, 512, 10

LAYERS = {
    "Flatten": nn.Flatten,
    "Linear": lambda: nn.Linear(PIXELS, HIDDEN),
    "ReLU": nn.ReLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "Softmax": lambda: nn.Softmax(dim=1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=1),
    "Dropout": nn.Dropout,
    "BatchNorm1d": lambda: nn.BatchNorm1d(HIDDEN),
    "LayerNorm": lambda: nn.LayerNorm(HIDDEN),
}

SHAPES = {"Flatten": (1, 28, 28), "Linear": (PIXELS,), "Softmax": (CLASSES,), "LogSoftmax": (CLASSES,)}
"""Of one image, as the layer gets it; the others get the hidden numbers."""


@pytest.mark.crossover(axis="batch", between="device")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("layer", LAYERS)
def test_layer(benchmark, device, layer, batch):
    """One layer computes its answer for a batch."""
    module = LAYERS[layer]().to(device)
    numbers = random_tensor(batch, *SHAPES.get(layer, (HIDDEN,)), device=device)
    if layer == "BatchNorm1d":
        module.eval()  # to train it on a single image is no use
    benchmark.extra_info["items"] = batch
    if layer == "Linear":
        benchmark.extra_info["flops"] = 2 * batch * PIXELS * HIDDEN
    if layer in ("ReLU", "Sigmoid", "Tanh", "Softmax", "LogSoftmax"):
        benchmark.extra_info["bytes"] = 2 * numbers.nbytes
    with torch.no_grad():
        answer = benchmark(module, numbers)
    if "Softmax" in layer:
        assert torch.allclose(
            (answer.exp() if layer == "LogSoftmax" else answer).sum(1).mean().cpu(), torch.ones(())
        )
    assert len(answer) == batch
    assert answer.isfinite().all()


@pytest.mark.crossover(axis="batch", between="call")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("call", ["model(X)", "model.forward(X)"])
def test_call(benchmark, device, call, batch):
    """`model(X)` against `model.forward(X)`: the first also runs hooks, and is what everyone should write."""
    model = NeuralNetwork().to(device)
    images = images_for("mlp", batch, device)
    benchmark.extra_info |= {"items": batch, "flops": forward_flops("mlp", batch)}
    with torch.no_grad():
        answer = benchmark(model if call == "model(X)" else model.forward, images)
        assert torch.equal(answer, model(images))


@pytest.mark.crossover(axis="batch", between="mode")
@pytest.mark.parametrize("batch", BATCHES_OF_SEVERAL)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_mode(benchmark, device, mode, batch):
    """Normalization and dropout in train and in eval mode, no gradients in either: see `model.eval()`."""
    model = nn.Sequential(nn.BatchNorm1d(HIDDEN), nn.Dropout()).to(device).train(mode == "train")
    numbers = random_tensor(batch, HIDDEN, device=device)
    benchmark.extra_info["items"] = batch
    with torch.no_grad():
        answer = benchmark(model, numbers)
    dropped = (answer == 0).float().mean().item()
    assert 0.3 < dropped < 0.7 if mode == "train" else dropped < 0.1


RELU = {
    "module": lambda x, module: module(x),
    "functional": lambda x, _: functional.relu(x),
    "in place": lambda x, _: functional.relu(x, inplace=True),
}


@pytest.mark.crossover(axis="batch", between="form")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("form", RELU)
def test_relu(benchmark, device, form, batch):
    """ReLU of the hidden numbers: as a module, as a function, or in place of what it gets."""
    numbers = random_tensor(batch, HIDDEN, device=device)
    module = nn.ReLU()
    benchmark.extra_info |= {"items": batch, "bytes": 2 * numbers.nbytes}
    answer = benchmark(RELU[form], numbers, module)
    assert (answer is numbers) == (form == "in place")
    assert answer.min() == 0


LINEAR = {
    "nn.Linear": lambda x, linear: linear(x),
    "x @ W.T + b": lambda x, linear: x @ linear.weight.T + linear.bias,
    "addmm": lambda x, linear: torch.addmm(linear.bias, x, linear.weight.T),
}


@pytest.mark.crossover(axis="batch", between="form")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("form", LINEAR)
def test_linear(benchmark, device, form, batch):
    """Weights times inputs plus bias: the layer, or the sum that the course explains it by."""
    linear = nn.Linear(PIXELS, HIDDEN).to(device)
    numbers = random_tensor(batch, PIXELS, device=device)
    benchmark.extra_info |= {"items": batch, "flops": 2 * batch * PIXELS * HIDDEN}
    with torch.no_grad():
        answer = benchmark(LINEAR[form], numbers, linear)
        assert torch.allclose(answer, linear(numbers), atol=0.01)  # TF32 has three digits


BUILT = {
    "drawn": lambda device: NeuralNetwork().to(device),
    "drawn there": lambda device: made_on(device),
    "not drawn": lambda device: made_on("meta").to_empty(device=device),
}


def made_on(device):
    """The course's network, its weights made on the device."""
    with torch.device(device):
        return NeuralNetwork()


@pytest.mark.crossover(axis="networks", between="building")
@pytest.mark.parametrize("networks", [1, 4])
@pytest.mark.parametrize("building", BUILT)
def test_build(benchmark, device, building, networks):
    """Networks built on a device: drawn by the processor and moved, drawn there, or not drawn at all."""
    benchmark.extra_info["items"] = networks
    models = benchmark(lambda: [BUILT[building](device) for _ in range(networks)])
    assert len(models) == networks
    assert {weight.device.type for weight in models[0].parameters()} == {torch.device(device).type}


@pytest.mark.accelerator
@pytest.mark.parametrize("direction", ["to the device", "to the host"])
def test_model_to(benchmark, device, direction):
    """The course's `model.to(device)`: 2.7 MB of weights moved, one tensor after the other."""
    weights = [weight.detach() for weight in NeuralNetwork().to(device).parameters()]
    if direction == "to the device":
        weights = [weight.cpu() for weight in weights]
    target = device if direction == "to the device" else "cpu"
    benchmark.extra_info["items"] = len(weights)
    moved = benchmark(lambda: [weight.to(target) for weight in weights])
    assert moved[0].device.type == torch.device(target).type


def test_named_parameters(benchmark):
    """Going through a network's weights by name and size, as the course prints them."""
    model = NeuralNetwork()
    sizes = benchmark(lambda: {name: weight.size() for name, weight in model.named_parameters()})
    assert sizes["linear_relu_stack.0.weight"] == (HIDDEN, PIXELS)

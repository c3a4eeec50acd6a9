"""Keeping a model: its weights as a dictionary, in a file and back; and the model exported.

What is loaded was written a moment before, so that it comes from the system's memory, not from a disk: what
is timed is the format. A file that is mapped (`mmap`) is not read until its numbers are used: so they are.
"""

from functools import cache

import pytest

from ..memory import random_tensor
from ..network import NeuralNetwork, forward_flops
from ..sizes import BATCHES_OF_PARTS, WIDTHS
from ..test_07_onnxruntime import onnx_file  # noqa: F401 - a fixture

torch = pytest.importorskip("torch")
nn = torch.nn


def network(width, device="cpu"):
    """Two square layers of so many numbers each way; on `meta` they have shapes, and no weights are drawn."""
    with torch.device("meta" if device == "meta" else "cpu"):
        model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
    return model.to(device)


def weight_bytes(model):
    """What the weights take."""
    return sum(weight.nbytes for weight in model.parameters())


@pytest.mark.parametrize("method", ["state_dict", "eval"])
def test_prepare(benchmark, device, method):
    """`model.state_dict()`, which names the weights and copies none; `model.eval()` before inference."""
    model = NeuralNetwork().to(device)
    answer = benchmark(getattr(model, method))
    if method == "eval":
        assert not answer.training
    else:
        assert answer["linear_relu_stack.0.bias"].data_ptr() == model.linear_relu_stack[0].bias.data_ptr()


@pytest.mark.crossover(axis="width", between="taking")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("taking", ["copied", "assigned"])
def test_load_state_dict(benchmark, device, taking, width):
    """Weights put into a network: copied into those that it has, or taken in their place (`assign=True`)."""
    model, other = network(width, device), network(width, device)
    weights = other.state_dict()
    if taking == "copied":
        benchmark.extra_info["bytes"] = 2 * weight_bytes(model)
    benchmark(model.load_state_dict, weights, assign=taking == "assigned")
    assert torch.equal(model[0].weight, other[0].weight)


@pytest.mark.crossover(axis="width", between="kept")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kept", ["state_dict", "whole model"])
def test_save(benchmark, device, tmp_path, kept, width):
    """`torch.save`: of the weights, as the course does it, or of the model with its code's names."""
    model = network(width, device)
    path = tmp_path / "model.pth"
    benchmark.extra_info["items"] = sum(weight.numel() for weight in model.parameters())
    benchmark(lambda: torch.save(model.state_dict() if kept == "state_dict" else model, path))
    assert path.stat().st_size > weight_bytes(model)


LOADED = {
    "weights_only": {"weights_only": True},
    "unpickled": {"weights_only": False},
    "mmap": {"weights_only": True, "mmap": True},
}


@pytest.mark.crossover(axis="width", between="loading")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("loading", LOADED)
def test_load(benchmark, tmp_path, loading, width):
    """`torch.load` of weights, and a look at each: safely, with all of pickle, or mapped from the file."""
    model = network(width)
    path = tmp_path / "weights.pth"
    torch.save(model.state_dict(), path)
    benchmark.extra_info["items"] = sum(weight.numel() for weight in model.parameters())

    def load_and_look():
        weights = torch.load(path, **LOADED[loading])
        return weights, [numbers.max() for numbers in weights.values()]

    weights, largest = benchmark(load_and_look)
    assert torch.equal(weights["0.weight"], model[0].weight)
    assert largest[0] == model[0].weight.max()


@pytest.mark.crossover(axis="width", between="loading")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("loading", ["drawn, then loaded", "loaded into none"])
def test_model_from_file(benchmark, device, tmp_path, loading, width):
    """From a file to a model's first answer: the course's way, and one that first draws no weights."""
    path = tmp_path / "weights.pth"
    kept, inputs = network(width), torch.ones(1, width)
    torch.save(kept.state_dict(), path)
    given = inputs.to(device)

    def drawn():
        model = network(width, device)
        model.load_state_dict(torch.load(path))
        return model.eval()

    def into_none():
        model = network(width, "meta")
        model.load_state_dict(torch.load(path, mmap=True), assign=True)
        return model.to(device).eval()

    load = drawn if loading.startswith("drawn") else into_none
    with torch.no_grad():
        answer = benchmark(lambda: load()(given))
        assert torch.allclose(answer.cpu(), kept(inputs), atol=0.01)  # TF32 has three digits


@pytest.mark.preset("default")
def test_torch_export(benchmark):
    """`torch.export`: the network traced into a graph that runs without its Python code."""
    model, image = NeuralNetwork().eval(), torch.rand(2, 1, 28, 28)
    program = benchmark.pedantic(torch.export.export, args=(model, (image,)), rounds=1)
    assert torch.allclose(program.module()(image), model(image), atol=1e-5)


@cache
def with_its_graph(device):
    """The course's network on a device, and the graph that is exported of it: once, as it takes seconds."""
    model = NeuralNetwork().eval().to(device)
    example = (torch.rand(2, 1, 28, 28, device=device),)
    exported = torch.export.export(model, example, dynamic_shapes=({0: torch.export.Dim.AUTO},))
    return model, exported.module()


@pytest.mark.crossover(axis="batch", between="program")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("program", ["module", "exported"])
def test_exported_answers(benchmark, device, program, batch):
    """The course's network answers as the module that it is, or as the graph that was exported of it."""
    model, graph = with_its_graph(device)
    images = random_tensor(batch, 1, 28, 28, device=device)
    benchmark.extra_info |= {"flops": forward_flops("mlp", batch), "items": batch}
    with torch.inference_mode():
        answer = benchmark(model if program == "module" else graph, images)
        assert torch.allclose(answer, model(images), atol=1e-5)


@pytest.mark.preset("default")
@pytest.mark.isolate("onnxruntime")
@pytest.mark.parametrize("optimization", ["none", "all"])
def test_session(benchmark, onnx_file, optimization):  # noqa: F811 - the fixture
    """An ONNX Runtime session started on the exported network, its graph left as it is or optimized."""
    onnxruntime = pytest.importorskip("onnxruntime")
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimization == "all" else levels.ORT_DISABLE_ALL
    )
    session = benchmark(
        onnxruntime.InferenceSession, str(onnx_file), options, providers=["CPUExecutionProvider"]
    )
    assert [tensor.name for tensor in session.get_inputs()] == ["images"]

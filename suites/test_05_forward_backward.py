"""One training step and its parts: forward pass, loss, backward pass, optimizer.

For the course's network (`mlp`, 784-512-512-10) and for torchvision's resnet18 on images of 224 x 224 pixels,
both with random weights.
"""

from contextlib import nullcontext

import pytest

from .memory import TRIPS, with_trip
from .network import backward_flops, build, classes_of, forward_flops, images_for, labels_for
from .sizes import BATCHES, BATCHES_RESNET18
from .training import LEARNING_RATE, time_training_step

torch = pytest.importorskip("torch")

BATCH = {"mlp": 64, "resnet18": 1}  # the course's batch; and what a CPU still does in a tenth of a second
MODES = {"train": nullcontext, "no_grad": torch.no_grad, "inference_mode": torch.inference_mode}

NETWORKS = ["mlp", pytest.param("resnet18", marks=pytest.mark.preset("default"))]


@pytest.mark.crossover(axis="batch", between="device")
@pytest.mark.parametrize("batch", BATCHES)
def test_forward(benchmark, device, batch):
    """The course's network computes its predictions for a batch of images."""
    time_forward(benchmark, device, "mlp", batch)


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="trip")
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("trip", TRIPS)
def test_forward_moved(benchmark, device, trip, batch):
    """The course's network computes its predictions for images that every call has to bring to it first."""
    model = build("mlp").to(device)
    benchmark.extra_info |= {"flops": forward_flops("mlp", batch), "items": batch, "resident": "forward"}
    predictions = benchmark(with_trip(model, [images_for("mlp", batch, "cpu")], device, trip))
    assert predictions.shape == (batch, classes_of("mlp"))


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="device")
@pytest.mark.parametrize("batch", BATCHES_RESNET18)
def test_forward_resnet18(benchmark, device, batch):
    """resnet18 computes its predictions for a batch of photos."""
    time_forward(benchmark, device, "resnet18", batch)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("network", NETWORKS)
def test_forward_modes(benchmark, device, network, mode):
    """The forward pass in train mode; in eval mode, without gradients (no_grad, inference_mode)."""
    time_forward(benchmark, device, network, BATCH[network], mode)


def time_forward(benchmark, device, network, batch, mode="train"):
    """Times a forward pass; `mode` is a key of MODES."""
    model = build(network).to(device).train(mode == "train")
    images = images_for(network, batch, device)
    benchmark.extra_info |= {"flops": forward_flops(network, batch), "items": batch}
    benchmark.extra_info |= {"input_bytes": images.nbytes, "output_bytes": 4 * batch * classes_of(network)}
    with MODES[mode]():
        predictions = benchmark(model, images)
    assert predictions.shape == (batch, classes_of(network))
    assert predictions.requires_grad == (mode == "train")


@pytest.mark.parametrize("network", NETWORKS)
def test_loss(benchmark, device, network):
    """How wrong a batch's predictions are: the cross-entropy loss."""
    batch = BATCH[network]
    predictions = torch.randn(batch, classes_of(network), device=device, requires_grad=True)
    labels = labels_for(network, batch, device)
    benchmark.extra_info["items"] = batch
    loss = benchmark(torch.nn.CrossEntropyLoss(), predictions, labels)
    of_its_label = predictions.log_softmax(dim=1).gather(1, labels[:, None])
    assert torch.allclose(loss, -of_its_label.mean())


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "way", [".backward()", pytest.param("autograd.grad", marks=pytest.mark.preset("default"))]
)
def test_backward(benchmark, device, network, way):
    """The backward pass alone: gradients into the weights' .grad, as the course has it, or as a result."""
    batch = BATCH[network]
    model = build(network).to(device)
    predictions = model(images_for(network, batch, device))
    loss = torch.nn.CrossEntropyLoss()(predictions, labels_for(network, batch, device))
    weights = list(model.parameters())
    benchmark.extra_info |= {"flops": backward_flops(network, batch), "items": batch}

    def into_grad():
        model.zero_grad()  # else each call would add to the last one's
        loss.backward(retain_graph=True)

    if way == ".backward()":
        benchmark(into_grad)
        gradients = [weight.grad for weight in weights]
    else:
        gradients = benchmark(torch.autograd.grad, loss, weights, retain_graph=True)
    assert all(gradient.shape == weight.shape for gradient, weight in zip(gradients, weights, strict=True))
    assert any(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("network", NETWORKS)
def test_optimizer_step(benchmark, device, network):
    """The optimizer moves every weight a little against its gradient (plain SGD)."""
    model = build(network).to(device)
    weights = list(model.parameters())
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    first, before = weights[0], weights[0].detach().clone()
    optimizer = torch.optim.SGD(weights, lr=LEARNING_RATE)
    # Reads a weight and its gradient, writes the weight.
    size = sum(weight.nbytes for weight in weights)
    benchmark.extra_info |= {"bytes": 3 * size, "footprint_bytes": 2 * size}
    benchmark(optimizer.step)
    assert not torch.equal(first, before)


@pytest.mark.crossover(axis="batch", between="device")
@pytest.mark.parametrize("batch", BATCHES)
def test_training_step(benchmark, device, batch):
    """One whole training step of the course's network: forward, loss, backward, optimizer."""
    time_training_step(benchmark, device, "mlp", batch)


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="device")
@pytest.mark.parametrize("batch", BATCHES_RESNET18)
def test_training_step_resnet18(benchmark, device, batch):
    """One whole training step of resnet18."""
    time_training_step(benchmark, device, "resnet18", batch)

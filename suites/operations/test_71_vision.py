"""Computer vision, the first course that follows: convolutions, and networks that are made of them.

Three networks on random photos and weights: a small one for FashionMNIST's format, mobilenet_v3 made for
phones, and vit_b_16, a transformer. What a device does best depends on how images lie in memory and on how
many there are; resnet18 is timed in `suites/test_05_forward_backward.py`.
"""

from functools import cache

import pytest

from ..memory import random_tensor
from ..sizes import BATCHES_OF_PHOTOS, BATCHES_SEEN

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision.models")
nn, functional = torch.nn, torch.nn.functional

LEARNING_RATE = 0.01


def small_cnn():
    """Two convolutions with pooling, and one layer for ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip


SMALL_CNN_FLOPS = 2 * (28**2 * 16 * 9 + 14**2 * 32 * 16 * 9 + 32 * 7 * 7 * 10)
"""Of one image forward: a multiplication and an addition a weight and place."""

PARTS = {
    "Conv2d": lambda: nn.Conv2d(16, 32, 3, padding=1),
    "MaxPool2d": lambda: nn.MaxPool2d(2),
    "BatchNorm2d": lambda: nn.BatchNorm2d(16).eval(),
}


@pytest.mark.crossover(axis="batch", between="layout")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
def test_part(benchmark, device, layout, part, batch):
    """One layer on images of 56 x 56 with 16 channels, which lie one after the other, or together a pixel."""
    order = torch.channels_last if layout == "channels last" else torch.contiguous_format
    images = random_tensor(batch, 16, 56, 56, device=device).contiguous(memory_format=order)
    layer = PARTS[part]().to(device=device, memory_format=order)
    benchmark.extra_info["items"] = batch
    if part == "Conv2d":
        benchmark.extra_info["flops"] = 2 * batch * 56**2 * 32 * 16 * 9
    with torch.no_grad():
        answer = benchmark(layer, images)
    assert answer.shape[0] == batch
    assert answer.isfinite().all()


@pytest.mark.crossover(axis="batch", between="mode")
@pytest.mark.parametrize("batch", BATCHES_SEEN)
@pytest.mark.parametrize("mode", ["inference", "training step"])
def test_small_cnn(benchmark, device, mode, batch):
    """A small convolutional network answers for images of 28 x 28, or takes a training step on them."""
    model = small_cnn().to(device)
    images = torch.rand(batch, 1, 28, 28, device=device)
    labels = torch.randint(10, (batch,), device=device)
    # Backward the first layer needs no gradient of the images.
    flops = 3 * SMALL_CNN_FLOPS - 2 * 28**2 * 16 * 9 if mode == "training step" else SMALL_CNN_FLOPS
    benchmark.extra_info |= {"flops": batch * flops, "items": batch}
    if mode == "inference":
        with torch.inference_mode():
            assert benchmark(model.eval(), images).shape == (batch, 10)
    else:
        time_step(benchmark, model, images, labels)


def time_step(benchmark, model, images, labels):
    """Times training steps on one batch, and checks that its loss falls."""
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=LEARNING_RATE)

    def step():
        loss = functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    before = step().item()
    benchmark(step)
    assert step().item() < before


@cache
def drawn(network):
    """A network of torchvision's with random weights, drawn once: each test puts it where it needs it."""
    return getattr(models, network)(weights=None)


NETWORKS = ["mobilenet_v3_small", pytest.param("vit_b_16", marks=pytest.mark.preset("default"))]


@pytest.mark.crossover(axis="batch", between="layout")
@pytest.mark.parametrize("batch", BATCHES_OF_PHOTOS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("layout", ["channels first", "channels last"])
def test_network(benchmark, device, layout, network, batch):
    """A network answers for photos of 224 x 224, their colours one after the other or together a pixel."""
    order = torch.channels_last if layout == "channels last" else torch.contiguous_format
    model = drawn(network).eval().to(device=device, memory_format=order)
    photos = torch.rand(batch, 3, 224, 224, device=device).contiguous(memory_format=order)
    benchmark.extra_info["items"] = batch
    with torch.inference_mode():
        assert benchmark(model, photos).shape == (batch, 1000)


LEARNING = ["all of it", "its last layer"]


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch", between="learning")
@pytest.mark.parametrize("batch", BATCHES_OF_PHOTOS)
@pytest.mark.parametrize("learning", LEARNING)
def test_transfer(benchmark, device, learning, batch):
    """A training step of mobilenet_v3 on photos: all of it learns, or its last layer for two new classes."""
    model = models.mobilenet_v3_small(weights=None).to(device)
    for weight in model.parameters():
        weight.requires_grad_(learning == "all of it")
    last = model.classifier[-1]
    model.classifier[-1] = nn.Linear(last.in_features, 2).to(device)
    model.eval()  # a single photo has no statistics to learn
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    benchmark.extra_info["items"] = batch
    time_step(benchmark, model, torch.rand(batch, 3, 224, 224, device=device), labels)

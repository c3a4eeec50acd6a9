"""The networks that the suites run: the course's own, and torchvision's resnet18."""

import copy
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

with suppress(ImportError):  # what a suite imports at its top is imported once a run, not once a launch
    import torchvision  # noqa: F401 - for `_resnet18`, and for the dataset

MLP_FLOPS = 2 * (784 * 512 + 512 * 512 + 512 * 10)
"""Floating-point operations of one image's forward pass: a multiplication and an addition a weight."""

RESNET18_FLOPS = 2 * 1_814_073_344
"""The same for resnet18 on 224 x 224 pixels: 1.814 G multiply-adds, as torchvision's weights state them."""

FIRST_LAYER_FLOPS = {"mlp": 2 * 784 * 512, "resnet18": 2 * (3 * 7 * 7 * 64) * (112 * 112)}
"""Of these the first layer's. No gradient is wanted of the images, so that its backward pass is half."""


class NeuralNetwork(nn.Module):
    """The course's network: 28 x 28 pixels, two hidden layers of 512, ten classes.

    The course ends it in one more ReLU. That cuts off every negative logit together with its gradient,
    so a class whose logit has fallen below zero can no longer be learned; it is left out here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
        )

    def forward(self, x: Any) -> Any:
        x = self.flatten(x)
        return self.linear_relu_stack(x)


def build(network: str) -> Any:
    """A network by name, `mlp` or `resnet18`, with random weights, on the CPU."""
    return NeuralNetwork() if network == "mlp" else copy.deepcopy(_resnet18())


@cache
def _resnet18() -> Any:
    """One resnet18, to be copied: a copy takes a tenth of the time of drawing 11 million weights."""
    return pytest.importorskip("torchvision.models").resnet18(weights=None)


def images_for(network: str, batch: int, device: str) -> Any:
    """A batch of random images of the shape that the network expects."""
    shape = (1, 28, 28) if network == "mlp" else (3, 224, 224)
    return torch.rand(batch, *shape, device=device)


def classes_of(network: str) -> int:
    """How many classes the network tells apart."""
    return 10 if network == "mlp" else 1000


def labels_for(network, batch, device):
    """A random class for each image."""
    return torch.randint(classes_of(network), (batch,), device=device)


def forward_flops(network: str, batch: int) -> int:
    """Floating-point operations of one forward pass."""
    return batch * (MLP_FLOPS if network == "mlp" else RESNET18_FLOPS)


def backward_flops(network: str, batch: int) -> int:
    """Of one backward pass: a product for the gradient of each layer's weights, another for its input's."""
    return 2 * forward_flops(network, batch) - batch * FIRST_LAYER_FLOPS[network]


def step_flops(network: str, batch: int) -> int:
    """Of one step of training, the optimizer's few left out."""
    return forward_flops(network, batch) + backward_flops(network, batch)

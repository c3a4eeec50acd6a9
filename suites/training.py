"""A training step, timed."""

import pytest

from .network import build, images_for, labels_for, step_flops
from .ways import captured, computing, dtype_of, prepared

torch = pytest.importorskip("torch")

LEARNING_RATE = 1e-3


def time_training_step(benchmark, device, network, batch, way="eager"):
    """Times a step on one and the same batch, and checks that its loss falls; `way` as in WAYS."""
    model = build(network).to(device)
    loss_fn = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    images, labels = images_for(network, batch, device), labels_for(network, batch, device)
    model, images = prepared(way, model, images)

    def step():
        return train_on(images, labels, model, loss_fn, optimizer, way)

    benchmark.extra_info |= {"flops": step_flops(network, batch), "items": batch, **dtype_of(way)}
    benchmark.extra_info |= {"input_bytes": images.nbytes + labels.nbytes, "output_bytes": 4}  # the loss
    before = loss_of(model, images, labels)
    benchmark(captured(step) if way == "cuda graph" else step)
    assert loss_of(model, images, labels) < before


def train_on(images, labels, model, loss_fn, optimizer, way="eager"):
    """One training step on a batch, computed in a way of WAYS. Returns its loss."""
    with computing(way, images.device):
        loss = loss_fn(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def loss_of(model, images, labels):
    """How wrong the predictions are, without learning from it."""
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(model(images), labels).item()

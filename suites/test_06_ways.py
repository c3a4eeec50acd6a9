"""An epoch in other ways than the course's: what its waiting for data, and for the device, could be.

A device that trains a small network waits for its data for most of an epoch: for images fetched one by one,
and for every loss that is read.
"""

import pytest

from .fashion import COURSE_BATCH, first
from .memory import placed
from .network import step_flops
from .test_06_epoch import CHANCE, EPOCHS, SUBSET, Training, test_loop, time_epoch, train_loop

torch = pytest.importorskip("torch")


def printing_loop(dataloader, model, loss_fn, optimizer, device):
    """The course's train loop as its text has it: the loss of each batch is read, and waited for."""
    for images, labels in dataloader:
        images, labels = images.to(device), labels.to(device)
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


def pinned_loop(dataloader, model, loss_fn, optimizer, device):
    """The course's train loop, with batches in pinned memory that are moved without waiting for them."""
    moved = ([tensor.to(device, non_blocking=True) for tensor in batch] for batch in dataloader)
    train_loop(moved, model, loss_fn, optimizer, device)


EPOCH_WAYS = {  # a loop, and a DataLoader's options
    "loss of each batch read": (printing_loop, {}),
    "two workers": (train_loop, {"num_workers": 2, "persistent_workers": True}),
    "two workers, pinned": (pinned_loop, {"num_workers": 2, "persistent_workers": True, "pin_memory": True}),
}


@pytest.mark.accelerator
@pytest.mark.preset("default")
@pytest.mark.isolate("epoch_workers")
@pytest.mark.parametrize("way", EPOCH_WAYS)
def test_ways_to_epoch(benchmark, device, training_data, test_batches, way):
    """An epoch in other ways than `test_epoch`'s: what its waiting for data and for the device could be."""
    loop, options = EPOCH_WAYS[way]
    if options.get("pin_memory"):
        placed(torch.zeros(1), "pinned")  # skips where nothing can be pinned
    training = Training(first(SUBSET, training_data), COURSE_BATCH, device, loop, **options)
    time_epoch(benchmark, training, test_batches)


@pytest.mark.preset("default")
def test_epoch_in_place(benchmark, device, training_data, training_tensors, test_batches):
    """An epoch of images that are ready as one tensor where the network computes, taken in slices."""
    images, labels = (tensor.to(device) for tensor in training_tensors)
    training = Training(first(SUBSET, training_data), COURSE_BATCH, device)

    def epoch():
        order = torch.randperm(SUBSET, device=device).split(COURSE_BATCH)
        batches = ((images[indices], labels[indices]) for indices in order)
        train_loop(batches, training.model, training.loss_fn, training.optimizer, device)

    benchmark.pedantic(epoch, setup=training.start_over, rounds=EPOCHS)
    accuracy, _ = test_loop(test_batches, training.model, training.loss_fn, device)
    benchmark.extra_info |= {"items": SUBSET, "flops": step_flops("mlp", SUBSET), "accuracy": accuracy}
    assert accuracy > 2 * CHANCE, f"{accuracy:.0%} of the test images told apart: it does not learn"

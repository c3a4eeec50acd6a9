"""An epoch in other ways than the course's: what its waiting for data, and for the device, could be.

A device that trains a small network waits for its data for most of an epoch: for images fetched one by one,
and for every loss that is read. What faster ways to compute save shows where data need not be waited for.
"""

import pytest

from .fashion import COURSE_BATCH, first
from .loaders import end_workers
from .memory import placed
from .network import step_flops
from .test_06_epoch import CHANCE, EPOCHS, SUBSET, Training, test_loop, time_epoch, train_loop
from .training import train_on
from .ways import captured, dtype_of, prepared

torch = pytest.importorskip("torch")

pytestmark = [
    # Python 3.12 and later warn of any fork of a process with threads. A DataLoader worker computes on one.
    pytest.mark.filterwarnings("ignore:This process.*multi-threaded, use of fork:DeprecationWarning"),
    # Two workers are what is being tried out here, on one processor as well.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


def printing_loop(dataloader, model, loss_fn, optimizer, device):
    """The course's train loop as its text has it: the loss of each batch is read, and waited for."""
    for images, labels in dataloader:
        train_on(images.to(device), labels.to(device), model, loss_fn, optimizer).item()


def pinned_loop(dataloader, model, loss_fn, optimizer, device):
    """The course's train loop, with batches in pinned memory that are moved without waiting for them."""
    moved = ([tensor.to(device, non_blocking=True) for tensor in batch] for batch in dataloader)
    train_loop(moved, model, loss_fn, optimizer, device)


WORKERS = {"num_workers": 2, "persistent_workers": True}

EPOCH_WAYS = {  # a loop, and a DataLoader's options
    "no workers": (train_loop, {}),
    "loss of each batch read": (printing_loop, {}),
    "two workers": (train_loop, WORKERS),
    "two workers, pinned": (pinned_loop, {**WORKERS, "pin_memory": True}),
}


@pytest.mark.preset("default")
@pytest.mark.parametrize("way", EPOCH_WAYS)
def test_ways_to_epoch(benchmark, device, training_data, test_batches, way):
    """An epoch whose data come in other ways: what its waiting for data and for the device could be."""
    loop, options = EPOCH_WAYS[way]
    if loop is printing_loop and device == "cpu":
        pytest.skip("the processor's own loss is there at once: reading it waits for nothing")
    if options.get("pin_memory"):
        placed(torch.zeros(1), "pinned")  # skips where nothing can be pinned
    training = Training(first(SUBSET, training_data), COURSE_BATCH, device, loop, **options)
    try:
        time_epoch(benchmark, training, test_batches)
    finally:
        end_workers(training.loader)


IN_PLACE = [  # channels_last is for convolutions, which this network has not
    "eager",
    "cuda graph",
    # Seconds an epoch where it is emulated, and a minute to compile.
    *(pytest.param(way, marks=pytest.mark.preset("thorough")) for way in ("autocast bfloat16", "compile")),
]


@pytest.mark.preset("default")
@pytest.mark.parametrize("way", IN_PLACE)
def test_epoch_in_place(benchmark, device, training_data, training_tensors, test_batches, way):
    """An epoch of images that are ready as one tensor where the network computes, taken in slices."""
    images, labels = (tensor.to(device) for tensor in training_tensors)
    training = Training(first(SUBSET, training_data), COURSE_BATCH, device)
    step = step_in_place(way, training, images[:COURSE_BATCH], labels[:COURSE_BATCH])

    def epoch():
        for indices in torch.randperm(SUBSET, device=device).split(COURSE_BATCH):
            step(images[indices], labels[indices])

    benchmark.pedantic(epoch, setup=training.start_over, rounds=EPOCHS)
    accuracy, _ = test_loop(test_batches, training.model, training.loss_fn, device)
    benchmark.extra_info |= {
        "items": SUBSET,
        "flops": step_flops("mlp", SUBSET),
        "data": training_data.source,
        "learning_rate": training.learning_rate,
        "accuracy": accuracy,
        **dtype_of(way),
    }
    assert accuracy > 2 * CHANCE, f"{accuracy:.0%} of the test images told apart: it does not learn"


def step_in_place(way, training, images, labels):
    """A training step in a way, as a call with a batch such as this; a graph reads it where its own lies."""
    model, _ = prepared(way, training.model, images)  # which has the same weights
    training.start_over()

    def step(images, labels):
        train_on(images, labels, model, training.loss_fn, training.optimizer, way)

    if way != "cuda graph":
        return step
    images_read, labels_read = images.clone(), labels.clone()
    replay = captured(lambda: step(images_read, labels_read))

    def replayed(images, labels):
        images_read.copy_(images)
        labels_read.copy_(labels)
        replay()

    return replayed

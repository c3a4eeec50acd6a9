"""A full training epoch: the course's train loop and test loop, as a whole.

Three things differ from the course's text, which would not run or not learn: for its `optimizer.backward()`,
which does not exist, stands `loss.backward()`; its network's last ReLU is left out (see `NeuralNetwork`); and
the loss of every batch is not printed, since an accelerator has to stop and wait for that.
"""

import os
import time
from contextlib import nullcontext

import pytest

from .fashion import COURSE_BATCH, TEST_IMAGES, first
from .network import NeuralNetwork, forward_flops, step_flops
from .sizes import BATCHES_TRAINED

torch = pytest.importorskip("torch")

LEARNING_RATE = 0.1  # at the course's batch
EPOCHS = 3  # of one visit, each from untrained weights
SUBSET = 6_400  # a hundred of the course's batches: an epoch that a slow CPU trains in a second
CHANCE = 0.1  # what guessing one class of ten gets right
GOAL = 0.75  # the share of test images told apart at which training is called done
MAX_EPOCHS = 20


UNMARKED = nullcontext()


def phase(name):
    """Marks a part of training while `bench profile` records it, and costs a microsecond at other times."""
    # `record_function` takes ten microseconds, with or without a profiler.
    return torch.profiler.record_function(name) if "BENCH_PROFILING" in os.environ else UNMARKED


class WaitingTime:
    """Batches of a loader, and how many seconds their receiver waited for them."""

    def __init__(self, loader):
        self.loader = loader
        self.seconds = 0.0

    def __iter__(self):
        with phase("data"):
            batches = iter(self.loader)
        while True:
            asked = time.perf_counter()
            with phase("data"):
                batch = next(batches, None)
            self.seconds += time.perf_counter() - asked
            if batch is None:
                return
            yield batch


def train_loop(dataloader, model, loss_fn, optimizer, device):
    """The course's train loop."""
    for images, labels in dataloader:
        with phase("transfer"):
            images, labels = images.to(device), labels.to(device)
        with phase("forward"):
            predictions = model(images)
        with phase("loss"):
            loss = loss_fn(predictions, labels)
        with phase("optimizer"):
            optimizer.zero_grad()
        with phase("backward"):
            loss.backward()
        with phase("optimizer"):
            optimizer.step()


def test_loop(dataloader, model, loss_fn, device):
    """The course's test loop. Returns the share of right answers and the average loss of a batch."""
    test_loss, correct = 0.0, 0.0
    with torch.no_grad():
        for images, labels in dataloader:
            images, labels = images.to(device), labels.to(device)
            predictions = model(images)
            test_loss += loss_fn(predictions, labels).item()
            correct += (predictions.argmax(dim=1) == labels).type(torch.float).sum().item()
    return correct / len(dataloader.dataset), test_loss / len(dataloader)


test_loop.__test__ = False  # the course's name for it; pytest is not to take it for a test


def learning_rate(batch_size):
    """One that learns: a larger batch takes fewer steps, so longer ones, as the root of its size."""
    return LEARNING_RATE * (batch_size / COURSE_BATCH) ** 0.5


class Training:
    """What an epoch needs, and a way back to untrained weights, so that every call trains the same.

    `loop` is a train loop such as `train_loop`, `options` are a DataLoader's.
    """

    def __init__(self, dataset, batch_size, device, loop=train_loop, **options):
        self.order = torch.Generator()
        self.loader = torch.utils.data.DataLoader(
            dataset, batch_size=batch_size, shuffle=True, generator=self.order, **options
        )
        self.device, self.loop, self.learning_rate = device, loop, learning_rate(batch_size)
        self.model = NeuralNetwork().to(device)
        self.untrained = {name: weight.clone() for name, weight in self.model.state_dict().items()}
        self.loss_fn = torch.nn.CrossEntropyLoss()
        self.wait_share = 0.0

    def start_over(self):
        """Forgets all training."""
        self.model.load_state_dict(self.untrained)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=self.learning_rate)
        self.order.manual_seed(0)

    def epoch(self):
        """Trains one epoch."""
        batches = WaitingTime(self.loader)
        started = time.perf_counter()
        self.loop(batches, self.model, self.loss_fn, self.optimizer, self.device)
        with phase("wait"):
            torch.get_device_module(self.device).synchronize()
        self.wait_share = batches.seconds / (time.perf_counter() - started)


@pytest.mark.crossover(axis="batch_size", between="device")
@pytest.mark.parametrize("batch_size", BATCHES_TRAINED)
def test_epoch(benchmark, device, training_data, test_batches, batch_size):
    """Training the course's network for one epoch, on the first 6400 images."""
    time_epoch(benchmark, Training(first(SUBSET, training_data), batch_size, device), test_batches)


@pytest.mark.preset("thorough")
def test_epoch_of_all_images(benchmark, device, training_data, test_batches):
    """Training the course's network for one epoch, on all 60000 images."""
    time_epoch(benchmark, Training(training_data, COURSE_BATCH, device), test_batches)


def time_epoch(benchmark, training, test_batches):
    """Times an epoch; says what was learned and what share of the time went into waiting for data."""
    images = len(training.loader.dataset)
    benchmark.pedantic(training.epoch, setup=training.start_over, rounds=EPOCHS)
    accuracy, _ = test_loop(test_batches, training.model, training.loss_fn, training.device)
    benchmark.extra_info |= {
        "items": images,
        "flops": step_flops("mlp", images),
        "data": test_batches.dataset.dataset.source,
        "learning_rate": training.learning_rate,
        "accuracy": accuracy,
        "wait_share": training.wait_share,
    }
    assert accuracy > 2 * CHANCE, f"{accuracy:.0%} of the test images told apart: it does not learn"


@pytest.mark.preset("default")
def test_time_to_accuracy(benchmark, device, training_data, test_batches):
    """Training the course's network until it tells three in four test images apart, tests included."""
    training = Training(first(SUBSET, training_data), COURSE_BATCH, device)
    untrained, _ = test_loop(test_batches, training.model, training.loss_fn, device)
    reached = {}

    def train_to_goal():
        started = time.perf_counter()
        accuracies, trained_s = [untrained], [0.0]  # then after each epoch, and how long it took so far
        training.start_over()
        for epoch in range(1, MAX_EPOCHS + 1):  # noqa: B007 - how many it took is a result
            training.epoch()
            with phase("test"):
                accuracy, _ = test_loop(test_batches, training.model, training.loss_fn, device)
            accuracies.append(accuracy)
            trained_s.append(time.perf_counter() - started)
            if accuracy >= GOAL:
                break
        reached.update(
            epochs=epoch, accuracy=accuracy, seconds_to_accuracy=trained_s[-1], goal=GOAL,
            accuracies=accuracies, trained_s=trained_s,
        )  # fmt: skip

    benchmark(train_to_goal)
    benchmark.extra_info |= reached | {"data": training_data.source, "learning_rate": training.learning_rate}
    assert reached["accuracy"] >= GOAL, f"{reached['accuracy']:.0%} after {MAX_EPOCHS} epochs"


def test_test_loop(benchmark, device, test_batches):
    """The course's test loop: predictions for a thousand test images, and how many are right."""
    model = NeuralNetwork().to(device)
    with torch.no_grad():
        model.linear_relu_stack[-1].bias[3] = 1e6  # so that it always answers 3, and what is right is known
    benchmark.extra_info |= {
        "items": TEST_IMAGES,
        "flops": forward_flops("mlp", TEST_IMAGES),
        "data": test_batches.dataset.dataset.source,
    }
    accuracy, _ = benchmark(test_loop, test_batches, model, torch.nn.CrossEntropyLoss(), device)
    labels = test_batches.dataset.dataset.targets[:TEST_IMAGES]
    assert accuracy == (labels == 3).sum().item() / TEST_IMAGES

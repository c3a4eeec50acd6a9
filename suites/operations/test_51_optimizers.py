"""Optimizers: what a step costs by rule and by implementation, and how soon a network is trained.

SGD takes a step against the gradient; Adam also keeps the gradient's mean and square for every weight, so
that it moves more than twice the memory. A step is done tensor by tensor, in a few calls for all of them
(foreach), or in one (fused).
"""

import pytest

from ..fashion import as_tensors
from ..network import NeuralNetwork
from ..sizes import BATCHES_LEARNED, TENSORS

torch = pytest.importorskip("torch")
optim = torch.optim
functional = torch.nn.functional

NUMBERS = 2**14  # in each tensor of weights
IMPLEMENTATIONS = {"for-loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}

MOVED = {"SGD": 3, "Adam": 7, "AdamW": 7}
"""How often a step reads or writes as many numbers as there are weights. SGD reads a weight and its gradient,
and writes the weight; the others also read and write the gradient's mean and square."""


def random_weights(tensors, device):
    """Weights in as many tensors, each with a gradient."""
    weights = [torch.randn(NUMBERS, device=device, requires_grad=True) for _ in range(tensors)]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    return weights


def made(optimizer, weights, **options):
    """An optimizer of these weights. Skips where the device has no such implementation."""
    try:
        return getattr(optim, optimizer)(weights, lr=1e-3, **options)
    except RuntimeError as error:
        why = str(error).partition(". ")[0]
        return pytest.skip(f"{weights[0].device} has no {optimizer} with {options}: {why}")


@pytest.mark.crossover(axis="tensors", between="implementation")
@pytest.mark.parametrize("tensors", TENSORS)
@pytest.mark.parametrize("optimizer", MOVED)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_step(benchmark, device, implementation, optimizer, tensors):
    """One step over weights of 64 KiB a tensor: tensor by tensor, a few calls for all, or one."""
    weights = random_weights(tensors, device)
    stepping = made(optimizer, weights, **IMPLEMENTATIONS[implementation])
    before = weights[0].detach().clone()
    benchmark.extra_info |= {"bytes": MOVED[optimizer] * tensors * weights[0].nbytes, "items": tensors}
    stepping.step()  # makes the state of Adam
    benchmark(stepping.step)
    assert not torch.equal(weights[0], before)


@pytest.mark.crossover(axis="tensors", between="rule")
@pytest.mark.parametrize("tensors", TENSORS)
@pytest.mark.parametrize("rule", ["SGD", "SGD, momentum", "Adam", "AdamW", "RMSprop"])
def test_rule(benchmark, device, rule, tensors):
    """One step as torch does it by default, by rule: SGD is the least that can be done."""
    weights = random_weights(tensors, device)
    name, _, momentum = rule.partition(", ")
    stepping = made(name, weights, **({"momentum": 0.9} if momentum else {}))
    benchmark.extra_info["items"] = tensors
    stepping.step()
    before = weights[0].detach().clone()
    benchmark(stepping.step)
    assert not torch.equal(weights[0], before)


@pytest.mark.crossover(axis="tensors", between="descent")
@pytest.mark.parametrize("tensors", TENSORS)
@pytest.mark.parametrize("descent", ["by hand", "optimizer.step()"])
def test_descent(benchmark, device, descent, tensors):
    """The course's `w = w - learning_rate * gradient`, written out or left to SGD."""
    weights = random_weights(tensors, device)
    stepping = made("SGD", weights)
    before = weights[0].detach().clone()

    def by_hand():
        with torch.no_grad():
            for weight in weights:
                weight -= 1e-3 * weight.grad

    benchmark.extra_info |= {"bytes": MOVED["SGD"] * tensors * weights[0].nbytes, "items": tensors}
    benchmark(by_hand if descent == "by hand" else stepping.step)
    assert not torch.equal(weights[0], before)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_make(benchmark, device, optimizer):
    """An optimizer made of a network's weights, before its first step: `SGD(model.parameters(), lr=)`."""
    model, make = NeuralNetwork().to(device), getattr(optim, optimizer)
    assert not benchmark(lambda: make(model.parameters(), lr=1e-3)).state


@pytest.mark.crossover(axis="tensors", between="step")
@pytest.mark.parametrize("tensors", TENSORS)
@pytest.mark.parametrize("step", ["first", "later"])
def test_first_step(benchmark, device, step, tensors):
    """Adam's first step, which makes its state, against a later one."""
    weights = random_weights(tensors, device)
    steppings = [made("Adam", weights)]
    steppings[0].step()

    def renew():
        if step == "first":
            steppings[0] = made("Adam", weights)

    benchmark.extra_info["items"] = tensors
    benchmark.pedantic(lambda: steppings[0].step(), setup=renew, rounds=10)
    assert len(steppings[0].state) == tensors


@pytest.mark.crossover(axis="tensors", between="norm")
@pytest.mark.parametrize("tensors", TENSORS)
@pytest.mark.parametrize("norm", ["foreach", "for-loop"])
def test_clip(benchmark, device, norm, tensors):
    """Gradients shortened to a length of 1 together, before a step (`clip_grad_norm_`)."""
    weights = random_weights(tensors, device)
    benchmark.extra_info["items"] = tensors
    benchmark(torch.nn.utils.clip_grad_norm_, weights, 1.0, foreach=norm == "foreach")
    length = torch.stack([weight.grad.square().sum() for weight in weights]).sum().sqrt()
    assert length.item() == pytest.approx(1.0, abs=0.01)


IMAGES, TEST_IMAGES = 6400, 1000
GOAL = 0.7  # of the test images told apart
MAX_EPOCHS = 10
RATES = {
    "SGD 0.1": ("SGD", 0.1),
    "SGD 0.1, normalized": ("SGD", 0.1),
    "SGD 0.5": ("SGD", 0.5),
    "Adam 0.001": ("Adam", 0.001),
}


@pytest.fixture(scope="session")
def learned_from(one_hot_data, test_data):
    """Images and labels to learn from, and to be tested with, as four tensors."""
    images, one_hot = as_tensors(one_hot_data, IMAGES).tensors
    test_images = torch.stack([test_data[index][0] for index in range(TEST_IMAGES)])
    return images, one_hot.argmax(1), test_images, test_data.targets[:TEST_IMAGES]


@pytest.mark.preset("default")
@pytest.mark.crossover(axis="batch_size", between="learning")
@pytest.mark.parametrize("batch_size", BATCHES_LEARNED)
@pytest.mark.parametrize("learning", RATES)
def test_time_to_accuracy(benchmark, device, learned_from, learning, batch_size):
    """From untrained to 70 % of the test images told apart, by rate, normalization and images a step."""
    images, labels, test_images, test_labels = (tensor.to(device) for tensor in learned_from)
    if learning.endswith("normalized"):
        mean, deviation = images.mean(), images.std()
        images, test_images = (images - mean) / deviation, (test_images - mean) / deviation
    optimizer, rate = RATES[learning]
    reached = {}

    def train():
        torch.manual_seed(0)
        model = NeuralNetwork().to(device)
        stepping = getattr(optim, optimizer)(model.parameters(), lr=rate)
        for epoch in range(1, MAX_EPOCHS + 1):
            for indices in torch.randperm(IMAGES).to(device).split(batch_size):
                loss = functional.cross_entropy(model(images[indices]), labels[indices])
                stepping.zero_grad()
                loss.backward()
                stepping.step()
            with torch.no_grad():
                right = (model(test_images).argmax(1) == test_labels).sum().item()
            reached.update(epochs=epoch, accuracy=right / TEST_IMAGES)
            if right >= GOAL * TEST_IMAGES:
                return

    benchmark(train)
    benchmark.extra_info |= reached | {"goal": GOAL, "learning_rate": rate}
    assert reached["accuracy"] >= GOAL, f"{reached['accuracy']:.0%} after {MAX_EPOCHS} epochs"

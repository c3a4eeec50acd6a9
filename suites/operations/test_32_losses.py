"""Losses: how wrong an answer is, with the gradient that learning needs; in one operation or split in two.

Split in two a loss also loses digits: sigmoid and softmax round to 0 and 1 what the fused form still tells
apart.
"""

import pytest

from ..sizes import BATCHES_OF_PARTS

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

CLASSES = 10


def answers_and_gradient(loss_fn, *operands):
    """The loss and its gradient by the first operand."""
    loss = loss_fn(*operands)
    (gradient,) = torch.autograd.grad(loss, operands[0])
    return loss, gradient


LOSSES = {
    "MSELoss": nn.MSELoss(),
    "NLLLoss": nn.NLLLoss(),
    "CrossEntropyLoss": nn.CrossEntropyLoss(),
    "BCEWithLogitsLoss": nn.BCEWithLogitsLoss(),
    "L1Loss": nn.L1Loss(),
}


@pytest.mark.crossover(axis="batch", between="loss")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_loss(benchmark, device, loss, batch):
    """The losses that the course names side by side, each with its gradient by a batch's ten scores."""
    scores = torch.randn(batch, CLASSES, device=device, requires_grad=True)
    labels = torch.randint(CLASSES, (batch,), device=device)
    wanted = (
        labels if loss in ("NLLLoss", "CrossEntropyLoss") else functional.one_hot(labels, CLASSES).float()
    )
    benchmark.extra_info["items"] = batch
    value, gradient = benchmark(answers_and_gradient, LOSSES[loss], scores, wanted)
    assert value.isfinite()
    assert gradient.abs().max() > 0


log_softmax, nll = nn.LogSoftmax(dim=1), LOSSES["NLLLoss"]  # made once: it takes longer than a small loss

CROSS_ENTROPY = {
    "fused": LOSSES["CrossEntropyLoss"],
    "LogSoftmax, NLL": lambda scores, labels: nll(log_softmax(scores), labels),
    "softmax, log, NLL": lambda scores, labels: nll(scores.softmax(1).log(), labels),
}


@pytest.mark.crossover(axis="batch", between="form")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("form", CROSS_ENTROPY)
def test_cross_entropy(benchmark, device, form, batch):
    """Cross entropy with its gradient: fused, or made of the two that the course says it combines."""
    scores = torch.randn(batch, CLASSES, device=device, requires_grad=True)
    labels = torch.randint(CLASSES, (batch,), device=device)
    benchmark.extra_info["items"] = batch
    value, gradient = benchmark(answers_and_gradient, CROSS_ENTROPY[form], scores, labels)
    expected, expected_gradient = answers_and_gradient(functional.cross_entropy, scores, labels)
    assert torch.allclose(value, expected, atol=1e-5)
    assert torch.allclose(gradient, expected_gradient, atol=1e-5)


bce = nn.BCELoss()

BINARY = {
    "fused": LOSSES["BCEWithLogitsLoss"],
    "sigmoid, BCE": lambda scores, wanted: bce(scores.sigmoid(), wanted),
}


@pytest.mark.crossover(axis="batch", between="form")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("form", BINARY)
def test_binary_cross_entropy(benchmark, device, form, batch):
    """Binary cross entropy with its gradient: `BCEWithLogitsLoss`, or sigmoid and BCE."""
    scores = torch.randn(batch, CLASSES, device=device, requires_grad=True)
    wanted = torch.randint(2, (batch, CLASSES), device=device).float()
    benchmark.extra_info["items"] = batch
    value, gradient = benchmark(answers_and_gradient, BINARY[form], scores, wanted)
    expected, expected_gradient = answers_and_gradient(BINARY["fused"], scores, wanted)
    assert torch.allclose(value, expected, atol=1e-5)
    assert torch.allclose(gradient, expected_gradient, atol=1e-5)


@pytest.mark.crossover(axis="batch", between="labels")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("labels", ["numbers", "one-hot"])
def test_labels(benchmark, device, labels, batch):
    """Cross entropy with its gradient, from labels as numbers or, as the course has them, one-hot."""
    scores = torch.randn(batch, CLASSES, device=device, requires_grad=True)
    numbers = torch.randint(CLASSES, (batch,), device=device)
    given = numbers if labels == "numbers" else functional.one_hot(numbers, CLASSES).float()
    benchmark.extra_info["items"] = batch
    value, _ = benchmark(answers_and_gradient, functional.cross_entropy, scores, given)
    assert torch.allclose(value, functional.cross_entropy(scores, numbers))

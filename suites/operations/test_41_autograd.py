"""Automatic differentiation: recording the graph, going back through it, and ways to do without.

While operations on weights run, torch notes what will be needed for their gradients. Inference needs none of
it, frozen weights less of it, and recomputing it instead of keeping it saves memory.
"""

import contextlib

import pytest
from torch.utils.checkpoint import checkpoint

from ..network import NeuralNetwork, images_for, step_flops
from ..sizes import BACKWARDS, BATCHES_OF_PARTS, DEPTHS

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional

GRAPHS = {
    "recorded": contextlib.nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "detached weights": contextlib.nullcontext,
}


@pytest.mark.crossover(axis="batch", between="graph")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_record(benchmark, device, graph, batch):
    """The course's `z = x @ w + b` with its graph recorded, and without in three ways."""
    inputs = torch.ones(batch, 5, device=device)
    w = torch.randn(5, 3, device=device, requires_grad=True)
    b = torch.randn(3, device=device, requires_grad=True)
    if graph == "detached weights":
        w, b = w.detach(), b.detach()
    benchmark.extra_info |= {"items": batch, "flops": 2 * batch * 5 * 3}
    with GRAPHS[graph]():
        z = benchmark(lambda: torch.matmul(inputs, w) + b)
    assert z.requires_grad == (graph == "recorded")
    assert z.shape == (batch, 3)


@pytest.mark.parametrize("way", ["detach()", "requires_grad_()", "grad_fn"])
def test_bookkeeping(benchmark, device, way):
    """Taking a result out of the graph with `detach()`; asking for gradients; asking what made a result."""
    w = torch.randn(5, 3, device=device, requires_grad=True)
    z = w * 2
    if way == "detach()":
        assert not benchmark(z.detach).requires_grad
    elif way == "requires_grad_()":
        assert benchmark(w.detach().requires_grad_).requires_grad
    else:
        assert benchmark(lambda: z.grad_fn).name() == "MulBackward0"


def toy_loss(device):
    """The course's example: five inputs, three outputs. Returns what computes the loss, and its weights."""
    w = torch.randn(5, 3, device=device, requires_grad=True)
    b = torch.randn(3, device=device, requires_grad=True)
    x, y = torch.ones(5, device=device), torch.zeros(3, device=device)
    return lambda: functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y), (w, b)


@pytest.mark.crossover(axis="backwards", between="graph")
@pytest.mark.parametrize("backwards", BACKWARDS)
@pytest.mark.parametrize("graph", ["made anew", "retained"])
def test_backward_again(benchmark, device, graph, backwards):
    """Several backward passes: each through a graph of its own, or all through one (`retain_graph=True`)."""
    loss_of, (w, b) = toy_loss(device)

    def anew():
        for _ in range(backwards):
            loss_of().backward()

    def retained():
        loss = loss_of()
        for _ in range(backwards):
            loss.backward(retain_graph=True)

    benchmark.extra_info["items"] = backwards
    benchmark(anew if graph == "made anew" else retained)
    assert w.grad.shape == (5, 3)
    assert b.grad.abs().max() > 0


FROZEN = {"nothing": 0, "all but the last layer": 4}
"""How many of the course's network's weights and biases are frozen."""

FROZEN_FLOPS = {"nothing": 0, "all but the last layer": 2 * 784 * 512 + 4 * 512 * 512 + 2 * 512 * 10}
"""Left out of an image's backward pass: the gradients of frozen weights, and of what is before them."""


@pytest.mark.crossover(axis="batch", between="frozen")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("frozen", FROZEN)
def test_frozen(benchmark, device, frozen, batch):
    """Forward and backward through the course's network, all of it learning or only its last layer."""
    model = NeuralNetwork().to(device)
    for weight in list(model.parameters())[: FROZEN[frozen]]:
        weight.requires_grad_(False)
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    images = images_for("mlp", batch, device)
    labels = torch.randint(10, (batch,), device=device)
    flops = step_flops("mlp", batch) - batch * FROZEN_FLOPS[frozen]
    benchmark.extra_info |= {"items": batch, "flops": flops}
    gradients = benchmark(
        lambda: torch.autograd.grad(functional.cross_entropy(model(images), labels), learning)
    )
    assert len(gradients) == 6 - FROZEN[frozen]
    assert all(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.crossover(axis="batch", between="gradients")
@pytest.mark.parametrize("batch", BATCHES_OF_PARTS)
@pytest.mark.parametrize("gradients", ["to none", "to zeros", "added up"])
def test_zero_grad(benchmark, device, gradients, batch):
    """Gradients made after old ones were dropped or set to zero (`zero_grad`), or added to them."""
    model = NeuralNetwork().to(device)
    images = images_for("mlp", batch, device)

    def step():
        if gradients != "added up":
            model.zero_grad(set_to_none=gradients == "to none")
        model(images).square().mean().backward()

    benchmark.extra_info |= {"items": batch, "flops": step_flops("mlp", batch)}
    benchmark(step)
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters())


WIDTH, ROWS_IN_A_BATCH = 256, 64


@pytest.mark.crossover(axis="depth", between="activations")
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("activations", ["kept", "recomputed"])
def test_checkpoint(benchmark, device, activations, depth):
    """Forward and backward through blocks of two layers, what is inside kept or computed again."""
    blocks = [
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH)) for _ in range(depth)
    ]
    model = nn.Sequential(*blocks).to(device)
    inputs = torch.randn(ROWS_IN_A_BATCH, WIDTH, device=device, requires_grad=True)

    def gradients():
        hidden = inputs
        for block in model:
            if activations == "kept":
                hidden = block(hidden)
            else:
                hidden = checkpoint(block, hidden, use_reentrant=False)
        hidden.square().mean().backward()

    # Each of a block's two layers: forward, and backward for its weights and its inputs. Computed again is
    # only the first: what the last one makes is not needed.
    products = 2 * 3 + (activations == "recomputed")
    benchmark.extra_info["flops"] = products * depth * 2 * ROWS_IN_A_BATCH * WIDTH**2
    benchmark(gradients)
    assert inputs.grad.isfinite().all()

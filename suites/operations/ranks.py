"""One rank of an epoch by several processes, started by `launch.py`: it does what the first one reads.

DistributedDataParallel averages gradients before each step: by gloo on processors, by nccl on GPUs.
"""

import json
import os
import sys
import time

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def main(kind: str, images: int, batch: int) -> None:
    """Joins the others, and does what is asked until there is no more to read from standard input."""
    device = joined(kind)
    ranks = distributed.get_world_size()
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    ).to(device)
    model = DistributedDataParallel(network)
    torch.manual_seed(1 + distributed.get_rank())
    share = torch.rand(images // ranks, 784, device=device)
    labels = torch.randint(10, (images // ranks,)).to(device)
    train(model, share[:batch], labels[:batch], batch)  # the first step makes buffers and connections
    gradients = torch.cat([weight.grad.flatten() for weight in network.parameters()])
    steps = -(-len(share) // batch)
    known = {
        "epoch": lambda: train(model, share, labels, batch),
        "exchange": lambda: exchange(gradients, steps),
        "compare": lambda: apart(network),
    }
    tell({"ranks": ranks})
    while what := asked(list(known), device):
        began = time.perf_counter()
        value = known[what]()
        torch.get_device_module(device).synchronize()
        slowest = torch.tensor([time.perf_counter() - began, value], device=device)
        distributed.all_reduce(slowest, distributed.ReduceOp.MAX)
        tell(dict(zip(("seconds", "value"), slowest.tolist(), strict=True)))
    distributed.destroy_process_group()


def joined(kind: str) -> torch.device:
    """The device of this rank, which has met the others: a GPU, or its share of the processors."""
    local, beside = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    device = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // beside))
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    return device


def asked(known: list[str], device: torch.device) -> str:
    """What all ranks are to do next, which the first one reads; "" once there is nothing more to read."""
    line = sys.stdin.readline().strip() if distributed.get_rank() == 0 else ""
    number = torch.tensor(known.index(line) if line else len(known), device=device)
    distributed.broadcast(number, 0)
    return [*known, ""][int(number)]


def tell(answer: dict[str, float]) -> None:
    """Prints a line of JSON, if this is the first rank."""
    if distributed.get_rank() == 0:
        print(json.dumps(answer), flush=True)


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch: int) -> int:
    """Learns from all images once. Returns in how many steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    together = list(zip(images.split(batch), labels.split(batch), strict=True))
    for some, right in together:
        loss = nn.functional.cross_entropy(model(some), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(together)


def exchange(gradients: torch.Tensor, steps: int) -> int:
    """Averages as many gradients as often as an epoch does, and nothing else."""
    for _ in range(steps):
        distributed.all_reduce(gradients)
        gradients /= distributed.get_world_size()
    return steps


def apart(network: nn.Module) -> float:
    """How far this rank's weights are from the first one's."""
    weights = torch.cat([weight.detach().flatten() for weight in network.parameters()])
    first = weights.clone()
    distributed.broadcast(first, 0)
    return float((weights - first).abs().max())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

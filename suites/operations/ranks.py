"""One rank of an epoch by several processes; `test_81_scaling_out.py` starts it with `torchrun`.

torchrun --standalone --nproc-per-node 2 ranks.py cpu|cuda IMAGES BATCH
"""

import json
import os
import sys
import time

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def main(kind: str, images: int, batch: int) -> None:
    """Trains an epoch on random images; the first rank prints what it took, as JSON."""
    local, ranks = int(os.environ["LOCAL_RANK"]), int(os.environ["WORLD_SIZE"])
    device = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    ).to(device)
    model = DistributedDataParallel(network)
    torch.manual_seed(1 + distributed.get_rank())
    share, labels = torch.rand(images // ranks, 784, device=device), torch.randint(10, (images // ranks,))
    labels = labels.to(device)
    train(model, share[:batch], labels[:batch], batch)  # the first step makes buffers and connections
    distributed.barrier()
    began = time.perf_counter()
    steps = train(model, share, labels, batch)
    torch.get_device_module(device).synchronize()
    seconds = time.perf_counter() - began
    gradients = torch.cat([weight.grad.flatten() for weight in network.parameters()])
    exchanged = exchange(gradients, device, steps)
    weights = torch.cat([weight.detach().flatten() for weight in network.parameters()])
    first = weights.clone()
    distributed.broadcast(first, 0)
    slowest = torch.tensor([seconds, exchanged, float((weights - first).abs().max())], device=device)
    distributed.all_reduce(slowest, distributed.ReduceOp.MAX)
    if distributed.get_rank() == 0:
        rank_s, exchange_s, apart = slowest.tolist()
        print(json.dumps({"rank_s": rank_s, "exchange_s": exchange_s, "apart": apart, "steps": steps}))
    distributed.destroy_process_group()


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


def exchange(gradients: torch.Tensor, device: torch.device, steps: int) -> float:
    """How long it takes to average as many gradients, so many times, and nothing else."""
    began = time.perf_counter()
    for _ in range(steps):
        distributed.all_reduce(gradients)
    torch.get_device_module(device).synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

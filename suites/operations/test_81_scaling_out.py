"""Scaling out: an epoch shared by several processes (DistributedDataParallel), started by `torchrun`.

Each rank computes on its share of the images, and gradients are averaged before each step: by gloo on
processors, by nccl on GPUs, a rank each. What more ranks gain is less than their number by what the exchange
takes and, on one processor, by what they take from each other. `launch.py` starts them; on several machines:

    python suites/operations/launch.py cuda --ranks 8 --machines 2 --first FIRST_MACHINE:29400
"""

import contextlib

import pytest

from ..sizes import BATCHES_SHARED, kept_for
from . import launch

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributed")

IMAGES = 2048
MORE = kept_for("thorough", [4, 8])


def ranks_there(device):
    """How many ranks a device has room for: a GPU each, or a processor each."""
    if torch.device(device).type == "cpu":
        return torch.get_num_threads()
    return torch.get_device_module(device).device_count()


@contextlib.contextmanager
def ranks_of(device, ranks, batch):
    """So many ranks that do what they are asked. Skips where they cannot be, fails in a line."""
    kind = torch.device(device).type
    if kind not in ("cpu", "cuda"):
        pytest.skip(f"{device} has neither gloo nor nccl to exchange gradients with")
    if ranks > ranks_there(device):
        pytest.skip(
            f"{device} has room for {ranks_there(device)} at most: each rank takes a processor or GPU"
        )
    try:
        with launch.started(kind, ranks, IMAGES, batch) as ask:
            yield ask
    except launch.LaunchError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.preset("default")  # to start the processes takes seconds
@pytest.mark.crossover(axis="batch", between="ranks")
@pytest.mark.parametrize("batch", BATCHES_SHARED)
@pytest.mark.parametrize("ranks", [1, 2, *MORE])
def test_epoch(benchmark, device, ranks, batch):
    """2048 images learned from by one process with all processors, or shared by several."""
    benchmark.extra_info["items"] = IMAGES
    with ranks_of(device, ranks, batch) as ask:
        told = benchmark(ask, "epoch")
        assert told["value"] == IMAGES // (ranks * batch)
        assert ask("compare")["value"] == 0, "the ranks' weights differ after the epoch"


@pytest.mark.preset("default")
@pytest.mark.parametrize("ranks", [2, *MORE])
def test_exchange(benchmark, device, ranks):
    """What an epoch's exchange of gradients takes alone: the course's weights averaged before each step."""
    with ranks_of(device, ranks, BATCHES_SHARED[0]) as ask:
        told = benchmark(ask, "exchange")
        benchmark.extra_info["items"] = int(told["value"])

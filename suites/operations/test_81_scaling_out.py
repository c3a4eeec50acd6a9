"""Scaling out: an epoch shared by several processes (DistributedDataParallel), started by `torchrun`.

Each rank computes on its share of the images, and gradients are averaged before each step: by gloo on
processors, by nccl on GPUs, a rank each. What more ranks gain is less than their number by what the exchange
takes and, on one processor, by what they take from each other. On several machines the same is run by

    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint FIRST_MACHINE:29400 \\
        suites/operations/ranks.py cuda 4096 64
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..sizes import BATCHES_SHARED

torch = pytest.importorskip("torch")
pytest.importorskip("torch.distributed")

RANKS = Path(__file__).with_name("ranks.py")
IMAGES = 2048
TIMEOUT_S = 90


def epoch(device, ranks, batch, images=IMAGES):
    """One epoch by so many ranks: the seconds of it, and of the exchange of gradients, as the slowest says.

    Fails in one line where a rank fails or none ends in time; `torchrun` ends all that it started, and with
    `--standalone` finds a free port by itself.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    started = subprocess.Popen(
        [*command, str(RANKS), torch.device(device).type, str(images), str(batch)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        out, err = started.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{ranks} ranks have not ended within {TIMEOUT_S} s", pytrace=False)
    finally:
        started.terminate()  # torchrun ends its ranks; where it has ended, nothing happens
        started.communicate()
    if started.returncode:
        said = next((line for line in err.splitlines() if "Error: " in line), "no error was told")
        pytest.fail(f"{ranks} ranks ended with status {started.returncode}: {said}", pytrace=False)
    return json.loads(out.splitlines()[-1])


def ranks_there(device):
    """How many ranks a device has room for: a GPU each, or a processor each."""
    if torch.device(device).type == "cpu":
        return torch.get_num_threads()
    return torch.get_device_module(device).device_count()


@pytest.mark.preset("thorough")  # to start the processes takes seconds
@pytest.mark.crossover(axis="batch", between="ranks")
@pytest.mark.parametrize("batch", BATCHES_SHARED)
@pytest.mark.parametrize("ranks", [1, 2])
def test_epoch(benchmark, device, ranks, batch):
    """2048 images learned from by one process or two, their start included; `rank_s` is the epoch alone."""
    if torch.device(device).type not in ("cpu", "cuda"):
        pytest.skip(f"{device} has neither gloo nor nccl to exchange gradients with")
    if ranks > ranks_there(device):
        pytest.skip(f"{ranks} ranks want as many of {device}; there are {ranks_there(device)}")
    told = benchmark.pedantic(epoch, args=(device, ranks, batch), rounds=1)
    benchmark.extra_info |= {"items": IMAGES, **told}
    assert told["steps"] == IMAGES // (ranks * batch)
    assert told["apart"] == 0, "the ranks' weights differ after the epoch"

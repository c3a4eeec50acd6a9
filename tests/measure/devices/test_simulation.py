"""The simulated accelerator itself: it computes what the processor does, and torch finds it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.measure.devices.device import Device
from tests import ROOT

torch = pytest.importorskip("torch")


def course_network() -> Any:
    torch.manual_seed(1)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    return torch.nn.Sequential(
        torch.nn.Flatten(), linear(784, 512), relu(), linear(512, 512), relu(), linear(512, 10)
    )


def resnet() -> Any:
    torch.manual_seed(1)
    return pytest.importorskip("torchvision").models.resnet18(num_classes=10)


def losses(device: str, network: Any, shape: tuple[int, ...]) -> list[float]:
    """Two training steps on fixed data."""
    network = network.to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, *shape, generator=generator).to(device)
    y = torch.tensor([1, 2, 3, 4]).to(device)
    seen = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seen.append(loss)
    return [loss.item() for loss in seen]


@pytest.mark.usefixtures("sim")
@pytest.mark.parametrize(("make", "shape"), [(course_network, (1, 28, 28)), (resnet, (3, 32, 32))])
def test_networks_train_on_the_simulation_as_on_the_processor(
    make: Callable[[], Any], shape: tuple[int, ...]
) -> None:
    assert losses("sim", make(), shape) == pytest.approx(losses("cpu", make(), shape), rel=1e-4)


@pytest.mark.usefixtures("sim")
def test_simulated_values_follow_writes_through_views() -> None:
    a = torch.arange(6.0, device="sim").reshape(2, 3)
    row, copied = a[1], a.clone()
    a.mul_(2)
    row.add_(1)
    torch.add(a, 1, out=copied)
    assert a.tolist() == [[0, 2, 4], [7, 9, 11]]
    assert copied.tolist() == [[1, 3, 5], [8, 10, 12]]


@pytest.mark.usefixtures("sim")
def test_simulated_copies_take_what_the_host_had_at_the_time() -> None:
    here = torch.ones(4)
    there = here.to("sim", non_blocking=True)
    here.zero_()
    assert there.tolist() == [1, 1, 1, 1]


def test_simulated_events_raise_as_cuda_events_do(sim: Device) -> None:
    start, end = sim.event(), sim.event()
    with pytest.raises(ValueError, match="recorded"):
        start.elapsed_time(end)
    start.record()
    sim.module._sleep(1_000_000)
    end.record()
    with pytest.raises(RuntimeError, match="not ready"):
        start.elapsed_time(end)
    with pytest.raises(ValueError, match="enable_timing"):
        sim.module.Event().elapsed_time(end)


def test_torch_loads_the_simulation_by_its_entry_point(simulated: ModuleType, tmp_path: Path) -> None:
    """A fresh process sees the device, on its virtual clock, through `bench.measure.devices.available`."""
    code = """if True:
        from bench.measure.devices import available
        names = available.present()
        device = available.get(names[1])
        device.initialize()
        import torch
        a = torch.randn(256, 256, device=names[1])
        print(names[1], device.time("device", lambda k: [a @ a for _ in range(k)], 100).device_s)
    """
    environment = os.environ | simulated.install(tmp_path, simulated.Parameters(virtual=True))
    environment["PYTHONPATH"] += os.pathsep + str(ROOT)
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    name, device_s = done.stdout.split()
    assert name == "sim"
    assert float(device_s) == pytest.approx(100 * simulated.compute_s(2 * 256**3), rel=1e-9)

"""Fixtures that several test modules share."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the simulated accelerator is made of plain modules


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The simulated accelerator `sim` in this process, host and device on one virtual clock at zero."""
    pytest.importorskip("torch")
    import simulated_accelerator

    from bench.measure import devices

    simulated_accelerator.autoload()
    simulated_accelerator.reset(simulated_accelerator.Parameters(virtual=True))
    monkeypatch.setattr(simulated_accelerator.BackendModule, "available", True)
    monkeypatch.setattr(devices, "clock", simulated_accelerator.timeline.clock)
    devices.get.cache_clear()
    yield simulated_accelerator
    devices.get.cache_clear()

"""Fixtures that several test modules share."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

# A busy machine must not fail a test: its examples may take as long as they like.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

sys.path.insert(0, str(Path(__file__).parent))  # the simulated accelerator is made of plain modules


@pytest.fixture(scope="session", autouse=True)
def _registered_simulation() -> None:
    """The simulated accelerator is known to torch before the first backward pass, whatever test comes first.

    torch's autograd engine counts the devices once, at a process's first backward pass. Tests with fake
    tensors have a process of their own: there a registered simulation would abort.
    """
    if importlib.util.find_spec("torch") and not os.environ.get("BENCH_TESTS_FAKE_TENSORS"):
        import simulated_accelerator

        simulated_accelerator.autoload()


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The simulated accelerator `sim` in this process, host and device on one virtual clock at zero."""
    pytest.importorskip("torch")
    import simulated_accelerator

    from bench.measure.devices import available, device

    simulated_accelerator.autoload()
    simulated_accelerator.reset(simulated_accelerator.Parameters(virtual=True))
    monkeypatch.setattr(simulated_accelerator.BackendModule, "available", True)
    monkeypatch.setattr(device, "clock", simulated_accelerator.timeline.clock)
    available.get.cache_clear()
    yield simulated_accelerator
    available.get.cache_clear()

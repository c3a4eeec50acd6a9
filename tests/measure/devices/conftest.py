"""Fixtures that several tests of devices share."""

from types import ModuleType

import pytest

from bench.measure.devices import available
from bench.measure.devices.device import Device


@pytest.fixture
def sim(simulated: ModuleType) -> Device:
    """The simulated device, used once, so that no test pays for its start."""
    assert simulated.timeline.parameters.virtual
    device = available.get("sim")
    device.initialize()
    return device

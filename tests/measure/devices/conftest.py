"""Fixtures that several tests of devices share."""

from types import ModuleType

import pytest

from bench.measure import devices


@pytest.fixture
def sim(simulated: ModuleType) -> devices.Device:
    """The simulated device, used once, so that no test pays for its start."""
    assert simulated.timeline.parameters.virtual
    device = devices.get("sim")
    device.initialize()
    return device

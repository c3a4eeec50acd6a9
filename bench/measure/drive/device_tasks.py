"""What is measured of a device apart from the cases: its first use, its self-check, its ceilings."""

from collections.abc import Mapping
from typing import Any

from bench.events import CeilingsMeasured, Checked, Initialized, Note
from bench.measure.drive.process import Worker
from bench.measure.worker.protocol import Task, UseDevice

PATIENCE_S = 120.0
"""With one task: ceilings take a few seconds, on a busy machine many."""


def run(
    worker: Worker, task: Task, device: str, known: Mapping[str, Any] | None = None
) -> list[Initialized | Checked | CeilingsMeasured | Note]:
    """The events of one task; a note where it fails.

    `known` are ceilings read before, of which only those that others disturbed are tried again.
    """
    reply = worker.ask(UseDevice(task, device, known or {}), PATIENCE_S)
    if reply.error:
        return [Note("warning", f"{task} of {device}: {reply.error}")]
    match task:
        case "check":
            return [Checked(device, **check) for check in reply.answer]
        case "ceilings":
            return [CeilingsMeasured(device, reply.answer)]
        case _:
            return [Initialized(device, reply.answer)]

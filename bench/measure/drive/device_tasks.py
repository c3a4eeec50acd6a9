"""What is measured of a device apart from the cases: its first use, its self-check, its ceilings."""

from typing import Any

from bench.measure.drive.process import Worker
from bench.measure.worker.protocol import Message

PATIENCE_S = 120.0
"""With one task: ceilings take a few seconds, on a busy machine many."""


def run(worker: Worker, task: str, device: str, known: Message | None = None) -> list[Message]:
    """The events of one task, `initialize`, `check` or `ceilings`; a note where it fails.

    `known` are ceilings read before, of which only those that others disturbed are tried again.
    """
    answer = worker.ask({"do": task, "device": device, "known": known or {}}, PATIENCE_S)
    if "error" in answer:
        return [{"event": "note", "level": "warning", "text": f"{task} of {device}: {answer['error']}"}]
    found: Any = answer["answer"]
    fields = {"check": found, "ceilings": [{"ceilings": found}]}.get(task, [found])
    return [{"event": task, **each, "device": device} for each in fields]

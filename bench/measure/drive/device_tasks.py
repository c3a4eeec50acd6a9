"""What is asked of a device apart from the cases: its facts, its first use, its self-check, its ceilings."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from bench.events import CeilingsMeasured, Checked, Initialized, Note
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Progress
from bench.measure.start.process import HOME, Spec, Worker
from bench.measure.worker.protocol import About, Ask

DEVICE_FACTS = (
    "import json, sys; sys.path.insert(0, {home!r}); from bench.measure.devices import available; "
    "print(json.dumps([{{'device': name, **available.get(name).facts()}} for name in sys.argv[1:]]))"
)

TIMEOUT_S = 120.0
"""Patience with one task: ceilings take a few seconds, on a busy machine many."""


def run_due(worker: Worker, kind: str, ledger: Ledger, progress: Progress, ceilings: bool) -> None:
    """Runs and records what is due on the device of a kind of worker, each task once in a run.

    But `ceilings`, where they are wanted, are tried again while others disturb them.
    """
    device, _, isolate = kind.partition("/")
    if isolate or device == "accelerator":  # that stands for one that is not there
        return
    first, earlier = device not in ledger.devices, ledger.ceilings.get(device, {})
    tasks: list[About] = ["initialize", "check"] if first and device != "cpu" else []
    if ceilings and (first or earlier.get("disturbed")):
        tasks.append("ceilings")
    for task in tasks:
        ledger.devices.add(device)  # also where a task fails: no later launch tries it again
        progress.move(case=f"{task} {device}")
        reply = worker.ask(Ask(task, device, earlier), TIMEOUT_S)
        if reply.error:
            ledger.record(Note("warning", f"{task} of {device}: {reply.error}"))
        elif task == "check":
            for check in reply.answer:
                ledger.record(Checked(device, **check))
        else:
            event = Initialized if task == "initialize" else CeilingsMeasured
            ledger.record(event(device, reply.answer))


def device_facts(spec: Spec, names: Sequence[str]) -> list[dict[str, Any]]:
    """What accelerators say of themselves, asked in a process of its own: saying it initializes them."""
    if not names:
        return []
    facts: list[dict[str, Any]] = []
    with suppress(subprocess.TimeoutExpired):
        asked = subprocess.run(
            [spec.python, "-P", "-c", DEVICE_FACTS.format(home=str(HOME)), *names],
            capture_output=True,
            text=True,
            env={**os.environ, **spec.environment},
            timeout=TIMEOUT_S,
        )
        facts = json.loads(asked.stdout.splitlines()[-1]) if asked.returncode == 0 else []
    return facts or [{"device": name, "name": name} for name in names]

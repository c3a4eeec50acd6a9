"""What is measured of a device apart from the cases: its first use, its self-check, its ceilings."""

from bench.events import CeilingsMeasured, Checked, Initialized, Note
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Progress
from bench.measure.drive.process import Worker
from bench.measure.worker.protocol import About, Ask

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

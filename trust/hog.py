"""Computes only while a gate's head worker does: `python -m trust.hog`, which ends with its parent."""

import os
import time
from collections.abc import Iterator

import psutil

WATCH_S, BURST_S = 0.001, 0.005
"""How often it looks whether the worker runs, and how long it then computes at a time."""

RESCAN_S = 0.5
"""How often it looks for the worker: each launch has another."""


def main() -> None:
    """Until the parent is gone."""
    parent, rescan_s = os.getppid(), 0.0
    workers: list[psutil.Process] = []
    while os.getppid() == parent:
        if time.monotonic() > rescan_s:
            workers, rescan_s = list(_workers_of_head()), time.monotonic() + RESCAN_S
        if not any(_runs(worker) for worker in workers):
            time.sleep(WATCH_S)
            continue
        until_s = time.monotonic() + BURST_S
        while time.monotonic() < until_s:
            pass


def _workers_of_head() -> Iterator[psutil.Process]:
    """The processes in head's checkout, `.../head/tree` or below."""
    for process in psutil.process_iter():
        try:
            if "bench-gate-" in process.cwd() and "head" in process.cwd().split(os.sep):
                yield process
        except psutil.Error:  # it has gone, or is not ours to look at
            continue


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_RUNNING)
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()

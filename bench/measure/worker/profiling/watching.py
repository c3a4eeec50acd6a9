"""Plain calls, watched: how long one takes, what lived meanwhile, and what else decides its time."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bench.measure.devices.device import Device
from bench.measure.host import environment
from bench.measure.host.interference import descendants_run_s
from bench.measure.worker.calls import Calls
from bench.measure.worker.profiling import onnx_profile
from bench.measure.worker.protocol import Record, Recorded

WATCH_S = 0.01
"""How often living children and threads are counted: a worker of a DataLoader lives far longer."""


def watch(target: Device, calls: Calls, command: Record) -> Recorded:
    """Calls with nothing recorded: their time, children, threads, optimizer steps and allocations."""
    steps: list[None] = []
    with _highest_counts() as counts, each_optimizer_step(lambda: steps.append(None)):
        allocations = target.allocator_counts()
        timed = calls.time(target, "wall", command.calls)
        allocated = target.allocator_counts()
    onnx_profile.watch_sessions()
    grown = (after - before for before, after in zip(allocations, allocated, strict=True))
    return Recorded(
        timed.wall_s,
        command.calls,
        steps=len(steps),
        facts=facts() | counts,
        allocator=dict(zip(("device_allocations", "retries"), grown, strict=False)),
    )


def facts() -> dict[str, Any]:
    """What decides how fast the same code runs here: versions, variables, torch's threads and flags."""
    versions: dict[str, Any] = {
        "python": environment.python()["version"],
        "packages": environment.packages(),
        "variables": environment.variables(os.environ),
    }
    if torch := sys.modules.get("torch"):
        versions["torch"] = environment.torch_facts() | {
            "default_dtype": str(torch.get_default_dtype()),
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
        }
        versions["torch"].pop("build")
    return versions


@contextmanager
def _highest_counts() -> Iterator[dict[str, int]]:
    """The most children and threads of this process that lived at one time while this is open."""
    counts = {"processes": 0, "process_threads": 0}
    over = threading.Event()

    def count() -> None:
        counts["processes"] = max(counts["processes"], len(descendants_run_s()))
        with suppress(OSError):  # only Linux lists them there
            threads = len(os.listdir("/proc/self/task")) - 1  # without the one that counts
            counts["process_threads"] = max(counts["process_threads"], threads)

    def count_until_over() -> None:
        while not over.wait(WATCH_S):
            count()

    thread = threading.Thread(target=count_until_over, daemon=True)
    thread.start()
    try:
        yield counts
    finally:
        count()
        over.set()
        thread.join()


@contextmanager
def each_optimizer_step(then: Callable[[], None]) -> Iterator[None]:
    """Calls `then` after each step of any of torch's optimizers."""
    if "torch" not in sys.modules:
        yield
        return
    from torch.optim.optimizer import register_optimizer_step_post_hook

    hook = register_optimizer_step_post_hook(lambda *_: then())
    try:
        yield
    finally:
        hook.remove()

"""An accelerator that torch believes in, with known times: the truth that measurements are held against.

`autoload` registers the device `sim`. Its tensors compute with the processor's kernels, but only when a
value is read; what an operation *takes* is the timeline's affair: each one queues

    fixed_s + flops / flops_per_s     products and convolutions
    fixed_s + bytes / bytes_per_s     everything else that reads or writes memory
    copy_latency_s + bytes / copy_bytes_per_s     copies between host and device

seconds of device time; views and `empty` queue nothing. In real time the host's clock is
`time.perf_counter` and the host really waits; with a virtual clock the host's own costs are parameters
too, and nothing depends on the machine.

Known limits: `torch.accelerator`'s own synchronize and memory calls raise, there is no pinned memory and
one stream; a value that is read holds the host up for as long as the processor needs to compute it.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import torch
from simulated_tensors import copy_from, empty, empty_strided
from simulated_timeline import Event, Parameters, allocator, compute_s, copy_s, memory_s, timeline
from simulated_values import NAME, random_state
from torch.utils import backend_registration

__all__ = ["NAME", "Parameters", "allocator", "compute_s", "copy_s", "memory_s", "timeline"]

PARAMETERS = "SIMULATED_ACCELERATOR"
"""The environment variable that holds a Parameters object as JSON, for other processes."""


class BackendModule:
    """What `torch.get_device_module("sim")` hands out."""

    simulated = True
    available = True
    Event: ClassVar[type[Event]] = Event

    @staticmethod
    def is_available() -> bool:
        return BackendModule.available

    @staticmethod
    def is_initialized() -> bool:
        return timeline.initialized

    @staticmethod
    def device_count() -> int:
        return 1

    @staticmethod
    def current_device() -> int:
        return 0

    @staticmethod
    def set_device(_device: object) -> None:
        return None

    @staticmethod
    def get_device_name(_device: object = None) -> str:
        return "Simulated accelerator"

    @staticmethod
    def get_amp_supported_dtype() -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    @staticmethod
    def _is_in_bad_fork() -> bool:
        return False

    @staticmethod
    def manual_seed_all(seed: int) -> None:
        random_state.update(seed=seed, drawn=0)

    manual_seed = manual_seed_all

    @staticmethod
    def get_rng_state(_device: object = None) -> torch.Tensor:
        return torch.tensor([random_state["seed"], random_state["drawn"]])

    @staticmethod
    def set_rng_state(state: torch.Tensor, _device: object = None) -> None:
        random_state.update(seed=int(state[0]), drawn=int(state[1]))

    @staticmethod
    def synchronize(_device: object = None) -> None:
        timeline.synchronize()

    @staticmethod
    def _sleep(cycles: int) -> None:
        timeline.queue(cycles / timeline.parameters.cycles_per_s)

    @staticmethod
    def observe_queue(observer: Callable[[str, float, float], object] | None) -> None:
        """Calls `observer(name, start_s, end_s)` for each piece of work that is queued from now on."""
        timeline.observer = observer

    @staticmethod
    def memory_allocated(_device: object = None) -> int:
        return allocator.allocated

    @staticmethod
    def max_memory_allocated(_device: object = None) -> int:
        return allocator.peak

    @staticmethod
    def reset_peak_memory_stats(_device: object = None) -> None:
        allocator.peak = allocator.allocated

    @staticmethod
    def memory_stats(_device: object = None) -> dict[str, int]:
        return {"num_device_alloc": allocator.device_allocations, "num_alloc_retries": 0}

    @staticmethod
    def empty_cache() -> None:
        allocator.reserved = allocator.allocated


_registered: list[torch.library.Library] = []


def autoload() -> None:
    """Registers the device, once a process; torch calls it through the `torch.backends` entry point."""
    if _registered:
        return
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=BackendModule)
    library = torch.library.Library("aten", "IMPL", "PrivateUse1")
    library.impl("empty.memory_format", empty)
    library.impl("empty_strided", empty_strided)
    library.impl("_copy_from", copy_from)
    _registered.append(library)
    if PARAMETERS in os.environ:
        reset(Parameters(**json.loads(os.environ[PARAMETERS])))
    if timeline.parameters.virtual:
        for package in ("bench", "_bench"):  # a worker hides it under the second name
            name = f"{package}.measure.devices.device"
            if name in sys.modules:
                sys.modules[name].clock = timeline.clock  # type: ignore[attr-defined]  # a module's variable


def reset(parameters: Parameters) -> None:
    """A fresh machine: empty queue, nothing used yet, its clock at zero if it is a virtual one."""
    timeline.__init__(parameters)  # type: ignore[misc]  # everyone holds the one timeline there is


def install(folder: Path, parameters: Parameters | None = None) -> dict[str, str]:
    """Makes `folder` announce the device to torch; returns the environment that does it.

    A process with virtual time takes the clock of `bench.measure.devices.device` from the simulation, too.
    """
    info = folder / "simulated_accelerator-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: simulated-accelerator\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[torch.backends]\n{NAME} = {__name__}:autoload\n")
    here, inherited = str(Path(__file__).parent), os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(folder), here, inherited)))
    return {"PYTHONPATH": path, PARAMETERS: json.dumps(asdict(parameters or Parameters()))}

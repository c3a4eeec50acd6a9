"""What the GPU samples of a run say of its blocks: joined by time, and by the device's UUID."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.disturbance import DISTURBING
from bench.events import GpuSample
from bench.storage.tables import Run

REACH_S = 0.15
"""How far from a block a sample still speaks for it: samples are 0.1 s apart, and most blocks 0.01 s long."""


def noted(run: Run) -> pd.DataFrame:
    """A run's blocks; those on a sampled GPU have in `notes` what went on there meanwhile.

    `throttled`: it slowed down for heat or a fault of its supply. `foreign_device_use`: others computed on
    it. `power_cap`: its power limit held its clocks down.
    """
    if not run.gpu:
        return run.blocks
    blocks = run.blocks
    device_of = dict(zip(run.cases["case"], run.cases["device"], strict=True))
    device = blocks["case"].astype(str).map(device_of)
    notes = blocks["notes"]
    for name, samples in _by_device(run).items():
        on_it = (device == name).to_numpy()
        for note, when_s in _instants(samples).items():
            notes = notes.mask(on_it & _near(blocks, when_s), notes + "," + note)
    return blocks.assign(notes=notes.str.removeprefix(","))


def _by_device(run: Run) -> dict[str, list[GpuSample]]:
    """The samples by torch's name of the device; what a UUID is called, the environment knows best."""
    names = {
        each["uuid"]: each["device"] for each in run.environment.get("devices") or () if each.get("uuid")
    }
    by_device: dict[str, list[GpuSample]] = {}
    for sample in run.gpu:
        by_device.setdefault(names.get(sample.uuid, sample.device), []).append(sample)
    return by_device


def _instants(samples: Sequence[GpuSample]) -> dict[str, NDArray[np.float64]]:
    """The instants at which each note was true of the GPU, in time order."""
    notes: dict[str, Callable[[GpuSample], object]] = {
        "throttled": lambda sample: DISTURBING.intersection(sample.throttle),
        "foreign_device_use": lambda sample: sample.foreign_processes > 0,
        "power_cap": lambda sample: "power_cap" in sample.throttle,
    }
    return {
        note: np.sort(np.array([sample.start_s for sample in samples if has(sample)], dtype=np.float64))
        for note, has in notes.items()
    }


def _near(blocks: pd.DataFrame, when_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True for blocks with one of the instants in them or within reach."""
    start_s, wall_s = blocks["start_s"].to_numpy(float), blocks["wall_s"].to_numpy(float)
    first = np.searchsorted(when_s, start_s - REACH_S, side="left")
    last = np.searchsorted(when_s, start_s + wall_s + REACH_S, side="right")
    near: NDArray[np.bool_] = last > first
    return near

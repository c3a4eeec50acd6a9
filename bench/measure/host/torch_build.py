"""The NVIDIA driver, the torch that is installed (not imported), and which build the driver can use."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from bench.measure.host.system import ROOT, text

TORCH_BUILDS = "https://pytorch.org/get-started/locally"
"""Where torch's own site says which command installs which build."""

MIN_DRIVERS = {11: 450, 12: 525, 13: 580}
"""The oldest driver for each CUDA release, of any minor version: NVIDIA's "CUDA compatibility", table 1."""

INDEXES = {12: "https://download.pytorch.org/whl/cu126", 13: "https://download.pytorch.org/whl/cu130"}
"""Torch's own packages for a CUDA release: the oldest index of each that has the torch which suites need."""


@dataclass(frozen=True)
class Build:
    """A build of torch: its version, and the CUDA that it was made for, None for none."""

    version: str
    cuda: str | None = None


def nvidia_driver(root: Path = ROOT) -> str | None:
    """The NVIDIA kernel driver's version; None where it is not loaded."""
    # NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024
    words = (text(root / "proc/driver/nvidia/version") or "").split()
    return next((word for word in words if word.replace(".", "").isdigit() and "." in word), None)


def installed() -> Build | None:
    """The torch of this Python, by its own file of versions; None where there is none."""
    spec = importlib.util.find_spec("torch")
    places = spec.submodule_search_locations if spec else None
    told = text(Path(places[0]) / "version.py") if places else None
    version = re.search(r"^__version__ = '([^']+)'", told or "", re.MULTILINE)
    cuda = re.search(r"^cuda\b[^=]*= '([\d.]+)'", told or "", re.MULTILINE)
    return Build(version[1], cuda[1] if cuda else None) if version else None


def needed_driver(build: Build) -> int | None:
    """The oldest driver that a build can use; None where that is not known."""
    return MIN_DRIVERS.get(int(build.cuda.partition(".")[0])) if build.cuda else None


def remedy(driver: int | None) -> str:
    """What makes torch use a GPU with a driver of this major version, None where that is not known."""
    usable = [cuda for cuda in INDEXES if driver is None or MIN_DRIVERS[cuda] <= driver]
    if not usable:
        return f"update the driver to {MIN_DRIVERS[min(INDEXES)]} or later"
    index = INDEXES[min(usable) if driver is None else max(usable)]
    return f"BENCH_TORCH_INDEX={index} nox -s bench (other builds: {TORCH_BUILDS})"

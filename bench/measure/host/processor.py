"""The processor: what it is, what of it this process may use, and how its clock is governed."""

import os
import platform
import sys
from pathlib import Path

from bench.measure.host.control_groups import control_groups, quota_processors
from bench.measure.host.system import ROOT, Facts, field, output, text


def cpu(root: Path = ROOT) -> Facts:
    """The processor, what of it this process may use, and how its clock is governed.

    `usable` is the number of processors in the affinity mask, `quota_processors` the control group's limit.
    """
    import psutil

    quotas = [q for group in control_groups(root) if (q := quota_processors(group)) is not None]
    model = field(root / "proc/cpuinfo", "model name") or mac_processor()
    return {
        "model": model or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "physical": psutil.cpu_count(logical=False),
        "logical": psutil.cpu_count(),
        "usable": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "quota_processors": min(quotas, default=None),
        "caches": caches(root),
        "governors": governors(root),
        "turbo": turbo(root),
    }


def mac_processor() -> str | None:
    """The processor's name where `sysctl` gives it; platform.processor() says no more than "arm" there."""
    if sys.platform != "darwin":
        return None
    return output("sysctl", "-n", "machdep.cpu.brand_string")


def caches(root: Path = ROOT) -> dict[str, str]:
    """Sizes of the first processor's data caches by level, as the kernel writes them ("512K")."""
    found = {}
    for index in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index*")):
        kind, level, size = (text(index / name) for name in ("type", "level", "size"))
        if size and kind != "Instruction":
            found[f"L{level}"] = size
    return found


def governors(root: Path = ROOT) -> list[str]:
    """The different rules by which the kernel sets the processors' clocks."""
    paths = root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
    return sorted({governor for path in paths if (governor := text(path))})


def turbo(root: Path = ROOT) -> bool | None:
    """True where the clock may rise above its nominal rate; None where the system does not say."""
    if (state := text(root / "sys/devices/system/cpu/intel_pstate/no_turbo")) is not None:
        return state == "0"
    if (state := text(root / "sys/devices/system/cpu/cpufreq/boost")) is not None:
        return state == "1"
    return None

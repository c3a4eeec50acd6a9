"""The processor: what it is, what of it this process may use, and how its clock is governed.

Sources for control groups: Linux's Documentation/admin-guide/cgroup-v2.rst (`cpu.max`, `throttled_usec` in
`cpu.stat`) and, for version 1, Documentation/scheduler/sched-bwc.rst (`cpu.cfs_quota_us`, `throttled_time`).
"""

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

from bench.measure.host.system import ROOT, Facts, field, output, text


def cpu(root: Path = ROOT) -> Facts:
    """The processor, what of it this process may use, and how its clock is governed.

    `usable` is the number of processors in the affinity mask, `quota_processors` the control group's limit.
    """
    import psutil

    quotas = [q for group in control_groups(root) if (q := quota_processors(group)) is not None]
    model = field(root / "proc/cpuinfo", "model name")
    if sys.platform == "darwin":  # platform.processor() says no more than "arm" there
        model = output("sysctl", "-n", "machdep.cpu.brand_string")
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


def caches(root: Path = ROOT) -> dict[str, str]:
    """Sizes of the first processor's data caches by level, as the kernel writes them ("512K")."""
    sizes = {}
    for index in sorted(root.glob("sys/devices/system/cpu/cpu0/cache/index*")):
        kind, level, size = (text(index / name) for name in ("type", "level", "size"))
        if size and kind != "Instruction":
            sizes[f"L{level}"] = size
    return sizes


def governors(root: Path = ROOT) -> list[str]:
    """The different rules by which the kernel sets the processors' clocks."""
    paths = root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
    return sorted({governor for path in paths if (governor := text(path))})


def turbo(root: Path = ROOT) -> bool | None:
    """True where the clock may rise above its nominal rate; None where the system does not say."""
    for file, on in (("intel_pstate/no_turbo", "0"), ("cpufreq/boost", "1")):
        if (state := text(root / "sys/devices/system/cpu" / file)) is not None:
            return state == on
    return None


def control_groups(root: Path = ROOT) -> list[Path]:
    """The folders of the control groups that rule this process's processors, its own first: Linux's quotas.

    Empty where there are none or none can be seen. A container may see its own group as the top folder, by a
    path that leads nowhere from there: then only the top is listed.
    """
    lines = (text(root / "proc/self/cgroup") or "").splitlines()
    mounts = root / "sys/fs/cgroup"
    groups = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = mounts / controllers
        own = top / path.strip("/")
        groups += [folder for folder in (own, *own.parents) if folder.is_relative_to(top)]
    return [group for group in groups if (group / "cpu.stat").is_file()]


def quota_processors(group: Path) -> float | None:
    """How many processors a control group may use at most; None where it sets no limit."""
    with suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_text().split()
        return int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota_us = int((group / "cpu.cfs_quota_us").read_text())
        return quota_us / int((group / "cpu.cfs_period_us").read_text()) if quota_us > 0 else None
    return None


def throttled_s(stat: bytes) -> float:
    """Seconds that a `cpu.stat` says were withheld, summed over processors."""
    words = stat.split()
    figures = dict(zip(words[::2], words[1::2], strict=False))
    if b"throttled_usec" in figures:
        return int(figures[b"throttled_usec"]) / 1e6
    return int(figures.get(b"throttled_time", 0)) / 1e9


def processor_ticks(root: Path = ROOT) -> list[int]:
    """Ticks of all processors since the start; empty where the system does not say.

    For user, nice, system, idle, iowait, irq, softirq, steal: proc(5).
    """
    ticks = [int(word) for word in (text(root / "proc/stat") or "").split()[1:9] if word.isdigit()]
    return ticks if len(ticks) == 8 else []

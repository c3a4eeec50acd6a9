"""The control groups that limit this process's processors on Linux: their quotas, and what they withheld.

Sources: Linux's Documentation/admin-guide/cgroup-v2.rst (`cpu.max`, `throttled_usec` in `cpu.stat`) and, for
version 1, Documentation/scheduler/sched-bwc.rst (`cpu.cfs_quota_us`, `throttled_time` in nanoseconds).
"""

from contextlib import suppress
from pathlib import Path


def control_groups(root: Path = Path("/")) -> list[Path]:
    """The folders of the control groups that rule this process's processors, its own first.

    Empty where there are none or none can be seen. A container may see its own group as the top folder, by a
    path that leads nowhere from there: then only the top is listed.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
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

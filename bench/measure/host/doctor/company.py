"""Rules about what else goes on around a case: others at work, memory, battery."""

import os
import time

from bench.measure.host.doctor.machine import Finding, Fine, Machine
from bench.measure.host.processor import processor_ticks
from bench.measure.host.system import field, text

BUSY_LOAD = 0.25
"""Load average, per usable processor, above which others are at work; a system at rest has under 0.1."""

SETTLING_S = 1.0
"""How long is looked whether the load goes on: the average still remembers what has ended, such as the
installation of what is measured."""

MEMORY_LEFT = 0.1
"""Available memory, as a share, under which the system starts to write pages out."""

SWAPPED_OUT = 0.01
"""Memory written out, as a share, that is worth a word: less is what nobody has used for hours."""


def load(machine: Machine) -> Finding | Fine:
    """Others at work on the processors."""
    words = (text(machine.root / "proc/loadavg") or "").split()
    average = float(words[0]) if words else os.getloadavg()[0]
    if average <= BUSY_LOAD * machine.processors or _is_over(machine):
        return Fine("load", "next to nothing else is at work")
    return Finding(
        "load",
        f"{average:.1f} processes were at work in the last minute, on {machine.processors:g} processors",
        "Blocks that lose their processor are not counted, so that runs last longer and more cases are noisy",
        "close what is running, or wait a minute if that was you",
        serious=average > machine.processors / 2,
    )


def _is_over(machine: Machine) -> bool:
    """True where next to nothing is at work now, whatever the load average remembers."""
    before = processor_ticks(machine.root)
    time.sleep(SETTLING_S)
    after = processor_ticks(machine.root)
    passed = sum(after) - sum(before)
    if not passed:  # the system does not say
        return False
    busy = 1 - sum(after[at] - before[at] for at in (3, 4)) / passed  # idle, iowait: proc(5)
    return busy <= BUSY_LOAD


def memory(machine: Machine) -> Finding | Fine | None:
    """Too little memory: pages are written out and read back in mid-block."""
    path = machine.root / "proc/meminfo"
    fields = {name: field(path, name) for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")}
    kib = {name: int(value.split()[0]) for name, value in fields.items() if value}
    if len(kib) < 4:
        return None
    left, swapped = kib["MemAvailable"] / kib["MemTotal"], kib["SwapTotal"] - kib["SwapFree"]
    if left >= MEMORY_LEFT and swapped <= SWAPPED_OUT * kib["MemTotal"]:
        return Fine("memory", f"{left:.0%} of it is left")
    return Finding(
        "memory",
        f"{left:.0%} of the memory is left and {swapped / 2**20:.1f} GiB is swapped out",
        "Memory that comes back from disk counts as work; large cases may be ended by the system",
        "close what uses memory; swapoff -a and swapon -a bring back what was swapped out",
        serious=left < MEMORY_LEFT,
    )


def battery(machine: Machine) -> Finding | Fine | None:
    """A laptop that saves power."""
    states = [text(path) for path in machine.root.glob("sys/class/power_supply/BAT*/status")]
    if not states:
        return None
    if "Discharging" not in states:
        return Fine("power", "the battery is not in use")
    return Finding(
        "battery",
        "the machine runs on its battery",
        "It lowers its clocks to save power, and more so as the battery empties",
        "plug it in",
        serious=True,
    )


RULES = (load, memory, battery)

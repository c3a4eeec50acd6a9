"""Rules about processors and NVIDIA GPUs: how much of them a case gets, and what changes their speed.

GPUs are looked at before anything of ours runs on them.
"""

from bench.disturbance import DISTURBING
from bench.measure.host.delays import schedstat_works
from bench.measure.host.doctor.machine import Finding, Fine, Machine
from bench.measure.host.processor import control_groups, processor_ticks, throttled_s
from bench.measure.host.system import text

STOLEN_SHARE = 0.01
"""Processor time stolen by a hypervisor, as a share since the start, that is worth a word: a tenth of it
is usual, and 1 % is where a delay disturbs a block."""


def few_processors(machine: Machine) -> Finding | Fine:
    """No processor left for anything but the case itself."""
    if machine.processors >= 2:
        return Fine("processors", f"{machine.processors:g} may be used")
    return Finding(
        "processors",
        f"only {machine.processors:g} of {machine.processor['logical']} processors may be used",
        "The coordinator, the system and the case take turns on it; nothing parallel can be measured",
        "allow at least two (taskset, --cpus, the job's CPU request)",
        serious=True,
    )


def throttled(machine: Machine) -> Finding | Fine:
    """A control group's quota, which stops a process in mid-block."""
    quota = machine.processor["quota_processors"]
    if quota is None:
        return Fine("quota", "no control group limits the processors")
    withheld_s = sum(throttled_s((group / "cpu.stat").read_bytes()) for group in control_groups(machine.root))
    return Finding(
        "quota",
        f"a control group allows {quota:g} processors and has withheld {withheld_s:.1f} s so far",
        "Whatever uses more stands still for tens of milliseconds; such blocks are not counted",
        "use a CPU set instead of a quota (docker --cpuset-cpus, a Guaranteed pod with whole CPUs)",
        serious=withheld_s > 0,
    )


def governor(machine: Machine) -> Finding | Fine | None:
    """A clock that follows the load."""
    governors = machine.processor["governors"]
    slow = [name for name in governors if name != "performance"]
    if not slow:
        return Fine("governor", "the clock does not follow the load") if governors else None
    return Finding(
        "governor",
        f"the clock follows the load ({', '.join(slow)})",
        "Work after a pause runs at a lower clock: short cases are slower and vary more",
        "sudo cpupower frequency-set -g performance",
    )


def turbo(machine: Machine) -> Finding | Fine | None:
    """A clock that follows temperature and company."""
    if machine.processor["turbo"] is None:
        return None
    if not machine.processor["turbo"]:
        return Fine("turbo", "the clock stays at its nominal rate")
    return Finding(
        "turbo",
        "the clock may rise above its nominal rate",
        "It depends on temperature and on how many cores work: days differ by some per cent",
        "leave it on for a report; turn it off (intel_pstate/no_turbo, cpufreq/boost) to compare runs",
    )


def overheated(machine: Machine) -> Finding | Fine | None:
    """A processor that had to slow down for heat."""
    paths = [*machine.root.glob("sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")]
    times = sum(int(text(path) or 0) for path in paths)
    if not times:
        return (
            Fine("heat", "the processor has not slowed down for it since it was started") if paths else None
        )
    return Finding(
        "heat",
        f"the processor slowed down for heat {times} times since it was started",
        "Whatever ran meanwhile was slower",
        "let it cool, put it on a hard surface, and watch this count over a run",
    )


def stolen(machine: Machine) -> Finding | Fine | None:
    """A hypervisor that gives the processor to others."""
    ticks = processor_ticks(machine.root)
    if not any(ticks):
        return None
    share = ticks[7] / sum(ticks)
    if share <= STOLEN_SHARE:
        return Fine("stolen time", f"a hypervisor took {share:.1%} of the processors since they were started")
    return Finding(
        "stolen time",
        f"the hypervisor took {share:.0%} of the processors since they were started",
        "Calls take longer by what was taken; it shows as delay only in part",
        "use a machine with processors of its own",
        serious=share > 5 * STOLEN_SHARE,
    )


def delay_unknown(machine: Machine) -> Finding | Fine:
    """No run-queue delay to read."""
    if schedstat_works(machine.root):
        return Fine("run-queue delay", "the kernel tells what other programs take from a block")
    return Finding(
        "run-queue delay",
        "the kernel does not tell how long a thread waits for a processor (/proc/self/schedstat)",
        "Disturbed blocks are found from involuntary context switches alone, and some are missed",
        "on Linux use a kernel with CONFIG_SCHED_INFO; elsewhere measure on a quiet machine",
    )


def gpu_users(machine: Machine) -> Finding | Fine | None:
    """Someone else's processes on a GPU."""
    if not machine.gpus:
        return None
    shared = [gpu for gpu in machine.gpus if gpu.users]
    if not shared:
        return Fine("GPU users", f"nobody else computes on {_names(machine)}")
    return Finding(
        "GPU users",
        "; ".join(f"{gpu.name}: process {', '.join(map(str, gpu.users))}" for gpu in shared),
        "Kernels of different processes take turns, and share its memory, caches and power",
        "end them, or choose another GPU with --device cuda:INDEX or CUDA_VISIBLE_DEVICES",
        serious=True,
    )


def gpu_throttled(machine: Machine) -> Finding | Fine | None:
    """A GPU that slows down for heat or for want of power."""
    if not machine.gpus:
        return None
    slow = {gpu.name: reasons for gpu in machine.gpus if (reasons := DISTURBING.intersection(gpu.throttle))}
    if not slow:
        return Fine("GPU clock", f"nothing holds the clock of {_names(machine)} down")
    return Finding(
        "GPU clock",
        "; ".join(f"{name}: {', '.join(sorted(reasons))}" for name, reasons in slow.items()),
        "Its clock is lowered while that lasts, and every kernel with it",
        "see to its cooling and power supply, or let it cool",
        serious=True,
    )


def _names(machine: Machine) -> str:
    return ", ".join(gpu.name for gpu in machine.gpus)


def gpu_unloaded(machine: Machine) -> Finding | None:
    """A driver that lets go of a GPU which nobody uses."""
    names = [gpu.name for gpu in machine.gpus if gpu.persistent is False]
    if not names:
        return None
    return Finding(
        "GPU persistence",
        f"the driver unloads {', '.join(names)} when nobody uses it",
        "Each worker's start on it takes a second or more longer; steady state is not touched",
        "sudo nvidia-smi -pm 1",
    )


RULES = (
    few_processors, throttled, governor, turbo, overheated, stolen, delay_unknown, gpu_users, gpu_throttled,
    gpu_unloaded,
)  # fmt: skip

"""Rules about NVIDIA GPUs, as NVML shows them before anything of ours runs on them."""

from bench.disturbance import DISTURBING
from bench.measure.host.doctor.machine import Finding, Machine


def gpu_users(machine: Machine) -> Finding | None:
    """Someone else's processes on a GPU."""
    shared = [gpu for gpu in machine.gpus if gpu.users]
    if not shared:
        return None
    return Finding(
        "GPU users",
        "; ".join(f"{gpu.name}: process {', '.join(map(str, gpu.users))}" for gpu in shared),
        "Kernels of different processes take turns, and share its memory, caches and power",
        "end them, or choose another GPU with --device cuda:INDEX or CUDA_VISIBLE_DEVICES",
        serious=True,
    )


def gpu_throttled(machine: Machine) -> Finding | None:
    """A GPU that slows down for heat or for want of power."""
    slow = {gpu.name: found for gpu in machine.gpus if (found := DISTURBING.intersection(gpu.throttle))}
    if not slow:
        return None
    return Finding(
        "GPU clock",
        "; ".join(f"{name}: {', '.join(sorted(reasons))}" for name, reasons in slow.items()),
        "Its clock is lowered while that lasts, and every kernel with it",
        "see to its cooling and power supply, or let it cool",
        serious=True,
    )


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
        serious=False,
    )


RULES = (gpu_users, gpu_throttled, gpu_unloaded)

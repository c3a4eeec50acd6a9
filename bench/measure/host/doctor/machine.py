"""What the rules look at, and what they find."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.measure.host.gpu_monitor import THROTTLE_REASONS
from bench.measure.host.system import Facts


@dataclass(frozen=True)
class Finding:
    """A finding is one thing that spoils numbers: its name, what was seen, the effect, and the remedy.

    A `serious` one makes numbers wrong, or unlike those of the same machine without it; the others make
    them vary, or say what cannot be known.
    """

    name: str
    seen: str
    effect: str
    remedy: str
    serious: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}. {self.effect}. To do: {self.remedy}."


@dataclass(frozen=True)
class Gpu:
    """A GPU is what NVML tells of one: ids of the processes that compute on it, why its clock is held down,
    and whether the driver keeps it ready when nobody does."""

    name: str
    users: tuple[int, ...] = ()
    throttle: tuple[str, ...] = ()
    persistent: bool | None = None


@dataclass(frozen=True)
class Machine:
    """A machine is what the rules look at: a system's files below `root`, environment variables,
    the processor's facts, torch's own (empty where it was not asked), and GPUs."""

    root: Path
    environ: Mapping[str, str]
    processor: Facts
    torch: Facts
    gpus: Sequence[Gpu]

    @property
    def processors(self) -> float:
        """How many processors a process may keep busy: those that it may run on, or its quota if less."""
        usable = self.processor["usable"]
        return float(min(usable, self.processor["quota_processors"] or usable))


def nvidia_gpus() -> list[Gpu]:
    """The NVIDIA GPUs of this machine; none where NVML or its package is missing."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return []
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        return [_gpu(handle) for handle in handles]
    finally:
        pynvml.nvmlShutdown()


def _gpu(handle: object) -> Gpu:
    """What one GPU tells; what it does not tell keeps its default."""
    import pynvml

    told: Facts = {"name": pynvml.nvmlDeviceGetName(handle)}
    with suppress(pynvml.NVMLError):
        told["users"] = tuple(p.pid for p in pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    with suppress(pynvml.NVMLError):
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        told["throttle"] = tuple(name for bit, name in THROTTLE_REASONS.items() if reasons & bit)
    with suppress(pynvml.NVMLError):
        told["persistent"] = bool(pynvml.nvmlDeviceGetPersistenceMode(handle))
    return Gpu(**told)

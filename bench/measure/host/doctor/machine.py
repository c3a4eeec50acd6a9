"""What the rules look at, and what they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure.host.gpu_monitor import Gpu
from bench.measure.host.system import Facts
from bench.measure.host.torch_build import Build


@dataclass(frozen=True)
class Finding:
    """A finding is one thing that spoils numbers: its name, what was seen, the effect, and the remedy.

    A `serious` one makes numbers wrong, or unlike those of the same machine without it; the others make
    them vary, or name what cannot be read.
    """

    name: str
    seen: str
    effect: str
    remedy: str
    serious: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}. {self.effect}. To do: {self.remedy}."


@dataclass(frozen=True)
class Fine:
    """What a rule looked at and found in order."""

    name: str
    seen: str

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}"


@dataclass(frozen=True)
class Machine:
    """A machine is what the rules look at: a system's files below `root`, environment variables,
    the processor's facts, torch's own (empty where it was not asked), GPUs, the torch that is installed."""

    root: Path
    environ: Mapping[str, str]
    processor: Facts
    torch: Facts
    gpus: Sequence[Gpu]
    build: Build | None = None

    @property
    def processors(self) -> float:
        """How many processors a process may keep busy: those that it may run on, or its quota if less."""
        usable = self.processor["usable"]
        return float(min(usable, self.processor["quota_processors"] or usable))

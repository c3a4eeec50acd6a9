"""What on this machine makes numbers untrustworthy: each with what it does to them and what to do.

A rule is a function that looks at a `Machine` and returns a `Finding`; where all is well what is `Fine`, or
None where that could not be looked at, or goes without saying. A new one goes into the module that it belongs
to, and into that module's `RULES`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure.host.doctor import company, processors, settings
from bench.measure.host.doctor.machine import Finding, Fine, Machine
from bench.measure.host.gpu_monitor import Gpu, nvidia_gpus
from bench.measure.host.processor import cpu
from bench.measure.host.system import ROOT, Facts
from bench.measure.host.torch_build import Build, installed

__all__ = ["RULES", "Examination", "Finding", "Fine", "Gpu", "Machine", "examine", "findings", "unused_gpu"]

RULES = company.RULES + processors.RULES + settings.RULES

GRADES = {
    "good": "nothing seen that would make numbers untrustworthy",
    "usable": "numbers vary more than they need to, or something could not be looked at",
    "poor": "something makes numbers wrong, or unlike those of the same machine without it",
}
"""What each grade means: without a finding, without a serious one, and with one."""


@dataclass(frozen=True)
class Examination:
    """All that was looked at: what spoils numbers, the serious first, and what is fine."""

    findings: tuple[Finding, ...]
    fine: tuple[Fine, ...]

    @property
    def grade(self) -> str:
        """One of GRADES, which the worst finding decides."""
        if not self.findings:
            return "good"
        return "poor" if self.findings[0].serious else "usable"


def examine(
    root: Path = ROOT,
    environ: Mapping[str, str] = os.environ,
    torch: Facts | None = None,
    nvidia: Sequence[Gpu] | None = None,
    build: Build | None = None,
) -> Examination:
    """What every rule says of this machine.

    `torch` is what `environment.torch_facts` said, where a worker was asked; `nvidia` the GPUs, `build` the
    torch that is installed, both read by default.
    """
    gpus, build = nvidia_gpus() if nvidia is None else nvidia, build or installed()
    machine = Machine(root, environ, cpu(root), torch or {}, gpus, build)
    told = [rule(machine) for rule in RULES]
    found = sorted((each for each in told if isinstance(each, Finding)), key=lambda each: not each.serious)
    return Examination(tuple(found), tuple(each for each in told if isinstance(each, Fine)))


def unused_gpu(
    root: Path = ROOT, environ: Mapping[str, str] = os.environ, build: Build | None = None
) -> Finding | None:
    """That torch cannot use the GPU which is there, as files alone tell: it takes no time to know."""
    told = settings.torch_without_gpu(Machine(root, environ, {}, {}, (), build or installed()))
    return told if isinstance(told, Finding) else None


def findings(torch: Facts | None = None) -> Sequence[Finding]:
    """All that spoils numbers here, the serious first; `torch` as of `examine`."""
    return examine(torch=torch).findings

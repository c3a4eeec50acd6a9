"""What on this machine makes numbers untrustworthy: each with what it does to them and what to do.

A rule is a function that looks at a `Machine` and returns a `Finding`, or None where all is well. A new one
goes into the module that it belongs to, and into that module's `RULES`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure.host.doctor import company, processors, settings
from bench.measure.host.doctor.machine import Finding, Machine
from bench.measure.host.gpu_monitor import Gpu, nvidia_gpus
from bench.measure.host.processor import cpu
from bench.measure.host.system import ROOT, Facts

__all__ = ["RULES", "Finding", "Gpu", "Machine", "findings"]

RULES = company.RULES + processors.RULES + settings.RULES


def findings(
    root: Path = ROOT,
    environ: Mapping[str, str] = os.environ,
    torch: Facts | None = None,
    nvidia: Sequence[Gpu] | None = None,
) -> list[Finding]:
    """All that spoils numbers here, the serious first.

    `torch` is what `environment.torch_facts` said, where a worker was asked; `nvidia` the GPUs, read by
    default.
    """
    machine = Machine(root, environ, cpu(root), torch or {}, nvidia_gpus() if nvidia is None else nvidia)
    of_rules = [finding for rule in RULES if (finding := rule(machine)) is not None]
    return sorted(of_rules, key=lambda finding: not finding.serious)

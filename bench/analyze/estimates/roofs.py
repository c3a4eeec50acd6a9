"""The roofs over a case: under each ceiling of a device its declared work has a shortest possible time."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analyze.declared import number

DEFAULT_DTYPE = "float32"
"""What torch computes in by default."""


@dataclass(frozen=True)
class Roof:
    """A ceiling over a case: what bounds it, which of that kind, and the shortest time it allows.

    `kind` is `launch`, `compute`, `memory` or `transfer`; `name` is a dtype, a level of memory or a link.
    """

    kind: str
    name: str
    seconds: float


def roofs(
    flops: float, bytes_: float, facts: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> Iterator[Roof]:
    """Every roof that the ceilings put over the work.

    What crosses a link between host and device (`link` in `extra_info` names it) is held back by that alone,
    or by the launch: back to back a link's latency is no bound.
    """
    if launch_s := ceilings.get("launch_s"):
        yield Roof("launch", "", launch_s)
    if link := facts.get("link"):
        if str(link) in ceilings and bytes_ > 0:
            yield Roof("transfer", str(link), bytes_ / best_of(ceilings[str(link)]))
        return
    rates = ceilings.get("flops_per_s") or {}
    if flops > 0 and rates.get(precision(facts)):
        yield Roof("compute", precision(facts), flops / rates[precision(facts)])
    level = memory_level(bytes_, facts, ceilings)
    if level:
        yield Roof("memory", level, bytes_ / ceilings["copy_bytes_per_s"][level])


def best_of(link: Mapping[str, float]) -> float:
    """The fastest that a link was seen to copy, which for ordinary memory is more than its fit says."""
    return max(link["bytes_per_s"], link.get("best_bytes_per_s", 0.0))


def precision(facts: Mapping[str, Any]) -> str:
    """In what a case multiplies: its dtype, but `tf32` where it rounds float32 to 10 bits."""
    dtype = str(facts.get("dtype", DEFAULT_DTYPE))
    return "tf32" if dtype == DEFAULT_DTYPE and facts.get("tf32") == "on" else dtype


def memory_level(bytes_: float, facts: Mapping[str, Any], ceilings: Mapping[str, Any]) -> str:
    """The nearest memory that holds all that a call reads and writes, as calls back to back find it there
    again; "" where that is not known.

    A call that writes over what it reads declares what that comes to, `footprint_bytes`; else it is `bytes`.
    """
    declared = number(facts, "footprint_bytes")
    size = bytes_ if math.isnan(declared) else declared
    if not bytes_ > 0 or facts.get("link"):
        return ""
    rates, caches = ceilings.get("copy_bytes_per_s") or {}, ceilings.get("level_bytes") or {}
    holds = {level: caches.get(level, math.inf if level == "memory" else 0.0) for level in rates}
    fitting = [level for level, held in holds.items() if held >= size]
    # The fastest of them: a near level is at least as fast as those further away, whatever was measured.
    return max(fitting, key=lambda level: (rates[level], -holds[level]), default="")

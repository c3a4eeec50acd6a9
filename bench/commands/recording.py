"""How a new run begins: its folder, and the header of its journal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.store import Journal

Facts = Mapping[str, Any]


def begin(
    out: Path,
    arguments: Facts,
    facts: Facts,
    accelerators: Sequence[dict[str, Any]],
    commit: Facts,
    **further: Facts,
) -> "Journal":
    """The journal of a new run in `out`, with its header written.

    `facts` are what a worker said of torch, `accelerators` what they said of themselves; `further` entries
    of the header belong to what kind of run it is. Raises StoreError where the folder cannot be written.
    """
    from datetime import UTC, datetime

    from bench.measure import environment
    from bench.store import Journal, new_run_folder

    machine = environment.environment(accelerators) | {"torch": facts.get("torch", {})}
    folder = new_run_folder(out, str(machine.get("host", "")), str(commit.get("id", ""))[:10])
    header = {
        "version": 1,
        "run": folder.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": arguments,
        "environment": machine,
        "commit": commit,
        **further,
    }
    return Journal.create(folder, header)

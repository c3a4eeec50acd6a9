"""What the store hands to the analysis: one Run, and the columns of the frames that users load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.events import Checked, End, Explained, GpuSample, Header, Initialized, Launch, Note

IDENTITY = ("case", "suite", "operation", "device")
"""The first columns of the cases frame; a column for each parameter follows them."""

MEASURED = (
    "median_s", "low_s", "high_s", "latency_s", "device_s", "host_s", "cold_s", "first_s", "blocks",
    "clean_blocks", "launches", "disturbed_share", "flops", "bytes", "items", "flops_per_s", "bytes_per_s",
    "items_per_s", "ceiling_share", "bound", "peak_memory_bytes", "kept_bytes",
    "status", "confidence", "warnings", "run", "machine",
)  # fmt: skip
"""The columns after the parameters: seconds per call, work per call and per second, and what they rest on."""

FURTHER = (
    "side", "axis", "between", "isolate", "doc", "reason", "warmup_s", "extra", "visits", "failed_visits",
    "outcome", "message", "memory_level", "latency_p50_s", "latency_p95_s", "latency_p99_s",
    "joules_per_call", "items_per_joule",
)  # fmt: skip
"""The columns at the end: what a report needs besides. `extra` is the whole of extra_info, as JSON."""

BLOCKS = "blocks.parquet"

JOURNAL_BYTES = b"journal_bytes"
"""Key in its metadata: how long the journal was that it was made from."""


@dataclass(frozen=True)
class Run:
    """A run as it was recorded: nothing in it is computed from times.

    `cases` has one row a case and side: case, side, suite, operation, device, params (dict), axis,
    between, isolate, doc, extra (dict: the last visit's extra_info), visits, failed_visits, outcome
    (passed, failed, timeout, died, skipped or "" for never visited), message.
    `blocks` has one row a block in the order written: case, side, launch, pass, kind, start_s, calls,
    wall_s, host_s, device_s, delay_s, foreign_s, throttled_s, pace_s, threads, children, processors, notes.
    `ceilings` are the measured roofs by device, `journal_bytes` how long the journal was as it was read; the
    other fields hold the events of that name.
    """

    path: Path
    header: Header
    cases: pd.DataFrame
    blocks: pd.DataFrame
    launches: tuple[Launch, ...] = ()
    ceilings: Mapping[str, Mapping[str, Any]] | None = None
    checks: tuple[Checked, ...] = ()
    gpu: tuple[GpuSample, ...] = ()
    initializations: tuple[Initialized, ...] = ()
    notes: tuple[Note, ...] = ()
    explained: tuple[Explained, ...] = ()
    end: End | None = None
    journal_bytes: int = 0

    @property
    def name(self) -> str:
        return self.header.run or self.path.name

    @property
    def environment(self) -> Mapping[str, Any]:
        return self.header.environment

    @property
    def machine(self) -> str:
        """The name under which this machine's runs may be set beside each other."""
        return str(self.environment.get("machine") or self.environment.get("host") or "")


def merge(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Cases frames under each other, the columns in the contract's order."""
    fixed = {*IDENTITY, *MEASURED, *FURTHER}
    parameters = dict.fromkeys(name for frame in frames for name in frame.columns if name not in fixed)
    merged = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    # Tables of earlier versions lack the later columns.
    return merged.reindex(columns=[*IDENTITY, *parameters, *MEASURED, *FURTHER])


def parameters(cases: pd.DataFrame) -> list[str]:
    """The names of a cases frame's parameter columns: those between the identity and the times."""
    names = list(cases.columns)
    return names[len(IDENTITY) : names.index(MEASURED[0])]

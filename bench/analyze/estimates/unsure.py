"""Figures that a run has and cannot vouch for: kept, and marked with why."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.analyze.estimates.roofs import DEFAULT_DTYPE

BEFORE_BYTES = 2**26
"""What even the case that moves least seems to need, from which peaks count what was in use before it, as
older releases recorded them: 332 MB beside an H200, for what moves 8 KB."""

FEW = 3
"""Cases on a device from which its least peak tells."""


def unsure(
    frame: pd.DataFrame, cases: pd.DataFrame, blocks: pd.DataFrame, environment: Mapping[str, Any]
) -> Iterator[tuple[int, str]]:
    """Rows with such a figure, and what is to be known of it; `blocks` have their case's `row`."""
    yield from _whole_peaks(frame)
    yield from _unknown_precision(frame, cases, environment)
    yield from _never_timed(frame, blocks)


def _whole_peaks(frame: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Peaks of memory that are not above what was in use before the case."""
    peaks = frame[(frame["peak_memory_bytes"] > 0) & (frame["device"] != "cpu")]
    for _, of in peaks.groupby("device"):
        above = (of["peak_memory_bytes"] - of["bytes"]).dropna()
        if len(above) >= FEW and above.min() > BEFORE_BYTES:
            text = f"peak memory counts what was in use before, {above.min() / 1e6:.0f} MB or more"
            yield from ((int(row), text) for row in of.index)


def _unknown_precision(
    frame: pd.DataFrame, cases: pd.DataFrame, environment: Mapping[str, Any]
) -> Iterator[tuple[int, str]]:
    """Work in float32 on CUDA where convolutions round to TF32, and no record says whether this did."""
    settings = environment.get("torch") or {}
    if settings.get("float32_cudnn_convolution") != "tf32":
        return
    rows = zip(frame["device"], frame["flops"], frame["blocks"], cases["extra"], cases["params"], strict=True)
    for row, (device, flops, blocks, extra, params) in enumerate(rows):
        facts = {**extra, **params}
        if not (str(device).startswith("cuda") and flops > 0 and blocks and "tf32" not in facts):
            continue
        if facts.get("dtype", DEFAULT_DTYPE) == DEFAULT_DTYPE:
            yield row, "any convolutions of its were made in TF32, off the record"


def _never_timed(frame: pd.DataFrame, blocks: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Cases without a block of a kind that others on their device have: visits time kinds in turn, as far as
    time and a case's rounds reach."""
    timed = frame.loc[blocks["row"].unique()]
    for kind, what in (("latency", "latency"), ("device", "device time")):
        have = set(blocks.loc[blocks["kind"] == kind, "row"])
        devices = set(frame.loc[list(have), "device"])
        for row, device in timed["device"].items():
            if row not in have and device in devices:
                yield int(str(row)), f"no {what}: none of its visits came to time one"

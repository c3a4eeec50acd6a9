"""The page's table of cases: a row and the details of each, and its blocks as the script draws them."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.report import Report, RunReport
from bench.render.units import estimate, half_width, interval, percent, quantity, sortable
from bench.storage.tables import parameters

COLUMNS = (
    "case", "device", "time", "±", "one call", "rate", "of ceiling", "clean blocks", "status", "confidence",
)  # fmt: skip

TIMES = {
    "one call": "latency_s", "on the device": "device_s", "until the call returned": "host_s",
    "cold caches": "cold_s", "first call": "first_s", "warm-up": "warmup_s",
}  # fmt: skip
RATES = {"flops_per_s": "flop/s", "bytes_per_s": "B/s", "items_per_s": "items/s"}

BEYOND = 1.1
"""Share of a ceiling beyond which it plainly does not hold the case back."""

MAX_POINTS = 100_000
"""Blocks drawn in the whole page; beyond it every case keeps an evenly spread share, and four at least."""


def cells(row: Mapping[Any, Any], several: bool) -> list[Any]:
    """One row of the cases' table; a cell is text, or [text, what to sort by]."""
    name = str(row["case"]).partition("::")[2] or str(row["case"])
    rate, rate_text = _rate(row)
    return [
        name + (f" ({row['side']})" if row["side"] else ""),
        f"{row['device']} · {row['machine']}" if several else row["device"],
        [estimate(row["median_s"], row["low_s"], row["high_s"]), sortable(row["median_s"])],
        [half_width(row["low_s"], row["high_s"]), sortable(row["high_s"] / row["low_s"])],
        [quantity(row["latency_s"], "s"), sortable(row["latency_s"])],
        [rate_text, sortable(rate)],
        [_of_ceiling(row["ceiling_share"], row["bound"]), sortable(row["ceiling_share"])],
        [f"{row['clean_blocks']} of {row['blocks']}" if row["blocks"] else "–", int(row["clean_blocks"])],
        row["status"] + (" ⚠" if row["warnings"] else ""),
        row["confidence"],
    ]


def _of_ceiling(share: float, bound: str) -> str:
    """How much of the ceiling that binds is reached. A case that fits into a cache goes beyond memory's."""
    return f"beyond {bound}" if share > BEYOND else f"{percent(share)} {bound}".strip()


def _rate(row: Mapping[Any, Any]) -> tuple[float, str]:
    """The most telling rate that the case declares work for."""
    for name, unit in (("flops", "flop/s"), ("items", "items/s"), ("bytes", "B/s")):
        if row[name] > 0:
            return row[f"{name}_per_s"], quantity(row[f"{name}_per_s"], unit)
    return np.nan, "–"


def facts(report: Report, rows: Sequence[Mapping[Any, Any]]) -> list[list[list[str]]]:
    """For each case what its details list: pairs of name and text."""
    names = parameters(report.cases)
    options = [_options(part) for part in report.runs for _ in range(len(part.cases))]
    of_rows = (_pairs(row, names, again) for row, again in zip(rows, options, strict=True))
    return [[pair for pair in pairs if pair[1]] for pairs in of_rows]


def _options(part: RunReport) -> str:
    """What `bench run` needs besides a case to measure it as it was in the run."""
    arguments = part.run.header.arguments
    preset = arguments.get("preset", "default")
    chosen = [f" --device {shlex.quote(device)}" for device in arguments.get("devices") or ()]
    return "".join(chosen) + (f" --preset {preset}" if preset != "default" else "")


def _pairs(row: Mapping[Any, Any], names: Sequence[str], options: str) -> Iterator[list[str]]:
    yield from (["what", row["doc"]], ["why not", row["reason"]], ["warnings", row["warnings"]])
    if row["median_s"] > 0:
        yield ["time per call", interval(row["median_s"], row["low_s"], row["high_s"])]
    yield from ([label, quantity(row[name], "s")] for label, name in TIMES.items() if row[name] > 0)
    yield from (["rate", quantity(row[name], unit)] for name, unit in RATES.items() if row[name] > 0)
    if row["bound"]:
        yield ["of the ceiling that binds", f"{percent(row['ceiling_share'])} ({row['bound']})"]
    if row["kept_bytes"] > 0:
        yield ["kept a call", quantity(row["kept_bytes"], "B")]
    if row["peak_memory_bytes"] > 0:
        yield ["peak memory", quantity(row["peak_memory_bytes"], "B")]
    yield from ([name, str(row[name])] for name in names if pd.notna(row[name]))
    yield from ([name, str(value)] for name, value in json.loads(row["extra"]).items() if name not in row)
    yield ["measure again", f"bench run {shlex.quote(row['case'])}{options}"]


def block_codes(part: RunReport, budget: int) -> list[list[list[int]]]:
    """Wall blocks in time order, for each case a list for each launch; a block is one whole number:
    twice its deviation from the case's median in thousandths, and one more where it was disturbed."""
    blocks = part.analyzed.blocks
    wall = blocks[blocks["kind"] == "wall"]
    keys = pd.MultiIndex.from_frame(part.cases[["case", "side"]])
    row = keys.get_indexer(pd.MultiIndex.from_frame(wall[["case", "side"]].astype(str)))
    median = part.cases["median_s"].to_numpy(float)[row]
    deviation = np.clip((wall["wall_s"] / wall["calls"]).to_numpy() / median - 1, -1, 99)
    codes = 2 * np.round(1000 * deviation).astype(int) + wall["disturbed"].to_numpy(int)
    order = np.lexsort((wall["launch"], row))
    row, codes, launch = row[order], codes[order], wall["launch"].to_numpy()[order]
    starts = np.searchsorted(row, np.arange(len(part.cases) + 1))
    return [_launches(codes[a:b], launch[a:b], budget) for a, b in pairwise(starts)]


def _launches(codes: np.ndarray, launch: np.ndarray, budget: int) -> list[list[int]]:
    if len(codes) > budget:
        kept = np.linspace(0, len(codes) - 1, budget).round().astype(int)
        codes, launch = codes[kept], launch[kept]
    cuts = np.flatnonzero(np.diff(launch)) + 1
    return [each.tolist() for each in np.split(codes, cuts)] if len(codes) else []

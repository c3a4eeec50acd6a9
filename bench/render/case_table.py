"""The page's table of cases: a row and the details of each, and its blocks as the script draws them."""

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.names import words
from bench.analyze.report import Report, RunReport
from bench.render.units import estimate, half_width, interval, known_digits, percent, quantity, sortable
from bench.storage.tables import parameters

COLUMNS = ("operation", "parameters", "device", "time", "±", "rate", "confidence")

TIMES = {
    "one call": "latency_s", "on the device": "device_s", "until the call returned": "host_s",
    "cold caches": "cold_s", "first call": "first_s", "warm-up": "warmup_s",
}  # fmt: skip
RATES = {"flops_per_s": "flop/s", "bytes_per_s": "B/s", "items_per_s": "items/s"}

MAX_POINTS = 100_000
"""Blocks drawn in the whole page; beyond it every case keeps an evenly spread share, and four at least."""


def cells(row: Mapping[Any, Any], names: Sequence[str], several: bool) -> list[Any]:
    """One row of the cases' table; a cell is text, or [text, what to sort by], or names and values.

    `names` are the parameters of all cases, `several` whether there are several machines.
    """
    rate, rate_text = _rate(row)
    return [
        words(str(row["operation"])) + (f" ({row['side']})" if row["side"] else ""),
        {words(name): _value(row[name]) for name in names if pd.notna(row[name])},
        f"{row['device']} · {row['machine']}" if several else row["device"],
        [estimate(row["median_s"], row["low_s"], row["high_s"]), sortable(row["median_s"])],
        [half_width(row["low_s"], row["high_s"]), sortable(row["high_s"] / row["low_s"])],
        [rate_text, sortable(rate)],
        row["confidence"] if row["status"] == "ok" else row["status"],
    ]


def _value(value: object) -> str | int | float:
    """A parameter as JSON: a whole number stays one, whatever numpy made of the column."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value):
        return int(value) if float(value).is_integer() else float(value)
    return str(value)


def _rate(row: Mapping[Any, Any]) -> tuple[float, str]:
    """The most telling rate that the case declares work for, in the digits that its time is known in."""
    for name, unit in (("flops", "flop/s"), ("items", "items/s"), ("bytes", "B/s")):
        if row[name] > 0:
            digits = known_digits(row["median_s"], row["low_s"], row["high_s"])
            return row[f"{name}_per_s"], quantity(row[f"{name}_per_s"], unit, digits)
    return np.nan, "–"


def facts(report: Report, rows: Sequence[Mapping[Any, Any]]) -> list[list[list[str]]]:
    """For each case what its details list: pairs of name and text."""
    names = parameters(report.cases)
    options = [_options(part) for part in report.runs for _ in range(len(part.cases))]
    of_rows = (_pairs(row, names, again) for row, again in zip(rows, options, strict=True))
    return [[pair for pair in pairs if pair[1]] for pairs in of_rows]


def numbered(facts: list[list[list[str]]]) -> tuple[list[str], list[list[list[int]]]]:
    """Each text once, and the facts as places in that list: hundreds of cases say the same."""
    places: dict[str, int] = {}
    by_place = [[[places.setdefault(text, len(places)) for text in pair] for pair in each] for each in facts]
    return list(places), by_place


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
    if row["memory_level"]:
        yield ["where its data lie", str(row["memory_level"])]
    if row["latency_p50_s"] > 0:
        shares = (quantity(row[f"latency_{share}_s"], "s") for share in ("p50", "p95", "p99"))
        yield ["of its answers 50, 95 and 99 % take at most", ", ".join(shares)]
    if row["joules_per_call"] > 0:
        yield ["energy a call", quantity(row["joules_per_call"], "J")]
    if row["items_per_joule"] > 0:
        yield ["items a joule", f"{row['items_per_joule']:.3g}"]
    if row["kept_bytes"] > 0:
        yield ["kept a call", quantity(row["kept_bytes"], "B")]
    if row["peak_memory_bytes"] > 0:
        yield ["peak memory", quantity(row["peak_memory_bytes"], "B")]
    if row["blocks"] > 0:
        launches = f"{row['launches']} launch{'es' * (row['launches'] != 1)}"
        yield ["blocks that count", f"{row['clean_blocks']} of {row['blocks']}, from {launches}"]
    yield from ([words(name), str(_value(row[name]))] for name in names if pd.notna(row[name]))
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

"""The report as one HTML file that opens offline: answers first, every case's details on demand."""

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench.analyze.contests import Contest
from bench.analyze.report import Report, RunReport
from bench.render import figures, sections
from bench.render.units import estimate, half_width, percent, quantity
from bench.tables import parameters

MOST_POINTS = 100_000
"""Blocks drawn in the whole page; beyond it every case keeps an evenly spread share, and four at least."""


def render(report: Report, drawn: Mapping[str, Mapping[str, bytes]] | None = None) -> str:
    """The page. `drawn` are the report's figures, if `figures.draw(report)` has made them already."""
    drawn = figures.draw(report) if drawn is None else drawn
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    here = files("bench.render")
    template = environment.from_string((here / "page.html").read_text("utf-8"))
    return template.render(
        report=report,
        style=Markup((here / "page.css").read_text("utf-8")),
        script=Markup((here / "page.js").read_text("utf-8")),
        data=_embedded(_data(report)),
        pictures={name: Markup(forms["svg"].decode()) for name, forms in drawn.items()},
        suites=sections.suites(report),
        runs=[sections.run(part) for part in report.runs],
        troubled=sections.troubled(report.cases),
        counts=report.cases["status"].value_counts().to_dict(),
        day=lambda created: f"{datetime.fromisoformat(created):%-d %B %Y, %H:%M} UTC" if created else "",
    )


def _embedded(data: object) -> Markup:
    """JSON that no name in it can break out of: `<` ends a script, the separators end a line of one."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _data(report: Report) -> dict[str, Any]:
    """What the script draws tables and details from. Numbers are there twice: as text, and to sort by."""
    cases = report.cases
    budget = max(MOST_POINTS // max(len(cases), 1), 4)
    return {
        "columns": [
            "case",
            "device",
            "time",
            "±",
            "one call",
            "rate",
            "of ceiling",
            "clean blocks",
            "status",
        ],
        "cases": [_case_row(row, len(report.runs) > 1) for row in cases.to_dict("records")],
        "facts": list(_facts(cases)),
        "blocks": [each for part in report.runs for each in _block_codes(part, budget)],
        "crossing_columns": sections.CROSSING_COLUMNS,
        "simulated": bool(report.simulated),
        "contests": [_contest(contest) for contest in report.contests],
        "answers": _positions(report),
    }


def _case_row(row: Mapping[Any, Any], several: bool) -> dict[str, Any]:
    """One row of the tables; a cell is text, or [text, what to sort by]."""
    name = str(row["case"]).partition("::")[2] or str(row["case"])
    device = f"{row['device']} · {row['machine']}" if several else row["device"]
    rate, rate_text = _rate(row)
    cells: list[Any] = [
        name + (f" ({row['side']})" if row["side"] else ""),
        device,
        [estimate(row["median_s"], row["low_s"], row["high_s"]), _number(row["median_s"])],
        [half_width(row["low_s"], row["high_s"]), _number(row["high_s"] / row["low_s"])],
        [quantity(row["latency_s"], "s"), _number(row["latency_s"])],
        [rate_text, _number(rate)],
        [f"{percent(row['ceiling_share'])} {row['bound']}".strip(), _number(row["ceiling_share"])],
        [f"{row['clean_blocks']} of {row['blocks']}", int(row["clean_blocks"])],
        row["status"] + (" ⚠" if row["warnings"] else ""),
    ]
    return {"id": row["case"], "suite": row["suite"], "cells": cells}


def _rate(row: Mapping[Any, Any]) -> tuple[float, str]:
    """The most telling rate that the case declares work for."""
    for name, unit in (("flops", "flop/s"), ("items", "items/s"), ("bytes", "B/s")):
        if row[name] > 0:
            return row[f"{name}_per_s"], quantity(row[f"{name}_per_s"], unit)
    return np.nan, "–"


def _number(value: float) -> float | None:
    """Four digits are enough to sort by."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _facts(cases: pd.DataFrame) -> Iterator[list[list[str]]]:
    """For each case what its details list: pairs of name and text."""
    times = {"one call": "latency_s", "on the device": "device_s", "until the call returned": "host_s",
             "cold caches": "cold_s", "first call": "first_s", "warm-up": "warmup_s"}  # fmt: skip
    rates = {"flops_per_s": "flop/s", "bytes_per_s": "B/s", "items_per_s": "items/s"}
    names = parameters(cases)
    for row in cases.to_dict("records"):
        interval = f"{quantity(row['low_s'], 's', 4)} to {quantity(row['high_s'], 's', 4)}"
        pairs = [["what", row["doc"]], ["why not", row["reason"]], ["warnings", row["warnings"]]]
        if row["median_s"] > 0:
            pairs.append(["time per call", f"{quantity(row['median_s'], 's', 4)} (95 %: {interval})"])
        pairs += [[label, quantity(row[name], "s")] for label, name in times.items() if row[name] > 0]
        pairs += [["rate", quantity(row[name], unit)] for name, unit in rates.items() if row[name] > 0]
        if row["bound"]:
            pairs.append(["of the ceiling that binds", f"{percent(row['ceiling_share'])} ({row['bound']})"])
        if row["peak_memory_bytes"] > 0:
            pairs.append(["peak memory", quantity(row["peak_memory_bytes"], "B")])
        pairs += [[name, str(row[name])] for name in names if pd.notna(row[name])]
        extra = json.loads(row["extra"])
        pairs += [[name, str(value)] for name, value in extra.items() if name not in row]
        pairs.append(["measure again", "bench run " + shlex.quote(row["case"])])
        yield [pair for pair in pairs if pair[1]]


def _block_codes(part: RunReport, budget: int) -> list[list[list[int]]]:
    """Wall blocks in time order, for each case a list for each launch; a block is one whole number:
    twice its deviation from the case's median in thousandths, and one more where it was disturbed."""
    wall = part.blocks[part.blocks["kind"] == "wall"]
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


def _contest(contest: Contest) -> dict[str, Any]:
    crossing = contest.crossing
    return {
        "cells": sections.crossing_cells(contest),
        "suite": contest.suite,
        "axis": crossing.axis,
        "pair": [crossing.incumbent, crossing.challenger],
        "low": _number(crossing.low or np.nan),
        "high": _number(crossing.high or np.nan),
        "points": [
            [_number(value) for value in point]
            for point in zip(contest.sizes, contest.ratio, contest.ratio_low, contest.ratio_high, strict=True)
        ],
        "reuses": [math.ceil(each) if math.isfinite(each) else None for each in contest.reuses],
        "evidence": list(crossing.evidence),
    }


def _positions(report: Report) -> list[int]:
    """For each answer the position of its contest, which is its evidence."""
    sought = {id(contest): position for position, contest in enumerate(report.contests)}
    return [sought[id(answer.contest)] for answer in report.answers]

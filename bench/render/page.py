"""The report as one HTML file that opens offline: answers first, every case's details on demand."""

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from bench.analyze.contests.contests import Contest
from bench.analyze.report import Report, RunReport
from bench.analyze.runs.history import CaseHistory
from bench.records import CrossingState
from bench.render import figures, history_page, sections
from bench.render.document import document
from bench.render.units import estimate, half_width, percent, quantity
from bench.render.verdicts.section import section
from bench.render.verdicts.words import account
from bench.storage.tables import parameters

CASE_COLUMNS = ("case", "device", "time", "±", "one call", "rate", "of ceiling", "clean blocks", "status")

TIMES = {
    "one call": "latency_s", "on the device": "device_s", "until the call returned": "host_s",
    "cold caches": "cold_s", "first call": "first_s", "warm-up": "warmup_s",
}  # fmt: skip
RATES = {"flops_per_s": "flop/s", "bytes_per_s": "B/s", "items_per_s": "items/s"}

BEYOND = 1.1
"""Share of a ceiling beyond which it plainly does not hold the case back."""

UNKNOWN: dict[CrossingState, int] = {"inconclusive": 1, "not_measured": 2}
"""States of a crossing that come behind the others, in this order."""

MAX_POINTS = 100_000
"""Blocks drawn in the whole page; beyond it every case keeps an evenly spread share, and four at least."""


def render(
    report: Report,
    drawn: Mapping[str, Mapping[str, bytes]] | None = None,
    profiled: Sequence[Mapping[str, Mapping[str, Any]]] = (),
) -> str:
    """The page. `drawn` are the report's figures, if `figures.draw(report)` has made them already.

    `profiled` has for each run its profiled cases, as `bench.render.profile.entry` describes them.
    """
    drawn = figures.draw(report) if drawn is None else drawn
    history = report.history
    return document(
        "page.html",
        _data(report, history) | {"profiles": _profiles(report, profiled)},
        report=report,
        pictures={name: Markup(forms["svg"].decode()) for name, forms in drawn.items()},
        suites=sections.suites(report),
        runs=[sections.run(part) for part in report.runs],
        gates=[section(account(part.run, part.gate)) for part in report.runs if part.gate],
        troubled=sections.troubled(report.cases),
        profiled=[entry for of_run in profiled for entry in of_run.values()],
        counts=report.cases["status"].value_counts().to_dict(),
        evidence=_evidence(report),
        day=sections.day,
        history=history,
        changes=history_page.places(history),
        projection=report.projection,
        means=sections.means(report.projection) if report.projection else "",
    )


def _data(report: Report, history: Sequence[CaseHistory]) -> dict[str, Any]:
    """What the script draws tables and details from. Numbers are there twice: as text, and to sort by."""
    cases = report.cases
    rows = cases.to_dict("records")
    keys = case_keys(report)
    budget = max(MAX_POINTS // max(len(cases), 1), 4)
    series, runs = history_page.series_table(history)
    return {
        "runs": runs,
        "tables": {
            "series": series,
            **({"projection": sections.projection_table(report.projection)} if report.projection else {}),
            "case": {
                "name": "cases",
                "columns": CASE_COLUMNS,
                "unknown": CASE_COLUMNS.index("time"),
                "rows": [
                    {"key": key, "suite": row["suite"], "cells": _cells(row, len(report.runs) > 1)}
                    for key, row in zip(keys, rows, strict=True)
                ],
            },
            "contest": {
                "name": "crossovers",
                "columns": sections.CROSSING_COLUMNS,
                "unknown": sections.CROSSING_COLUMNS.index("where"),
                "rows": _contests(report, keys),
            },
        },
        "facts": _facts(report, rows),
        "blocks": [each for part in report.runs for each in _block_codes(part, budget)],
        "simulated": bool(report.simulated),
    }


def _profiles(report: Report, profiled: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[str | None]:
    """For each row of the report's cases the address of its profile, or None."""
    return (
        [
            of_run.get(case, {}).get("href")
            for part, of_run in zip(report.runs, profiled, strict=True)
            for case in part.cases["case"]
        ]
        if profiled
        else []
    )


def case_keys(report: Report) -> list[str]:
    """What each row of the report's cases is called and linked by: its id, side, and run where several."""
    return [
        str(case) + (f" ({side})" if side else "") + (f" · run {number}" if len(report.runs) > 1 else "")
        for number, part in enumerate(report.runs, start=1)
        for case, side in zip(part.cases["case"], part.cases["side"], strict=True)
    ]


def _cells(row: Mapping[Any, Any], several: bool) -> list[Any]:
    """One row of the cases' table; a cell is text, or [text, what to sort by]."""
    name = str(row["case"]).partition("::")[2] or str(row["case"])
    rate, rate_text = _rate(row)
    return [
        name + (f" ({row['side']})" if row["side"] else ""),
        f"{row['device']} · {row['machine']}" if several else row["device"],
        [estimate(row["median_s"], row["low_s"], row["high_s"]), _number(row["median_s"])],
        [half_width(row["low_s"], row["high_s"]), _number(row["high_s"] / row["low_s"])],
        [quantity(row["latency_s"], "s"), _number(row["latency_s"])],
        [rate_text, _number(rate)],
        [_share(row["ceiling_share"], row["bound"]), _number(row["ceiling_share"])],
        [f"{row['clean_blocks']} of {row['blocks']}" if row["blocks"] else "–", int(row["clean_blocks"])],
        row["status"] + (" ⚠" if row["warnings"] else ""),
    ]


def _share(share: float, bound: str) -> str:
    """How much of the ceiling that binds is reached. A case that fits into a cache goes beyond memory's."""
    return f"beyond {bound}" if share > BEYOND else f"{percent(share)} {bound}".strip()


def _rate(row: Mapping[Any, Any]) -> tuple[float, str]:
    """The most telling rate that the case declares work for."""
    for name, unit in (("flops", "flop/s"), ("items", "items/s"), ("bytes", "B/s")):
        if row[name] > 0:
            return row[f"{name}_per_s"], quantity(row[f"{name}_per_s"], unit)
    return np.nan, "–"


def _number(value: float) -> float | None:
    """Four digits are enough to sort by."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _facts(report: Report, rows: Sequence[Mapping[Any, Any]]) -> list[list[list[str]]]:
    """For each case what its details list: pairs of name and text."""
    names = parameters(report.cases)
    options = [_options(part) for part in report.runs for _ in range(len(part.cases))]
    return [
        [pair for pair in _pairs(row, names, again) if pair[1]]
        for row, again in zip(rows, options, strict=True)
    ]


def _options(part: RunReport) -> str:
    """What `bench run` needs besides a case to measure it as it was in the run."""
    arguments = part.run.header.arguments
    preset = arguments.get("preset", "default")
    chosen = [f" --device {shlex.quote(device)}" for device in arguments.get("devices") or ()]
    return "".join(chosen) + (f" --preset {preset}" if preset != "default" else "")


def _pairs(row: Mapping[Any, Any], names: Sequence[str], options: str) -> Iterator[list[str]]:
    yield from (["what", row["doc"]], ["why not", row["reason"]], ["warnings", row["warnings"]])
    if row["median_s"] > 0:
        low, high = (quantity(row[name], "s", 4) for name in ("low_s", "high_s"))
        yield ["time per call", f"{quantity(row['median_s'], 's', 4)} (95 %: {low} to {high})"]
    yield from ([label, quantity(row[name], "s")] for label, name in TIMES.items() if row[name] > 0)
    yield from (["rate", quantity(row[name], unit)] for name, unit in RATES.items() if row[name] > 0)
    if row["bound"]:
        yield ["of the ceiling that binds", f"{percent(row['ceiling_share'])} ({row['bound']})"]
    if row["peak_memory_bytes"] > 0:
        yield ["peak memory", quantity(row["peak_memory_bytes"], "B")]
    yield from ([name, str(row[name])] for name in names if pd.notna(row[name]))
    yield from ([name, str(value)] for name, value in json.loads(row["extra"]).items() if name not in row)
    yield ["measure again", f"bench run {shlex.quote(row['case'])}{options}"]


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


def _contests(report: Report, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Every contest's row and details, its evidence as keys of cases; what is known comes first.

    The key of a row is its place in `report.contests`.
    """
    of_cases = iter(keys)
    known = [dict(zip(part.cases["case"], of_cases, strict=False)) for part in report.runs]
    rows = [
        _contest(contest, known[position])
        for position, part in enumerate(report.runs)
        for contest in part.contests
    ]
    for each in report.across:
        on_processor = {
            case: key
            for (case, key), device in zip(
                known[each.processor].items(), report.runs[each.processor].cases["device"], strict=False
            )
            if device == "cpu"
        }
        rows.append(_contest(each.contest, known[each.accelerator] | on_processor))
    known_first = sorted(
        enumerate(zip(rows, report.contests, strict=True)),
        key=lambda each: UNKNOWN.get(each[1][1].crossing.state, 0),
    )
    return [{"key": str(position), **row} for position, (row, _) in known_first]


def _contest(contest: Contest, keys: Mapping[str, str]) -> dict[str, Any]:
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
        "evidence": [keys[case] for case in crossing.evidence],
    }


def _evidence(report: Report) -> list[str]:
    """For each answer the key of its contest, which is its evidence."""
    sought = {id(contest): str(position) for position, contest in enumerate(report.contests)}
    return [sought[id(answer.contest)] for answer in report.answers]

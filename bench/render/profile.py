"""A profile for people: phases, operators, memory and Python stacks on one page that opens offline."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.profiles import stacks
from bench.analyze.profiles.operators import SUMS
from bench.render.document import document, table
from bench.render.units import percent, quantity
from bench.storage.profiles import MEMORY, OPERATORS, STACKS, TRACE, Profile

COLOURS = {
    "data": "#E69F00", "transfer": "#CC79A7", "forward": "#0072B2", "forward, loss": "#0072B2",
    "loss": "#56B4E9", "backward": "#D55E00", "optimizer": "#009E73", "wait": "#8A929B", "test": "#B5A642",
    "other": "#C0C6CC",
}  # fmt: skip
"""Okabe and Ito's palette for the phases of training; grey for what is none."""

COLUMNS = ("operator", "kind", "own time", "share", "with what it calls", "on the device", "calls",
           "FLOPs", "allocates", "shapes", "types")  # fmt: skip

MAX_ROWS = 300
"""Operators on a page; operators.csv has all of them."""

SUMMARIZED = 10
"""Operators in a summary for a terminal."""

NAMED = 3
"""Operators named in a report's line on a profile."""

FLAMES = 12
"""Colours of a flame graph's frames, in turn by name."""

MIN_WIDTH = 0.001
"""Share of the whole below which a frame of the flame graph is left out: a pixel of a wide screen."""

CHART = (900, 160)
POINTS = 450
"""Width and height of the chart of memory, and how many points it has."""


def page(profile: Profile) -> str:
    """The page of one profile."""
    return document(
        "profile.html",
        {"tables": {"operator": _operators(profile)}, "simulated": False},
        case=profile.case,
        about=list(_about(profile)),
        notes=profile.about["notes"],
        phases=phases(profile),
        piece=profile.about.get("piece", "call"),
        files=[name for name in (TRACE, OPERATORS, MEMORY, STACKS) if (profile.folder / name).is_file()],
        charts=list(_memory(profile.memory)),
        flames=list(_flames(profile.stacks)) if profile.stacks else [],
    )


def summary(profile: Profile) -> list[str]:
    """A profile in a few lines for a terminal."""
    whole_s = profile.about.get("wall_s", 0.0)
    lines = [profile.case]
    if len(profile.phases):
        shares = (f"{row.phase} {percent(row.share)}" for row in profile.phases.itertuples())
        lines.append("  " + ", ".join(shares))
    for row in by_operator(profile).head(SUMMARIZED).itertuples():
        lines.append(
            f"  {percent(row.self_s / whole_s):>7} {quantity(row.self_s / profile.pieces, 's'):>8} "
            f"{row.count / profile.pieces:6.4g} × {row.label} {row.shapes}"
        )
    return [*lines, *(f"  {note}" for note in profile.about["notes"])]


def entry(profile: Profile, href: str) -> dict[str, Any]:
    """A profile in a report: its address, its phases, the operators that take the most time."""
    own = by_operator(profile).head(NAMED)
    whole = profile.about.get("wall_s") or np.nan
    return {
        "case": profile.case,
        "href": href,
        "phases": phases(profile),
        "top": [f"{row.label} {percent(row.self_s / whole)}" for row in own.itertuples()],
    }


def phases(profile: Profile) -> list[dict[str, Any]]:
    """The parts of a stacked bar: name, share, text, colour."""
    parts = []
    for row in profile.phases[profile.phases["share"] >= MIN_WIDTH].itertuples():
        text = f"{percent(row.share)}, {quantity(row.host_s / profile.pieces, 's')}"
        if row.device_s:
            text += f", device {quantity(row.device_s / profile.pieces, 's')}"
        parts.append({"name": row.phase, "share": row.share, "text": text, "colour": COLOURS[row.phase]})
    return parts


def _about(profile: Profile) -> Iterator[tuple[str, str]]:
    """What the page's head lists: pairs of name and text."""
    about = profile.about
    piece, pieces = about.get("piece", "call"), profile.pieces
    yield "device", str(about["device"])
    yield "a call, without profiler", quantity(about["plain_s"], "s")
    if "wall_s" in about:
        yield "recorded", f"{pieces} {piece}{'s' if pieces > 1 else ''} in {quantity(about['wall_s'], 's')}"
        yield f"a {piece}, recorded", quantity(about["wall_s"] / pieces, "s")
    if use := about.get("device_use"):
        yield "the device works", quantity(use["busy_s"] / pieces, "s") + f" a {piece}"
        idle = f"{quantity(use['idle_s'] / pieces, 's')} a {piece}, {quantity(use['gap_s'], 's')} at most"
        yield "and waits between its work", idle
    facts = about["facts"]
    if "torch" in facts:
        yield "torch", f"{facts['torch']['version']}, {facts['torch']['threads']} threads"
    if facts.get("processes"):
        yield "worker processes", str(facts["processes"])
    for name, count in about["allocator"].items():
        yield name.replace("_", " "), str(count)


def by_operator(profile: Profile) -> pd.DataFrame:
    """The operators, wherever they are called from, with a `label`: a mark's own time is Python's."""
    table = profile.operators
    key = ["name", "kind", "shapes", "types"]
    summed = table.groupby(key, sort=False)[SUMS].sum().reset_index().sort_values("self_s", ascending=False)
    marks = (summed["kind"] == "mark") & ~summed["name"].astype(str).str.contains("#")
    return summed.assign(label=summed["name"].where(~marks, "Python, in " + summed["name"]))


def _operators(profile: Profile) -> dict[str, Any]:
    """The table of operators, as `document` wants it: numbers of one call or step."""
    whole, pieces = profile.about.get("wall_s") or np.nan, profile.pieces
    rows = [
        {
            "cells": [
                row.label,
                row.kind,
                _sorted(row.self_s / pieces, "s"),
                [percent(row.self_s / whole), row.self_s],
                _sorted(row.total_s / pieces, "s"),
                _sorted(row.device_s / pieces, "s"),
                [f"{row.count / pieces:.4g}", row.count],
                _sorted(row.flops / pieces, ""),
                _sorted(row.allocated_bytes / pieces, "B"),
                str(row.shapes),
                str(row.types),
            ]
        }
        for row in by_operator(profile).head(MAX_ROWS).itertuples()
    ]
    return table("operators", COLUMNS, rows)


def _sorted(value: float, unit: str) -> list[Any]:
    """A cell: the text, and the number to sort by; nothing for zero."""
    return [quantity(value, unit) if value else "–", value]


def _memory(memory: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The time line of allocations of each device, as points of a polyline, and its highest."""
    width, height = CHART
    for device, changes in memory.groupby("device", sort=False):
        at_s, allocated = changes["at_s"].to_numpy(), changes["allocated_bytes"].to_numpy(float)
        allocated = allocated - allocated[0] + changes["bytes"].iat[0]  # what was there before is not its own
        kept = np.unique(np.linspace(0, len(at_s) - 1, POINTS).round().astype(int))
        peaks = np.maximum.reduceat(allocated, kept)
        low, high = min(0.0, float(allocated.min())), max(float(allocated.max()), 1.0)
        lasted_s = float(at_s[-1] - at_s[0])
        x = width * (at_s[kept] - at_s[0]) / max(lasted_s, 1e-9)
        y = height - 5 - (height - 10) * (peaks - low) / (high - low)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lasted, most = quantity(lasted_s, "s"), quantity(high, "B")
        text = f"{len(at_s)} allocations and returns in {lasted}; at most {most} more than before"
        yield {"device": device, "points": points, "text": text}


def _flames(sampled: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a flame graph, each after what called it: place and width as shares of the whole."""
    root = stacks.flame(sampled)
    pending = list(_side_by_side(root, 0.0, 0))
    while pending:
        frame, left, depth = pending.pop(0)
        share = frame.weight / root.weight
        if share < MIN_WIDTH:
            continue
        yield {
            "name": frame.name,
            "left": round(left / root.weight, 5),
            "width": round(share, 5),
            "depth": depth,
            "text": f"{frame.name}: {percent(share)}",
            "colour": sum(map(ord, frame.name)) % FLAMES,
        }
        pending += _side_by_side(frame, left, depth + 1)


def _side_by_side(frame: stacks.Frame, left: float, depth: int) -> Iterator[tuple[stacks.Frame, float, int]]:
    """What a frame called: each with where it begins, and how deep it lies."""
    for inner in frame.inner.values():
        yield inner, left, depth
        left += inner.weight

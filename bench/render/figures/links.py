"""Bytes a second of copies against their size, under what the run's links show, straight lines or not."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.analyze.contests.transfers import copy_s, is_straight
from bench.analyze.names import words
from bench.render.drawing import points, scales, style
from bench.render.drawing.colours import Colours, light
from bench.render.drawing.labels import MAX_LABELS, Label, entitled, fitted, label_ends, room
from bench.render.drawing.points import Drawing, Point
from bench.render.figures.contested import DASHED
from bench.render.units import quantity

SIZE = 12
"""Of all text but the title, in points."""

STEPS = 60
"""Places at which a link's line is drawn: smooth to the eye."""

LONGEST = 30
"""Characters of a curve's name."""

Curves = Mapping[tuple[str, str, str], pd.DataFrame]
"""Copies by their operation, the contender and the link that they cross."""


def draw(device: str, cases: pd.DataFrame, ceilings: Mapping[str, Any], colours: Colours) -> Drawing | None:
    """The picture of a device's link; None where no copy of several sizes says which link it crosses."""
    curves = dict(list(_curves(cases[cases["device"] == device]).items())[:MAX_LABELS])
    if not curves:
        return None
    straight = {name: is_straight(ceilings[name], _copies(of)) for name, of in _by_link(curves, ceilings)}
    named = [
        (
            fitted(_name(operation, contender), LONGEST),
            _link_told(ceilings.get(link), straight.get(link, True)),
        )
        for operation, contender, link in curves
    ]
    figure = style.slide(entitled(f"How fast is data moved between host and {device}?"))
    axes = style.placed(figure, 1.0, 1.05, style.SLIDE_INCHES[0] - 0.2 - room(named, SIZE), 4.62, SIZE)
    told = _onto(axes, curves, ceilings, named, colours)
    kept = any("sizes" in ceilings[name] for name in straight)
    alone = "what the link's own copies take" if kept else "the link's latency + bytes / bandwidth"
    style.note(figure, f"Lines: copies, back to back. Dotted: {alone}. Hollow: noisy.")
    return Drawing(figure, [(axes, told)])


def suite(cases: pd.DataFrame, device: str) -> str:
    """The suite that times copies between host and device; "" for none."""
    links = cases[(cases["device"] == device) & cases["extra"].astype("str").str.contains('"link"')]
    return str(links["suite"].iat[0]) if len(links) else ""


def _curves(cases: pd.DataFrame) -> Curves:
    """Copies of two sizes at least."""
    timed = cases[(cases["median_s"] > 0) & (cases["bytes"] > 0)]
    declared = [json.loads(extra) if isinstance(extra, str) else {} for extra in timed["extra"]]
    timed = timed.assign(link=[str(facts.get("link", "")) for facts in declared])
    timed = timed[(timed["link"] != "") & (timed["axis"] != "")]
    found = {}
    for (operation, between, link_name), group in timed.groupby(["operation", "between", "link"], sort=False):
        contenders = group.groupby(between, sort=False) if between in group else [("", group)]
        for contender, rows in contenders:
            if rows["bytes"].nunique() > 1:
                found[str(operation), str(contender), str(link_name)] = rows.sort_values("bytes")
    return found


def _name(operation: str, contender: str) -> str:
    return f"{words(operation)}, {contender}" if contender else words(operation)


def _by_link(curves: Curves, ceilings: Mapping[str, Any]) -> Iterator[tuple[str, list[pd.DataFrame]]]:
    """The links that are known and crossed, each with the copies over it."""
    for name in dict.fromkeys(link for _, _, link in curves):
        if name in ceilings:
            yield name, [rows for (_, _, link), rows in curves.items() if link == name]


def _copies(of: Sequence[pd.DataFrame]) -> dict[float, float]:
    """Seconds of one copy and its wait, by bytes: the fastest of each size, which does least besides."""
    timed = pd.concat(of)
    timed = timed[timed["latency_s"] > 0]
    return dict(timed.groupby("bytes")["latency_s"].min())


def _link_told(link: Mapping[str, float] | None, straight: bool) -> str:
    if link is None:
        return ""
    if not straight:
        return f"link: no straight line, ≈ {quantity(link['bytes_per_s'], 'B/s', 2)}"
    return f"link: {quantity(link['bytes_per_s'], 'B/s', 2)} after {quantity(link['latency_s'], 's', 2)}"


def _onto(
    axes: Axes,
    curves: Curves,
    ceilings: Mapping[str, Any],
    named: Sequence[tuple[str, str]],
    colours: Colours,
) -> list[Point]:
    """The curves onto the axes; their points."""
    every = [list(_points(_name(*key[:2]), rows)) for key, rows in curves.items()]
    flat = [point for curve in every for point in curve]
    low, high = scales.around([p.y for p in flat], [(p.low, p.high) for p in flat], beyond=1.5)
    scales.logarithmic(axes, "y", (low, high), "B/s")
    scales.from_left(axes, style.EDGE)
    wide = (max(p.x for p in flat) / min(p.x for p in flat)) ** scales.MARGIN
    ends = min(p.x for p in flat) / wide, max(p.x for p in flat) * wide
    scales.logarithmic(axes, "x", ends, "B")
    axes.set_xlabel("bytes of a copy")
    scales.headed(axes, "bytes a second")
    labels = []
    operations = list(dict.fromkeys(operation for operation, _, _ in curves))
    for place, ((operation, contender, link), curve) in enumerate(zip(curves, every, strict=True)):
        colour, marker = light(colours.get(contender, place)), style.MARKERS[place % len(style.MARKERS)]
        points.curve(axes, curve, colour, marker, DASHED if operations.index(operation) else "-")
        if foreseen := ceilings.get(link):
            x = np.geomspace(*ends, STEPS)
            y = x / copy_s(foreseen, x)
            axes.plot(x, y, color=colour, linestyle=(0, (1, 1.6)), linewidth=1.6, alpha=0.9, zorder=1.9)
        labels.append(Label(curve[-1].x, curve[-1].y, named[place][0], colour, marker, named[place][1]))
    label_ends(axes, labels)
    return flat


def _points(name: str, rows: pd.DataFrame) -> Iterator[Point]:
    for row in rows.to_dict("records"):
        size, seconds, low_s, high_s = (float(row[each]) for each in ("bytes", "median_s", "low_s", "high_s"))
        ends = (size / high_s, size / low_s) if low_s > 0 else (np.nan, np.nan)
        rate, low, high = (quantity(each, "B/s") for each in (size / seconds, *ends))
        solid = row["status"] == "ok"
        told = f"{rate} (95 %: {low} to {high})" if solid else f"{rate}, noisy"
        label = f"{name}, {quantity(size, 'B')}"
        yield Point(size, size / seconds, *ends, label, told, str(row["case"]), solid)

"""The roofline of a device: how fast each case computes, under the roofs measured on this machine.

After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.analyze.names import words
from bench.render.drawing import scales, style
from bench.render.drawing.labels import LEADING, POINTS, fitted, size_of
from bench.render.drawing.points import Drawing, Point
from bench.render.drawing.style import COLOURS, MARKERS
from bench.render.units import quantity

HEADROOM = 8
"""How far above the highest roof, as a factor, the axis goes: names stand there."""

BESIDE = 0.62
"""Lines of text from a roof to the middle of a name above it."""

NAMES_TAKE = 0.26
"""Room left of the slanted roofs for their names, as a share of the axis' length."""

BEYOND = 24
"""How far beyond the case that computes most for a byte the axis goes, as a factor: the level roofs' names
stand there, to the right of all points."""

MAX_NAMES = 16
"""Operations that the legend has room for."""


def draw(device: str, cases: pd.DataFrame, ceilings: Mapping[str, Any]) -> Drawing | None:
    """The picture of a device that has ceilings and cases that declare flops and bytes; else None."""
    cases = cases[(cases["device"] == device) & (cases["flops"] > 0) & (cases["bytes"] > 0)]
    cases = cases[cases["median_s"].notna()]
    if cases.empty or not ceilings.get("flops_per_s") or not ceilings.get("copy_bytes_per_s"):
        return None
    figure = style.blank(9.5, 4.4)
    figure.text(0.1 / 9.5, 1 - 0.1 / 4.4, f"Roofline of {device}", size=10, weight="bold", va="top")
    axes = style.placed(figure, 0.95, 0.6, 7.2, 3.8)
    intensity = (cases["flops"] / cases["bytes"]).to_numpy(float)
    start, end = intensity.min() / 4, intensity.max() * BEYOND
    slowest = min(cases["flops_per_s"].min(), start * min(ceilings["copy_bytes_per_s"].values()))
    scales.logarithmic(axes, "y", (slowest / 2, HEADROOM * max(ceilings["flops_per_s"].values())), "flop/s")
    scales.logarithmic(axes, "x", (start / (end / start) ** NAMES_TAKE, end), "")
    axes.set_xlabel("flop per byte moved")
    scales.headed(axes, "flop a second")
    _roofs(axes, (start, end), ceilings)
    return Drawing(figure, [(axes, _operations(axes, cases))])


def _operations(axes: Axes, cases: pd.DataFrame) -> list[Point]:
    """A colour and marker for each operation, and a legend beside the axes."""
    told: list[Point] = []
    groups = list(cases.groupby("operation", sort=False))
    for position, (operation, group) in enumerate(groups):
        name = fitted(words(str(operation)))
        # There is one marker more than colours: out of step, so that no two of the first 42 look alike.
        marker = MARKERS[position % len(MARKERS)]
        at = group["flops"] / group["bytes"], group["flops_per_s"]
        label = name if position < MAX_NAMES else None
        axes.plot(*at, marker, color=COLOURS[position % len(COLOURS)], label=label, alpha=0.85)
        for x, y, case in zip(*at, group["case"], strict=True):
            told.append(Point(float(x), float(y), y, y, name, quantity(float(y), "flop/s"), str(case)))
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, fontsize=8.5,
        title=f"first {MAX_NAMES} of {len(groups)}" if len(groups) > MAX_NAMES else None,
    )  # fmt: skip
    return told


def _roofs(axes: Axes, span: tuple[float, float], ceilings: Mapping[str, Any]) -> None:
    """Slanted lines for memory, level ones for arithmetic, each with its measured rate."""
    start, end = span
    bandwidths, rates = ceilings["copy_bytes_per_s"], ceilings["flops_per_s"]
    top, fastest = max(rates.values()), max(bandwidths.values())
    for bandwidth in bandwidths.values():
        stop = min(end, top / bandwidth)
        axes.plot([start, stop], [start * bandwidth, stop * bandwidth], color=style.FAINT, linewidth=1)
    for rate in rates.values():
        axes.plot([rate / fastest, end], [rate, rate], color=style.FAINT, linewidth=1)
    left = axes.transAxes.inverted().transform(axes.transData.transform((start, 1)))[0]
    _names(
        axes, [(start * height, name) for name, height in _named(bandwidths, "B/s")], left - 0.01, above=False
    )
    _names(axes, [(height, name) for name, height in _named(rates, "flop/s")], 0.99, above=True)


def _names(axes: Axes, ends: Sequence[tuple[float, str]], at: float, above: bool) -> None:
    """Names that end `at` a share of the axes' width, at the height of their roofs, or all of them above."""
    size = 0.95 * size_of(axes)
    high = LEADING * size / POINTS * axes.figure.dpi
    lines = sorted((float(axes.transData.transform((1, y))[1]), name) for y, name in ends)
    lowest = -math.inf
    for line, name in lines:
        lowest = max(line + BESIDE * above * high, lowest + high)
        for other, _ in lines:  # not across a line either
            if above and abs(other - lowest) < BESIDE * high:
                lowest = other + BESIDE * high
        height = (lowest - axes.bbox.y0) / axes.bbox.height
        look: dict[str, Any] = {"color": style.FAINT, "va": "center", "ha": "right", "size": size}
        axes.text(at, height, name, transform=axes.transAxes, **look)


def _named(roofs: Mapping[str, float], unit: str) -> Iterator[tuple[str, float]]:
    """Each roof's name with its rate; roofs that read alike share a name."""
    alike: dict[str, list[str]] = {}
    for name, rate in roofs.items():
        alike.setdefault(quantity(rate, unit, 2), []).append(name)
    for rate_text, names in alike.items():
        yield f"{', '.join(names)} {rate_text}", roofs[names[0]]

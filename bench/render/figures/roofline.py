"""The roofline of a device: how fast each case computes, under the roofs measured on this machine.

After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analyze.report import Report
from bench.render.figures import style
from bench.render.figures.style import COLOURS, MARKERS, label_ends
from bench.render.units import quantity

ROOF = "#888888"

ABOVE = 1.35
"""How far above its line, as a factor, a level roof's name is written."""

NAMES_TAKE = 0.22
"""Room left of the slanted roofs for their names, as a share of the axis' length."""

MAX_NAMES = 16
"""Operations that the legend has room for."""


def figures(report: Report) -> Iterator[tuple[str, style.Picture]]:
    """A figure for every device that has ceilings and cases that declare flops and bytes."""
    for position, part in enumerate(report.runs[: style.MAX_RUNS]):
        for device, ceilings in (part.run.ceilings or {}).items():
            cases = part.cases[
                (part.cases["device"] == device) & (part.cases["flops"] > 0) & (part.cases["bytes"] > 0)
            ]
            cases = cases[cases["median_s"].notna()]
            if len(cases) and ceilings.get("flops_per_s") and ceilings.get("copy_bytes_per_s"):
                name = f"roofline-{device}" if len(report.runs) == 1 else f"{position}-roofline-{device}"
                yield name, partial(_figure, device, cases, ceilings)


def _figure(device: str, cases: pd.DataFrame, ceilings: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(9.5, 4.4))
    axes = style.placed(figure, 0.85, 0.6, 7.2, 4.05)
    axes.set_title(f"Roofline of {device}")
    style.log_axis(axes, "x", "")
    style.log_axis(axes, "y", "flop/s")
    axes.set_xlabel("flop per byte moved")
    intensity = (cases["flops"] / cases["bytes"]).to_numpy(float)
    start, end = intensity.min() / 4, intensity.max() * 4
    slowest = min(cases["flops_per_s"].min(), start * min(ceilings["copy_bytes_per_s"].values()))
    axes.set_xlim(start / (end / start) ** NAMES_TAKE, end)
    axes.set_ylim(slowest / 2, 3 * max(ceilings["flops_per_s"].values()))
    _roofs(axes, (start, end), ceilings)
    groups = list(cases.groupby("operation", sort=False))
    for position, (operation, group) in enumerate(groups):
        name = style.fitted(str(operation).replace("_", " ")) if position < MAX_NAMES else None
        # Colour and marker are out of step, so that no two of the first 36 look alike.
        marker = MARKERS[(position + position // len(COLOURS)) % len(MARKERS)]
        points = group["flops"] / group["bytes"], group["flops_per_s"]
        axes.plot(*points, marker, color=COLOURS[position % len(COLOURS)], label=name, alpha=0.85)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, fontsize=8.5,
        title=f"first {MAX_NAMES} of {len(groups)}" if len(groups) > MAX_NAMES else None,
    )  # fmt: skip
    return figure


def _roofs(axes: Axes, span: tuple[float, float], ceilings: Mapping[str, Any]) -> None:
    """Slanted lines for memory, level ones for arithmetic, each with its measured rate."""
    start, end = span
    bandwidths, rates = ceilings["copy_bytes_per_s"], ceilings["flops_per_s"]
    top, fastest = max(rates.values()), max(bandwidths.values())
    for bandwidth in bandwidths.values():
        stop = min(end, top / bandwidth)
        axes.plot([start, stop], [start * bandwidth, stop * bandwidth], color=ROOF, linewidth=1)
    for rate in rates.values():
        axes.plot([rate / fastest, end], [rate, rate], color=ROOF, linewidth=1)
    left = axes.transAxes.inverted().transform(axes.transData.transform((start, 1)))[0]
    slanted = [(start * height, name, "gray") for name, height in _named(bandwidths, "B/s")]
    level = [(ABOVE * height, name, "gray") for name, height in _named(rates, "flop/s")]
    label_ends(axes, slanted, at=left - 0.01, align="right")
    label_ends(axes, level, at=0.99, align="right")


def _named(roofs: Mapping[str, float], unit: str) -> Iterator[tuple[str, float]]:
    """Each roof's name with its rate; roofs that read alike share a name."""
    alike: dict[str, list[str]] = {}
    for name, rate in roofs.items():
        alike.setdefault(quantity(rate, unit, 2), []).append(name)
    for rate_text, names in alike.items():
        yield f"{', '.join(names)} {rate_text}", roofs[names[0]]

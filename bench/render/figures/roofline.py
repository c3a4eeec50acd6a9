"""The roofline of a device: how fast each case computes, under the roofs measured on this machine.

After Williams, Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analyze.report import Report
from bench.render.figures.style import COLOURS, MARKERS, Picture, fitted, log_axis
from bench.render.units import quantity


def figures(report: Report) -> Iterator[tuple[str, Picture]]:
    """A figure for every device that has ceilings and cases that declare flops and bytes."""
    for position, part in enumerate(report.runs):
        for device, ceilings in (part.run.ceilings or {}).items():
            cases = part.cases[
                (part.cases["device"] == device) & (part.cases["flops"] > 0) & (part.cases["bytes"] > 0)
            ]
            cases = cases[cases["median_s"].notna()]
            if len(cases) and ceilings.get("flops_per_s") and ceilings.get("copy_bytes_per_s"):
                name = f"roofline-{device}" if len(report.runs) == 1 else f"{position}-roofline-{device}"
                yield name, partial(_figure, device, cases, ceilings)


def _figure(device: str, cases: pd.DataFrame, ceilings: Mapping[str, Any]) -> Figure:
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"Roofline of {device}")
    log_axis(axes, "x", "")
    log_axis(axes, "y", "flop/s")
    axes.set_xlabel("flop per byte moved")
    intensity = (cases["flops"] / cases["bytes"]).to_numpy(float)
    span = np.array([intensity.min() / 30, intensity.max() * 30])  # room for the roofs' names
    _roofs(axes, span, ceilings)
    for position, (operation, group) in enumerate(cases.groupby("operation", sort=False)):
        name = fitted(str(operation).replace("_", " "))
        marker, colour = MARKERS[position % len(MARKERS)], COLOURS[position % len(COLOURS)]
        points = group["flops"] / group["bytes"], group["flops_per_s"]
        axes.plot(*points, marker, color=colour, label=name, alpha=0.85)
    axes.legend(loc="lower right", frameon=False, fontsize=8.5)
    return figure


def _roofs(axes: Axes, span: np.ndarray, ceilings: Mapping[str, Any]) -> None:
    """Slanted lines for memory, level ones for arithmetic, each with its measured rate."""
    top = max(ceilings["flops_per_s"].values())
    for level, bandwidth in ceilings["copy_bytes_per_s"].items():
        end = min(span[1], top / bandwidth)
        axes.plot([span[0], end], [span[0] * bandwidth, end * bandwidth], color="#777777", linewidth=1)
        axes.annotate(
            f"{level} {quantity(bandwidth, 'B/s', 2)}", (span[0], span[0] * bandwidth), (3, 2),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    fastest = max(ceilings["copy_bytes_per_s"].values())
    for dtype, rate in ceilings["flops_per_s"].items():
        axes.plot([rate / fastest, span[1]], [rate, rate], color="#777777", linewidth=1)
        axes.annotate(
            f"{dtype} {quantity(rate, 'flop/s', 2)}", (span[1], rate), (-3, 2),
            textcoords="offset points", fontsize=8, ha="right",
        )  # fmt: skip

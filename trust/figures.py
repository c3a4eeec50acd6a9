"""The proof in pictures: one for each section that has something to show."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.render.drawing.style import COLOURS, INK, in_style, saved
from trust.peers import TOOLS

BUSY_TITLE = "Beside a competing process, against the quiet value"

GOOD, BAD, GREY = COLOURS[0], COLOURS[1], "#888888"


def drawn(section: str, tables: Mapping[str, pd.DataFrame]) -> Mapping[str, bytes] | None:
    """A section's figure as SVG and PNG; None where it has none."""
    draw: Callable[[], Figure] | None = {
        "busy": lambda: _busy(tables["cases"]),
        "repeat": lambda: _repeat(tables["cases"]),
        "peers": lambda: _peers(tables["busy"]),
    }.get(section)
    with in_style(large=False):
        return saved(draw(), ()) if draw else None


def _busy(table: pd.DataFrame) -> Figure:
    """By how much every case's busy value is off its quiet one."""
    table = table.sort_values("ratio").reset_index(drop=True)
    figure, axes = _axes(0.16 * len(table) + 1.2, BUSY_TITLE)
    axes.set_xscale("linear")  # what is known lies close together
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * (value - 1):+.0f} %"))
    ok, noisy = table[table["busy"] == "ok"], table[table["busy"] != "ok"]
    axes.scatter(ok["ratio"], ok.index, color=GOOD, s=16, label="ok", zorder=3)
    axes.scatter(noisy["ratio"], noisy.index, facecolor="none", edgecolor=GREY, s=16, label="noisy")
    axes.axvspan(0.97, 1.03, color=GOOD, alpha=0.12, linewidth=0)
    axes.set_yticks(table.index, [_short(case) for case in table["case"]], fontsize=6)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _repeat(table: pd.DataFrame) -> Figure:
    """Every case's ratio of two runs, with its interval."""
    table = table.sort_values("ratio").reset_index(drop=True)
    figure, axes = _axes(4.2, "Second run as a multiple of the first, with 95 % intervals", "cases")
    holds = (table["low"] <= 1) & (table["high"] >= 1)
    for held, colour, label in ((True, GOOD, "holds 1"), (False, BAD, "does not")):
        some = table[holds == held]
        axes.hlines(some.index, some["low"], some["high"], color=colour, linewidth=1, label=label)
        axes.plot(some["ratio"], some.index, ".", color=colour, markersize=3)
    axes.set_yticks([])
    axes.legend(frameon=False, loc="lower right")
    return figure


def _peers(ratios: pd.DataFrame) -> Figure:
    """What a competing process does to what each tool reads: a dot a case."""
    figure, axes = _axes(2.6, "Beside a competing process, in quiet values of the same tool")
    rows = list(TOOLS)
    for row, tool in enumerate(reversed(rows)):
        values = ratios[tool].dropna()
        spread = np.linspace(-0.25, 0.25, len(values) + 2)[1:-1]
        axes.scatter(values, row + spread, s=16, color=GOOD if tool == "ours" else BAD, zorder=3)
    axes.axvspan(0.97, 1.03, color=GOOD, alpha=0.12, linewidth=0)
    axes.set_yticks(range(len(rows)), [TOOLS[tool] for tool in reversed(rows)])
    return figure


def _axes(height: float, title: str, ylabel: str = "") -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_ylabel(ylabel)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color=INK, linewidth=0.6)
    axes.grid(axis="x")
    return figure, axes


def _short(case: str) -> str:
    return case.rpartition("::")[2].removeprefix("test_")

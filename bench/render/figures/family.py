"""One figure a suite: a panel for each operation, its time along the size axis, a curve a contender."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.analyze.contests.contests import Choice
from bench.analyze.report import Report
from bench.render.figures import style
from bench.render.figures.style import COLOURS, MARKERS, fitted, log_axis
from bench.render.names import contender, words
from bench.render.units import count, quantity
from bench.storage.tables import parameters

MAX_PANELS = 12
"""Panels in a figure: more than four rows of three are no longer read at a glance."""

PANELS_IN_ALL = 60
"""Panels in a report: drawing one takes a twentieth of a second."""

FEW_PANELS = 4
"""Panels in a figure of a report that has more in all; its tables have every case."""

VISIBLE = 1.05
"""Ratio of an interval's ends from which it is wider than its curve's line."""

MAX_BARS = 14
COLUMNS = 3
PANEL = (3.75, 2.6)
"""Inches that a panel takes with everything that belongs to it."""

CURVES = (0.75, 0.6, 0.95, 0.35)
"""Inches around a panel's axes: for ticks at the left, a name below, curves' names right, a title above.
Longer names take more."""

CHARACTER = 0.075
"""Inches that a character of a tick's label takes."""


@dataclass(frozen=True)
class _Panel:
    """Cases that are drawn together: `axis` is the size along x, or "" for one dot a case."""

    title: str
    axis: str
    between: str
    cases: pd.DataFrame
    crossing: float | None = None


def figures(report: Report) -> Iterator[tuple[str, style.Picture]]:
    """A figure for every suite that has times; named by the suite, and the run where there are several."""
    by_name: dict[str, tuple[list[_Panel], Sequence[Choice]]] = {}
    for position, part in enumerate(report.runs[: style.MAX_RUNS]):
        measured = part.cases[part.cases["median_s"].notna()]
        for suite, cases in measured.groupby("suite", sort=False):
            name = str(suite) if len(report.runs) == 1 else f"{position}-{suite}"
            by_name[name] = _panels(cases), part.choices
    most = _most([len(panels) for panels, _ in by_name.values()])
    for name, (panels, choices) in by_name.items():
        drawn = [replace(each, crossing=_crossing(each.cases, choices)) for each in panels[:most]]
        yield name, partial(_figure, drawn, len(panels))


def _most(counts: Sequence[int]) -> int:
    """Panels that a figure may have: fewer where all together are more than anyone looks at."""
    if sum(min(count, MAX_PANELS) for count in counts) <= PANELS_IN_ALL:
        return MAX_PANELS
    return min(FEW_PANELS, max(PANELS_IN_ALL // len(counts), 1))


def _panels(cases: pd.DataFrame) -> list[_Panel]:
    """Curves where an operation was measured at two sizes or more, then dots; single cases share a panel."""
    curved: list[_Panel] = []
    dotted: list[_Panel] = []
    single: list[_Panel] = []
    for operation, of_operation in cases.groupby("operation", sort=False):
        axis, between = of_operation["axis"].iat[0], of_operation["between"].iat[0]
        if axis in of_operation and pd.api.types.is_numeric_dtype(of_operation[axis]):
            fixed = _varying(of_operation, {axis, between})
            groups = of_operation.groupby(fixed, sort=False, dropna=False) if fixed else [((), of_operation)]
            for key, group in groups:
                title = _title(operation, dict(zip(fixed, key, strict=True)))
                if group[axis].nunique() > 1:
                    curved.append(_Panel(title, axis, between, group))
                else:
                    (dotted if len(group) > 1 else single).append(_Panel(title, "", between, group))
        else:
            panel = _Panel(_title(operation, {}), "", between, of_operation)
            (dotted if len(of_operation) > 1 else single).append(panel)
    if len(single) > 1:
        together = pd.concat([panel.cases for panel in single])
        single = [_Panel("single cases", "", "", together)]
    return [*curved, *dotted, *single]


def _varying(cases: pd.DataFrame, apart: set[str]) -> list[str]:
    """Parameters with more than one value, other than those named."""
    names = ["device", *parameters(cases)]
    return [name for name in names if name not in apart and cases[name].nunique(dropna=False) > 1]


def _title(operation: object, fixed: Mapping[str, object]) -> str:
    values = [value if isinstance(value, str) else f"{name} {value}" for name, value in fixed.items()]
    return str(operation).replace("_", " ") + (f" · {', '.join(values)}" if values else "")


def _crossing(cases: pd.DataFrame, choices: Sequence[Choice]) -> float | None:
    """Where the winner changes, back to back, as the curves do: for the last time."""
    drawn = set(cases["case"])
    for choice in choices:
        evidence = {case for contest in choice.contests for case in contest.crossing.evidence}
        shown = choice.definition == "throughput" and evidence and evidence <= drawn
        if shown and (place := choice.ranges[-1].place):
            return place.size
    return None


def _figure(panels: Sequence[_Panel], of: int) -> Figure:
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    width, height = PANEL
    figure = Figure(figsize=(width * columns, height * rows))
    for position, panel in enumerate(panels):
        row, column = divmod(position, columns)
        corner = width * column, height * (rows - row - 1)
        axes = _curves(figure, corner, panel) if panel.axis else _dots(figure, corner, panel)
        indent = 0 if panel.axis else (corner[0] + 0.1) / (width * columns) - axes.get_position().x0
        axes.set_title(fitted(panel.title, 2 * style.MAX_CHARACTERS), x=indent / axes.get_position().width)
    if of > len(panels):
        note = f"the first {len(panels)} of {of}; the table has all"
        figure.text(1 - 0.1 / figure.get_figwidth(), 0.05 / figure.get_figheight(), note, size=8, ha="right")
    return figure


def _within(figure: Figure, corner: tuple[float, float], around: tuple[float, float, float, float]) -> Axes:
    """Axes in the panel whose lower left corner is given, with room left around them."""
    (x, y), (left, below, right, above) = corner, around
    return style.placed(figure, x + left, y + below, x + PANEL[0] - right, y + PANEL[1] - above)


def _curves(figure: Figure, corner: tuple[float, float], panel: _Panel) -> Axes:
    competes = panel.between in panel.cases
    contenders = list(panel.cases.groupby(panel.between if competes else "operation", sort=False))
    labels = [fitted(contender(panel.between, str(name))) if competes else "" for name, _ in contenders]
    left, below, right, above = CURVES
    room = max(right, 0.1 + CHARACTER * max(map(len, labels)))
    axes = _within(figure, corner, (left, below, room, above))
    log_axis(axes, "x", "")
    log_axis(axes, "y", "s")
    ends = []
    for position, (_, cases) in enumerate(contenders[: len(COLOURS)]):
        curve = cases[cases[panel.axis] > 0].sort_values(panel.axis)
        if len(curve):
            _curve(axes, curve, curve[panel.axis].to_numpy(float), COLOURS[position], MARKERS[position])
            ends.append((float(curve["median_s"].iat[-1]), labels[position], COLOURS[position]))
    if len(contenders) > len(COLOURS):
        axes.set_title(f"first {len(COLOURS)} of {len(contenders)}", loc="right", fontsize=8, weight="normal")
    axes.set_xlabel(fitted(panel.axis.replace("_", " ")))
    if panel.crossing:
        axes.axvline(panel.crossing, color="#777777", linewidth=1, linestyle=(0, (3, 3)))
        where = f" {count(float(f'{panel.crossing:.3g}'))}"
        axes.text(panel.crossing, 0.98, where, transform=axes.get_xaxis_transform(), va="top", fontsize=8.5)
    style.refine(axes)
    style.label_ends(axes, ends)
    return axes


def _curve(axes: Axes, curve: pd.DataFrame, x: NDArray[np.float64], colour: str, marker: str) -> None:
    """One contender: filled markers where its time is known, hollow ones where it is noisy."""
    y, low, high = (curve[name].to_numpy(float) for name in ("median_s", "low_s", "high_s"))
    axes.plot(x, y, marker=marker, color=colour)
    if (noisy := (curve["status"] != "ok").to_numpy()).any():
        axes.plot(x[noisy], y[noisy], marker, markeredgecolor=colour, markerfacecolor="white")
    if np.nanmax((high / low)[~noisy], initial=1) > VISIBLE:
        axes.fill_between(x, low, high, where=~noisy, color=colour, alpha=0.2)


def _dots(figure: Figure, corner: tuple[float, float], panel: _Panel) -> Axes:
    """A dot a case with its interval, the fastest on top."""
    cases = panel.cases.sort_values("median_s", ascending=False).tail(MAX_BARS)
    names = _varying(cases, set())
    labels = [fitted(_label(row, names, cases)) for row in cases.to_dict("records")]
    room = min(0.3 + CHARACTER * max(map(len, labels)), 0.55 * PANEL[0])
    axes = _within(figure, corner, (room, 0.4, 0.3, 0.35))
    y = np.arange(len(cases))
    middle = cases["median_s"].to_numpy(float)
    spread = [middle - cases["low_s"].to_numpy(float), cases["high_s"].to_numpy(float) - middle]
    known = np.where(cases["status"] == "ok", np.abs(spread), 0.0)
    axes.errorbar(middle, y, xerr=np.nan_to_num(known), fmt="o", color=COLOURS[0], elinewidth=1.5)
    for height, seconds in zip(y, middle, strict=True):
        axes.annotate(
            quantity(seconds, "s"), (seconds, height), (5, 3), textcoords="offset points", fontsize=8
        )
    log_axis(axes, "x", "s")
    axes.set_yticks(y, labels)
    axes.set_ylim(min(len(cases) - 4, 0) - 0.7, len(cases) - 0.3)
    low, high = middle.min(), middle.max()
    axes.set_xlim(low / 3, high * 4)
    return axes


def _label(row: Mapping[Any, Any], names: Sequence[str], cases: pd.DataFrame) -> str:
    """What sets a case apart in its panel: its operation, then parameters that vary, numbers with names."""
    values = [words(row["operation"])] if cases["operation"].nunique() > 1 else []
    for name in names:
        if pd.notna(value := row[name]):
            number = str if isinstance(value, bool | np.bool_) else count
            values.append(value if isinstance(value, str) else f"{words(name)} {number(value)}")
    return ", ".join(values) or words(row["operation"])

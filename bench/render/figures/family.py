"""The small multiples of a suite: a panel for each operation, times along the size, a curve a contender."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analyze.contests.contests import Choice
from bench.analyze.names import contender, count, words
from bench.render.drawing import points, scales, style
from bench.render.drawing.colours import Colours, light
from bench.render.drawing.labels import MAX_LABELS, Label, fitted, label_ends, room, shortened, size_of, width
from bench.render.drawing.points import Drawing, Point
from bench.render.units import estimate, quantity
from bench.storage.tables import parameters

MAX_PANELS = 6
"""Panels in a figure: two rows of three are read at a glance."""

MAX_BARS = 10
COLUMNS = 3
PANEL = (3.75, 2.6)
"""Inches that a panel takes with everything that belongs to it."""

NOTE = 0.2
"""Inches of a note at the foot."""

CURVES = (0.75, 0.6, 0.1, 0.4)
"""Inches around a panel's axes: for ticks at the left, a name below, a rest right, a title above."""

SHOWN = ["case", "median_s", "low_s", "high_s", "status"]
"""Columns of the cases frame that make a point."""

NAMES_TAKE, LABELS_TAKE = 0.4, 0.5
"""Share of a panel's width that curves' names may take, and cases' names before dots."""


@dataclass(frozen=True)
class Panel:
    """Cases that are drawn together: `axis` is the size along x, or "" for one dot a case."""

    title: str
    axis: str
    between: str
    cases: pd.DataFrame
    crossing: float | None = None


def panels(cases: pd.DataFrame, choices: Sequence[Choice], told: Collection[str]) -> list[Panel]:
    """A suite's panels: contests first, then other curves, then dots; single cases share one.

    Cases that are `told` elsewhere are left out.
    """
    cases = cases[cases["median_s"].notna() & ~cases["case"].isin(set(told))]
    curved: list[Panel] = []
    dotted: list[Panel] = []
    single: list[Panel] = []
    for operation, of_operation in cases.groupby("operation", sort=False):
        for panel in _of_operation(str(operation), of_operation, choices):
            (curved if panel.axis else dotted if len(panel.cases) > 1 else single).append(panel)
    if len(single) > 1:
        single = [Panel("single cases", "", "", pd.concat([panel.cases for panel in single]))]
    curved.sort(key=lambda panel: panel.between not in panel.cases)
    return [*curved, *dotted, *single]


def _of_operation(operation: str, cases: pd.DataFrame, choices: Sequence[Choice]) -> list[Panel]:
    """An operation's panels: one for each group of cases that differ in size and contender alone."""
    axis, between = str(cases["axis"].iat[0]), str(cases["between"].iat[0])
    if axis not in cases or not pd.api.types.is_numeric_dtype(cases[axis]):
        return [Panel(_title(operation, {}), "", between, cases)]
    fixed = _varying(cases, {axis, between})
    found = []
    for key, group in cases.groupby(fixed, sort=False, dropna=False) if fixed else [((), cases)]:
        title = _title(operation, dict(zip(fixed, key, strict=True)))
        along = axis if group.loc[group[axis] > 0, axis].nunique() > 1 else ""
        found.append(Panel(title, along, between, group, _crossing(group, choices)))
    return found


def _varying(cases: pd.DataFrame, apart: Collection[str]) -> list[str]:
    """Parameters with more than one value, other than those named."""
    names = ["device", *parameters(cases)]
    return [name for name in names if name not in apart and cases[name].nunique(dropna=False) > 1]


def _title(operation: str, fixed: Mapping[str, object]) -> str:
    values = [value if isinstance(value, str) else f"{words(name)} {value}" for name, value in fixed.items()]
    return words(operation) + (f" · {', '.join(values)}" if values else "")


def _crossing(cases: pd.DataFrame, choices: Sequence[Choice]) -> float | None:
    """Where the winner changes, back to back, as the curves do: for the last time."""
    drawn = set(cases["case"])
    for choice in choices:
        evidence = {case for contest in choice.contests for case in contest.crossing.evidence}
        shown = choice.definition == "throughput" and evidence and evidence <= drawn
        if shown and (place := choice.ranges[-1].place):
            return place.size
    return None


def draw(found: Sequence[Panel], most: int, colours: Colours) -> Drawing:
    """The picture of these panels, so many at most."""
    shown = found[:most]
    columns = 2 if len(shown) == 4 else min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    wide, high = PANEL
    more = NOTE if len(found) > len(shown) else 0
    figure = style.blank(wide * columns, high * rows + more)
    drawn: list[tuple[Axes, Sequence[Point]]] = []
    for position, panel in enumerate(shown):
        row, column = divmod(position, columns)
        corner = wide * column, high * (rows - row - 1) + more
        drawn.append(_curves(figure, corner, panel, colours) if panel.axis else _dots(figure, corner, panel))
        size = float(style.STYLE["axes.titlesize"])
        title = shortened(panel.title, wide - 0.2, size, "bold")
        at = (corner[0] + 0.1) / (wide * columns), (corner[1] + high - 0.1) / figure.get_figheight()
        figure.text(*at, title, size=size, weight="bold", va="top")
    if len(found) > len(shown):
        note = f"the first {len(shown)} of {len(found)}; the table has all"
        figure.text(1 - 0.1 / (wide * columns), 0.05 / figure.get_figheight(), note, size=8, ha="right")
    return Drawing(figure, drawn)


def _within(figure: Figure, corner: tuple[float, float], around: tuple[float, float, float, float]) -> Axes:
    """Axes in the panel whose lower left corner is given, with room left around them."""
    (x, y), (left, below, right, above) = corner, around
    return style.placed(figure, x + left, y + below, x + PANEL[0] - right, y + PANEL[1] - above)


def _curves(
    figure: Figure, corner: tuple[float, float], panel: Panel, colours: Colours
) -> tuple[Axes, list[Point]]:
    """A panel's curves: its axes and their points."""
    competes = panel.between in panel.cases
    groups = list(panel.cases.groupby(panel.between if competes else "operation", sort=False))
    groups = [(name, cases) for name, cases in groups if (cases[panel.axis] > 0).any()][-MAX_LABELS:]
    size = float(style.STYLE["font.size"])
    names = [fitted(contender(panel.between, str(name))) if competes else "" for name, _ in groups]
    names = [shortened(name, NAMES_TAKE * PANEL[0] - 0.3, size) for name in names]
    left, below, right, above = CURVES
    right += room([(name, "") for name in names], size) if competes else 0.15
    axes = _within(figure, corner, (left, below, right, above))
    curves = [_points(panel, str(name) if competes else "", cases) for name, cases in groups]
    every = [point for curve in curves for point in curve]
    ends = scales.around([p.y for p in every], [(p.low, p.high) for p in every], beyond=1.5)
    scales.logarithmic(axes, "y", ends, "s")
    scales.from_left(axes, corner[0] + 0.1)
    scales.sizes(axes, [point.x for point in every], fitted(words(panel.axis)))
    if panel.crossing:
        axes.axvline(panel.crossing, color=style.FAINT, linewidth=1, linestyle=(0, (3, 3)))
    labels = []
    for place, ((name, _), curve) in enumerate(zip(groups, curves, strict=True)):
        colour = light(colours.get(str(name), place) if competes else 0)
        marker = style.MARKERS[place % len(style.MARKERS)]
        points.curve(axes, curve, colour, marker)
        labels.append(Label(curve[-1].x, curve[-1].y, names[place], colour, marker))
    if competes:
        label_ends(axes, labels)
    return axes, every


def _points(panel: Panel, name: str, cases: pd.DataFrame) -> list[Point]:
    """A contender's times along the size, ascending."""
    ascending = cases[cases[panel.axis] > 0].sort_values(panel.axis)
    rows = ascending[list({panel.axis, *SHOWN})].to_dict("records")
    who = f"{contender(panel.between, name)}, " if name else ""
    return [
        _point(float(row[panel.axis]), row, f"{who}{words(panel.axis)} = {count(row[panel.axis])}")
        for row in rows
    ]


def _point(x: float, row: Mapping[Any, Any], name: str) -> Point:
    middle, low, high = (float(row[each]) for each in ("median_s", "low_s", "high_s"))
    solid = row["status"] == "ok"
    told = estimate(middle, low, high) + ("" if solid else ", noisy")
    return Point(x, middle, low, high, name, told, str(row["case"]), solid)


def _dots(figure: Figure, corner: tuple[float, float], panel: Panel) -> tuple[Axes, list[Point]]:
    """A dot a case with its interval, the fastest on top: its axes and their points."""
    cases = panel.cases.sort_values("median_s", ascending=False).tail(MAX_BARS)
    names = _varying(cases, set())
    rows = cases[["operation", *names, *SHOWN]].to_dict("records")
    size = float(style.STYLE["font.size"])
    labels = [shortened(_label(row, names, cases), LABELS_TAKE * PANEL[0], size) for row in rows]
    axes = _within(figure, corner, (0.25 + max(width(each, size) for each in labels), 0.4, 0.3, 0.42))
    told = [_point(0, row, label) for row, label in zip(rows, labels, strict=True)]
    low, high = scales.around([p.y for p in told], [(p.low, p.high) for p in told], beyond=1.5)
    widest = max(width(quantity(point.y, "s"), 0.9 * size) for point in told) + 0.1
    inches = axes.bbox.width / figure.dpi
    scales.logarithmic(axes, "x", (low, high * (high / low) ** (widest / (inches - widest))), "s")
    scales.at(axes, "y", list(range(len(told))), labels)
    axes.set_ylim(min(len(told) - 4, 0) - 0.6, len(told) - 0.4)
    turned = [Point(p.y, y, p.low, p.high, p.name, p.told, p.case, p.solid) for y, p in enumerate(told)]
    for point in turned:
        _dot(axes, point)
    return axes, turned


def _dot(axes: Axes, point: Point) -> None:
    """A case's time, level with its name, and the number beside it."""
    left, right = axes.get_xlim()
    colour = style.COLOURS[0]
    if point.low > 0 and np.isfinite(point.high):
        ends = [max(point.low, left), min(point.high, right)]
        axes.plot(ends, [point.y, point.y], color=colour, linewidth=1.4 if point.solid else 0.7, alpha=0.7)
    face = colour if point.solid else style.GROUND
    axes.plot([point.x], [point.y], "o", color=colour, markerfacecolor=face)
    axes.annotate(
        quantity(point.x, "s"), (point.x, point.y), (5, 2), textcoords="offset points",
        fontsize=0.9 * size_of(axes), va="bottom",
    )  # fmt: skip


def _label(row: Mapping[Any, Any], names: Sequence[str], cases: pd.DataFrame) -> str:
    """What sets a case apart in its panel: its operation, then parameters that vary, numbers with names."""
    values = [words(row["operation"])] if cases["operation"].nunique() > 1 else []
    for name in names:
        if pd.notna(value := row[name]):
            number = str if isinstance(value, bool | np.bool_) else count
            values.append(value if isinstance(value, str) else f"{words(name)} {number(value)}")
    return fitted(", ".join(values) or words(row["operation"]), 60)

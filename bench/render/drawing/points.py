"""Measured points: drawn so that a noisy one looks noisy, and told to whoever points at them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.render.drawing.style import GROUND

VISIBLE = 1.05
"""Ratio of an interval's ends from which it is wider than its curve's line."""


@dataclass(frozen=True)
class Point:
    """A measured value with its interval, in data, and what it is of; `case` is the id of a case, or "".

    `told` says the value with its interval in words. A point that is not `solid` is noisy or unsettled.
    """

    x: float
    y: float
    low: float
    high: float
    name: str
    told: str
    case: str = ""
    solid: bool = True


@dataclass(frozen=True)
class Mark:
    """A point as it stands in a picture: x and y from 0 to 1, from its left and upper edge."""

    x: float
    y: float
    name: str
    told: str
    case: str


@dataclass(frozen=True)
class Drawing:
    """A figure and the points in each of its axes."""

    figure: Figure
    points: Sequence[tuple[Axes, Sequence[Point]]]

    def marks(self) -> list[Mark]:
        """All points of the picture that can be seen."""
        return [mark for axes, points in self.points for mark in _marks(axes, points)]


def _marks(axes: Axes, points: Iterable[Point]) -> Iterable[Mark]:
    width, height = cast(Figure, axes.figure).bbox.size
    for point in points:
        x, y = axes.transData.transform((point.x, point.y))
        if axes.bbox.x0 - 1 <= x <= axes.bbox.x1 + 1 and axes.bbox.y0 - 1 <= y <= axes.bbox.y1 + 1:
            yield Mark(float(x / width), float(1 - y / height), point.name, point.told, point.case)


def curve(
    axes: Axes, points: Sequence[Point], colour: str, marker: str, dashes: Any = "-", line: bool = True
) -> None:
    """One contender: filled markers where its value is known, hollow ones with thin whiskers where noisy.

    The axes' limits must be set: an interval that goes on beyond an edge ends there in an arrow.
    """
    x, y = ([getattr(point, name) for point in points] for name in ("x", "y"))
    if line:
        axes.plot(x, y, color=colour, linestyle=dashes, zorder=2.5)
    for solid in (True, False):
        some = [point for point in points if point.solid == solid]
        if some:
            whiskers(axes, some, colour, thin=not solid)
            face = colour if solid else GROUND
            at = [point.x for point in some], [point.y for point in some]
            axes.plot(*at, marker, color=colour, markerfacecolor=face, zorder=3)


def whiskers(axes: Axes, points: Sequence[Point], colour: str, thin: bool) -> None:
    """Each point's interval, upright; an arrow where it goes on beyond the axes."""
    bottom, top = axes.get_ylim()
    size = 0.35 * float(axes.xaxis.label.get_fontsize())
    wide = 0.045 * size if thin else 0.32 * size
    ends = [_within(point, bottom, top) for point in points]
    seen = [(point.x, *end) for point, end in zip(points, ends, strict=True) if end[1] > end[0]]
    if not seen:
        return
    x, low, high = zip(*seen, strict=True)
    axes.vlines(x, low, high, color=colour, linewidth=max(wide, 0.7), alpha=0.75, zorder=2)
    for sign, edge, reached in (("v", bottom, low), ("^", top, high)):
        beyond = [at for at, end in zip(x, reached, strict=True) if end == edge]
        if beyond:
            arrow: dict[str, Any] = {"color": colour, "markersize": size, "clip_on": False}
            axes.plot(beyond, [edge] * len(beyond), sign, zorder=4, **arrow)


def _within(point: Point, bottom: float, top: float) -> tuple[float, float]:
    """The part of a point's interval that the axes show; all where it has none, nothing if it is short."""
    low, high = point.low, point.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return bottom, top  # nothing is known of it but its middle
    if high <= low or (low > 0 and high / low < VISIBLE):
        return 0.0, 0.0
    return max(low, bottom), min(high, top)


def band(axes: Axes, x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
    """An interval along a curve."""
    bottom, top = axes.get_ylim()
    axes.fill_between(
        x, np.clip(low, bottom, top), np.clip(high, bottom, top), color=colour, alpha=0.16, linewidth=0
    )

"""Names beside what they name: measured before they are placed, moved apart where they would touch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.transforms import blended_transform_factory

from bench.analyze.names import THIN
from bench.render.drawing.style import EDGE, FAINT, MISSING, SLIDE, SLIDE_INCHES

MAX_CHARACTERS = 24
"""Characters of a label: a third of a panel's width."""

MAX_LABELS = 7
"""Curves that are named beside their ends; nobody follows more."""

_FINE = 720
"""Dots an inch that text is measured at: at a screen's, every letter's width is a whole number of them."""

LEADING = 1.25
"""Height of a line of text in units of its font's size."""

POINTS = 72
"""Points in an inch."""

SMALLER = 0.82
"""Size of a label's second line."""

GAP = 0.09
"""Inches between the axes and the labels beside them; a third more with a line that leads there."""


@dataclass(frozen=True)
class Label:
    """The name of a curve that ends at `x` and `y` in data; `detail` is said in a second, smaller line."""

    x: float
    y: float
    text: str
    colour: str
    marker: str = ""
    detail: str = ""


def fitted(text: str, most: int = MAX_CHARACTERS) -> str:
    """The text, its middle left out where it is long: names come from other people's suites.

    What cannot be seen is written out: SVG takes no control characters.
    """
    text = "".join(sign if sign.isprintable() or sign == THIN else ascii(sign)[1:-1] for sign in text)
    if len(text) <= most:
        return text
    return text[: most // 2] + "…" + text[-(most - most // 2 - 1) :]


def width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a line of text takes, at a size in points, in the font of all figures."""
    font = FontProperties(family=["DejaVu Sans"], size=size, weight=weight)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", MISSING)
        measured, _, _ = _renderer().get_text_width_height_descent(text, font, ismath=False)
    return float(measured) / _FINE


@cache
def _renderer() -> Any:
    return cast(Any, RendererAgg)(1, 1, _FINE)


def size_of(axes: Axes) -> float:
    """The size of the axes' labels, in points."""
    return float(axes.xaxis.label.get_fontsize())


MAX_SIGNS = 200
"""More than any line of a figure has room for: each length below is tried, and a name may have thousands."""


def shortened(text: str, inches: float, size: float, weight: str = "normal") -> str:
    """The text, its middle left out until it takes no more than so many inches."""
    most = min(len(text), MAX_SIGNS)
    while most > 1 and width(short := fitted(text, most), size, weight) > inches:
        most -= 1
    return short if most > 1 else "…"


def entitled(text: str) -> str:
    """A slide's title, its middle left out where it would be wider than the slide."""
    return shortened(text, SLIDE_INCHES[0] - 2 * EDGE, SLIDE["axes.titlesize"], "bold")


def room(labels: Sequence[tuple[str, str]], size: float) -> float:
    """Inches that names, each with its detail, take beside axes."""
    texts = [width(text, size) for text, _ in labels]
    details = [width(detail, SMALLER * size) for _, detail in labels if detail]
    return GAP + 1.9 * size / POINTS + max([*texts, *details], default=0)


def spread(centres: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Centres as near the given ones as can be, so that intervals of these heights do not touch.

    They stay between low and high where they fit; else they go on below. Clusters that touch lie about the
    mean of where their members would be, as in isotonic regression (pool adjacent violators).
    """
    order = sorted(range(len(centres)), key=centres.__getitem__)
    clusters: list[tuple[float, float, list[int]]] = []  # where it begins, how high it is, its members
    for position in order:
        start, height, members = centres[position] - heights[position] / 2, heights[position], [position]
        while clusters and clusters[-1][0] + clusters[-1][1] > start:
            before, height_before, others = clusters.pop()
            count, count_before = len(members), len(others)
            # A member's wish, moved to the cluster's beginning; each weighs the same.
            start = (before * count_before + (start - height_before) * count) / (count + count_before)
            height, members = height + height_before, [*others, *members]
        start = max(min(start, high - height), low)
        clusters.append((start, height, members))
    result = [0.0] * len(centres)
    for start, _, members in clusters:
        for position in members:
            result[position] = start + heights[position] / 2
            start += heights[position]
    return _pushed(result, heights, order, high)


def _pushed(centres: list[float], heights: Sequence[float], order: Sequence[int], high: float) -> list[float]:
    """The same with those above the upper end, or within another, moved down."""
    for position in reversed(order):
        centres[position] = min(centres[position], high - heights[position] / 2)
        high = centres[position] - heights[position] / 2
    return centres


def named(axes: Axes, text: str, colour: str, marker: str) -> None:
    """The name of one curve in the upper left corner of its axes, with its marker."""
    size = size_of(axes)
    inch = _pixels(axes) * POINTS / axes.bbox.width
    high = 1 - size * _pixels(axes) / axes.bbox.height
    dot: dict[str, Any] = {"color": colour, "markersize": 0.55 * size, "transform": axes.transAxes}
    axes.plot([0.1 * inch], [high], marker, **dot)
    axes.text(0.2 * inch, high, text, size=size, va="center", transform=axes.transAxes)


def label_ends(axes: Axes, labels: Sequence[Label]) -> bool:
    """Names beside the axes, each at the height at which its curve ends, with a line to it where it is moved.

    Where they do not fit above each other, a legend in the axes has them. Returns whether they did.
    """
    size = size_of(axes)
    if len(labels) * size * LEADING > axes.bbox.height / _pixels(axes):
        axes.legend(fontsize=SMALLER * size, frameon=False, labelspacing=0.2)
        return False
    pixels = _pixels(axes)
    heights = [pixels * size * LEADING * (1 + bool(each.detail) * SMALLER) for each in labels]
    if sum(heights) > axes.bbox.height:
        labels = [Label(each.x, each.y, each.text, each.colour, each.marker) for each in labels]
        heights = [pixels * size * LEADING] * len(labels)
    ends = axes.transData.transform([(each.x, each.y) for each in labels]) if labels else ()
    wished = [min(max(float(y), axes.bbox.y0), axes.bbox.y1) for _, y in ends]
    places = spread(wished, heights, axes.bbox.y0, axes.bbox.y1)
    for label, wish, place in zip(labels, wished, places, strict=True):
        _label(axes, label, wish, place, size)
    return True


def _pixels(axes: Axes) -> float:
    """Pixels of a point of text."""
    return float(cast(Figure, axes.figure).dpi) / POINTS


def _label(axes: Axes, label: Label, wish: float, place: float, size: float) -> None:
    pixels = _pixels(axes)
    high = (place - axes.bbox.y0) / axes.bbox.height
    end = (wish - axes.bbox.y0) / axes.bbox.height
    inch = pixels * POINTS / axes.bbox.width
    left, glyph = 1 + 2.2 * GAP * inch, 0.62 * size / POINTS * inch
    frame = axes.transAxes
    right = blended_transform_factory(axes.transData, frame)
    line: dict[str, Any] = {"color": label.colour, "linewidth": 0.8, "alpha": 0.7, "clip_on": False}
    axes.plot([label.x, axes.get_xlim()[1]], [end, end], transform=right, linestyle=":", **line)
    axes.plot([1, left], [end, high], transform=frame, **line)
    if label.marker:
        dot: dict[str, Any] = {"color": label.colour, "markersize": 0.55 * size, "clip_on": False}
        axes.plot([left + glyph], [high], label.marker, transform=frame, **dot)
    text: dict[str, Any] = {"transform": frame, "va": "center", "ha": "left"}
    start = left + 2 * glyph + 0.02 * inch
    if not label.detail:
        axes.text(start, high, label.text, fontsize=size, **text)
        return
    line_height = pixels * size * LEADING / axes.bbox.height
    axes.text(start, high + SMALLER * line_height / 2, label.text, fontsize=size, **text)
    axes.text(start, high - line_height / 2, label.detail, fontsize=SMALLER * size, color=FAINT, **text)

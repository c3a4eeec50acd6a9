"""What can be seen of a figure: its texts, which of them touch, and which leave it."""

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

TOUCH = 0.6
"""Pixels by which texts may overlap: their boxes have a little air."""


def texts(figure: Figure) -> list[Text]:
    """Every text that is drawn; ticks beyond their axis are not."""
    found = [*figure.texts]
    for axes in figure.axes:
        if not axes.axison:
            continue
        found += [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes.title]
        found += _ticks(axes)
        if legend := axes.get_legend():
            found += legend.get_texts()
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def _ticks(axes: Axes) -> list[Text]:
    return [
        label
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        if min(low, high) <= place <= max(low, high)
    ]


def at(line: Line2D) -> list[tuple[float, float]]:
    """A line's points, in its data."""
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def heights(collection: Collection) -> list[list[float]]:
    """The lower and upper end of each upright line of a collection."""
    return [np.asarray(path.vertices)[:, 1].tolist() for path in collection.get_paths()]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that touch each other."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    return [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if _touch(a, b)]


def _touch(one: Bbox, other: Bbox) -> bool:
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    along = min(one.y1, other.y1) - max(one.y0, other.y0)
    return bool(across > TOUCH and along > TOUCH)


def outside(figure: Figure) -> list[str]:
    """Texts that leave the figure."""
    figure.draw_without_rendering()
    frame = figure.bbox
    return [
        text.get_text()
        for text, box in ((each, each.get_window_extent()) for each in texts(figure))
        if box.x0 < frame.x0 - 1 or box.x1 > frame.x1 + 1 or box.y0 < frame.y0 - 1 or box.y1 > frame.y1 + 1
    ]

"""Points: noisy ones look noisy, what goes on beyond an axis has an arrow, and each can be pointed at."""

import math

import numpy as np
import pytest
from matplotlib.axes import Axes

from bench.render.drawing import points, scales, style
from bench.render.drawing.points import Drawing, Point


def point(x: float, y: float, low: float, high: float, solid: bool = True) -> Point:
    return Point(x, y, low, high, f"n = {x:g}", f"{y:g}", f"case {x:g}", solid)


@pytest.fixture
def axes() -> Axes:
    axes = style.placed(style.blank(4, 3), 0.5, 0.5, 3.5, 2.5)
    scales.logarithmic(axes, "y", (1, 100), "s")
    axes.set_xlim(0, 10)
    return axes


def markers(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Where the markers of each kind and filling stand."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in axes.lines:
        hollow = " hollow" if line.get_markerfacecolor() == style.GROUND else ""
        at = [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]
        found.setdefault(f"{line.get_marker()}{hollow}", []).extend(at)
    return found


def test_a_noisy_point_is_hollow(axes: Axes) -> None:
    points.curve(axes, [point(1, 10, 9, 11), point(2, 20, 5, 80, solid=False)], "#0072b2", "o", line=False)
    assert markers(axes) == {"o": [(1, 10)], "o hollow": [(2, 20)]}
    solid, noisy = (np.asarray(each.get_linewidth())[0] for each in axes.collections)
    assert noisy < solid


def test_an_interval_beyond_the_axis_ends_in_an_arrow(axes: Axes) -> None:
    points.curve(axes, [point(1, 10, 0.1, 1e4), point(2, 20, 15, 25)], "#0072b2", "o", line=False)
    assert markers(axes) == {"o": [(1, 10), (2, 20)], "v": [(1, 1)], "^": [(1, 100)]}
    ends = [np.asarray(path.vertices)[:, 1].tolist() for path in axes.collections[0].get_paths()]
    assert ends == [[1, 100], [15, 25]]


def test_an_interval_that_is_not_known_has_no_end(axes: Axes) -> None:
    points.curve(axes, [point(1, 10, math.nan, math.nan, solid=False)], "#0072b2", "o", line=False)
    assert markers(axes) == {"o hollow": [(1, 10)], "v": [(1, 1)], "^": [(1, 100)]}


def test_marks_are_where_the_points_are_drawn(axes: Axes) -> None:
    figure = axes.figure
    assert isinstance(figure, style.Picture)
    (mark,) = Drawing(figure, [(axes, [point(5, 10, 9, 11), point(5, 1e9, 1, 1e10)])]).marks()
    assert (mark.x, mark.y) == pytest.approx((2 / 4, 1.5 / 3))  # in the middle; the other is out of sight
    assert (mark.name, mark.told, mark.case) == ("n = 5", "10", "case 5")

"""How figures look: few colours that colour-blind readers can tell apart, real units, any ground."""

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.render.units import quantity

Picture = Callable[[], Figure]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), without its black and its yellow, which
vanish on dark and on light ground."""

MARKERS = "osD^vP"

INK = "#010203"
"""Stands for the text's own colour: in SVG it becomes `currentColor`, so that a page sets it."""

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9,
    "axes.titlesize": 10, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.titley": 1.0,  # where it is; the default looks for a place that no tick's label takes
    "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.color": INK, "ytick.color": INK,
    "text.color": INK, "text.parse_math": False,  # a name with two dollar signs is a name
    "grid.color": "#888888", "grid.alpha": 0.25, "grid.linewidth": 0.6,
    "lines.linewidth": 1.6, "lines.markersize": 4.5, "svg.fonttype": "none", "svg.hashsalt": "bench",
}  # fmt: skip

MAX_RUNS = 4
"""Runs with figures of their own; more are read side by side, or as a history."""

MAX_CHARACTERS = 24
"""Characters of a label: a third of a panel's width."""

NARROW = 100
"""Ratio of an axis' ends below which powers of ten leave it with one label or none."""

LINE_INCHES = 0.15
"""Least distance between two labels: one line of text."""


def saved(picture: Picture, simulated: Sequence[str]) -> Mapping[str, bytes]:
    """The figure as SVG, in the colour of the text around it, and as PNG on white."""
    with rc_context(STYLE), warnings.catch_warnings():
        # A sign that this font lacks is a box in the PNG; in the SVG the reader's own fonts show it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = picture()
        if simulated:
            size = 6 * figure.get_size_inches()[0]
            across: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 25}
            figure.text(0.5, 0.5, "simulated", size=size, alpha=0.16, zorder=10, **across)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=110, facecolor="white")
    return {"svg": _inked(svg.getvalue()), "png": png.getvalue()}


def placed(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Axes between the given edges, in inches from the figure's lower left corner.

    Everything has a place of its own from the start: matplotlib's layout engines, and the places that it
    finds for titles and labels, take three quarters of the time that a figure takes.
    """
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, (right - left) / width, (top - bottom) / height))
    axes.xaxis.set_label_coords(0.5, -0.3 / (top - bottom))
    axes.yaxis.set_label_coords(-0.5 / (right - left), 0.5)
    return axes


def _inked(svg: bytes) -> bytes:
    text = svg.decode().replace(INK, "currentColor")
    text = text[text.index("<svg") :]
    # The page gives the width; the viewBox keeps the proportions.
    return re.sub(r'(<svg[^>]*?) height="[^"]*"|\bwidth="[\d.]+pt"', r"\1", text, count=2).encode()


def log_axis(axes: Axes, which: Literal["x", "y"], unit: str) -> None:
    """A logarithmic axis with a label at powers of ten, in engineering units."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(numticks=6 if which == "y" else 5))
    plain = not unit  # small numbers without a unit need no prefix
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if plain and value < 1000 else quantity(value, unit, 1))
    )
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axes.grid(True, axis=which)


def refine(axes: Axes) -> None:
    """More labels on a logarithmic axis that spans little more than a power of ten."""
    axes.autoscale_view()
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() == "log" and high / low < NARROW:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))


def fitted(text: str, most: int = MAX_CHARACTERS) -> str:
    """The text, its middle left out where it is long: names come from other people's suites.

    What cannot be seen is written out: SVG takes no control characters.
    """
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    if len(text) <= most:
        return text
    return text[: most // 2] + "…" + text[-(most - most // 2 - 1) :]


def label_ends(
    axes: Axes,
    ends: Sequence[tuple[float, str, str]],
    at: float = 1.02,
    align: Literal["left", "right"] = "left",
) -> None:
    """Names beside curves, where each ends: its y (in data), name and colour; moved apart where they touch.

    `at` is where they stand across the axes, from 0 to 1.
    """
    to_axes = axes.transAxes.inverted()
    heights = [to_axes.transform(axes.transData.transform((1, y)))[1] for y, _, _ in ends]
    nearest = LINE_INCHES * axes.figure.dpi / axes.bbox.height
    lowest = -1.0
    for position in sorted(range(len(ends)), key=heights.__getitem__):
        _, text, colour = ends[position]
        lowest = max(heights[position], lowest + nearest)
        axes.text(
            at, lowest, text, color=colour, transform=axes.transAxes, va="center", ha=align, fontsize=8.5
        )

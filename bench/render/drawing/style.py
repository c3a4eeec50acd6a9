"""How figures look: few colours that colour-blind readers can tell apart, on any ground, as SVG and PNG."""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from bench.render.drawing.colours import PALETTE

COLOURS = tuple(on_light for on_light, _ in PALETTE)
MARKERS = "osD^vPX"

INK = "#010203"
"""Stands for the text's own colour: in SVG it becomes `currentColor`, so that a page sets it."""

FAINT = "#6f7680"
"""Lines and notes that step back: in SVG it becomes `var(--faint)`."""

GROUND = "#fdfefd"
"""Stands for the ground that a picture lies on: in SVG it becomes `var(--ground)`."""

FONT = "font-family: 'DejaVu Sans', sans-serif;"
"""The font as SVG names it at every text; a picture says it once."""

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

SLIDE: dict[Any, Any] = STYLE | {
    "font.size": 14, "axes.titlesize": 17, "axes.linewidth": 0.9, "grid.linewidth": 0.9,
    "lines.linewidth": 2.6, "lines.markersize": 8, "xtick.major.size": 5, "ytick.major.size": 5,
}  # fmt: skip
"""A picture that answers one question: its smallest text is a thirtieth of its height, as slides want it."""

SLIDE_INCHES = (10.0, 5.625)
"""16:9."""

MISSING = "Glyph .* missing from font"
"""A warning of matplotlib: a sign that the font lacks is a box in the PNG; in the SVG readers have fonts that
show it."""

EDGE = 0.22
"""Inches left of everything on a slide."""

NOTE_SIZE = 9.5
"""Points of a slide's foot note."""

UNPACKED = {"compress_level": 0}
"""Of a PNG that is only made to be read again: packing it takes as long as drawing it does."""

MAX_RUNS = 4
"""Runs with figures of their own; more are read side by side, or as a history."""


class Picture(Figure):
    """A figure that a notebook shows, without pyplot, where it is a cell's last line."""

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=110, facecolor="white")
        return png.getvalue()


def blank(width: float, height: float) -> Figure:
    """An empty figure, in inches, that can measure text."""
    figure = Picture(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def slide(title: str) -> Figure:
    """An empty 16:9 figure with its title."""
    figure = blank(*SLIDE_INCHES)
    width, height = SLIDE_INCHES
    figure.text(EDGE / width, 1 - 0.22 / height, title, size=SLIDE["axes.titlesize"], weight="bold", va="top")
    return figure


def note(figure: Figure, text: str) -> None:
    """What a reader has to know, in small letters at the foot of a slide."""
    width, height = figure.get_size_inches()
    figure.text(EDGE / width, 0.14 / height, text, size=NOTE_SIZE, color=FAINT, va="bottom")


def placed(
    figure: Figure, left: float, bottom: float, right: float, top: float, size: float | None = None
) -> Axes:
    """Axes between the given edges, in inches from the figure's lower left corner; `size` is their text's.

    Everything has a place of its own from the start: matplotlib's layout engines, and the places that it
    finds for titles and labels, take three quarters of the time that a figure takes.
    """
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, (right - left) / width, (top - bottom) / height))
    size = size or float(rcParams["font.size"])
    axes.tick_params(labelsize=size)
    axes.xaxis.label.set_fontsize(size)
    axes.yaxis.label.set_fontsize(size)
    large = size / STYLE["font.size"]
    axes.xaxis.set_label_coords(0.5, -0.3 * large / (top - bottom))
    axes.yaxis.set_label_coords(-0.5 * large / (right - left), 0.5)
    return axes


def saved(figure: Figure, simulated: Sequence[str], name: str = "bench") -> Mapping[str, bytes]:
    """The figure as SVG, in the colours of the page around it, and as PNG on white. Call it in its style.

    Pictures of different names have different identifiers in their SVG, so that they can share a page.
    """
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": name}):
        warnings.filterwarnings("ignore", MISSING)
        if simulated:
            size = 6 * figure.get_size_inches()[0]
            across: dict[str, Any] = {"ha": "center", "va": "center", "rotation": 25}
            figure.text(0.5, 0.5, "simulated", size=size, alpha=0.16, zorder=10, **across)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        dpi = 160 if tuple(figure.get_size_inches()) == SLIDE_INCHES else 110
        figure.savefig(png, format="png", dpi=dpi, facecolor="white", pil_kwargs=UNPACKED)
    return {"svg": _inked(svg.getvalue()), "png": _fewer_colours(png)}


def _fewer_colours(png: io.BytesIO) -> bytes:
    """The same picture in 256 colours, a third of the bytes."""
    small = io.BytesIO()
    with Image.open(png) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG")
    return small.getvalue()


def _inked(svg: bytes) -> bytes:
    # Groups are named by their number, which all pictures have; nothing refers to them.
    text = (
        re.sub(r'<g id="[^"]*"', "<g", svg.decode())
        .replace(INK, "currentColor")
        .replace(GROUND, f"var(--ground, {GROUND})")
        .replace(FAINT, f"var(--faint, {FAINT})")
    )
    for position, (on_light, _) in enumerate(PALETTE):
        text = text.replace(on_light, f"var(--c{position}, {on_light})")
    text = text[text.index("<svg") :]
    # Indents and metadata that nobody reads are a tenth of a page.
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", text))
    # Nor does anybody see millionths of a point, turns by nothing, or a font named at each text.
    text = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\.\d\d)\d+", r"\1", tag[0]), text)
    text = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", text).replace(f" {FONT}", "")
    text = text.replace("<svg", f'<svg style="{FONT}"', 1)
    # The page gives the width; the viewBox keeps the proportions.
    return re.sub(r'(<svg[^>]*?) height="[^"]*"|\bwidth="[\d.]+pt"', r"\1", text, count=2).encode()


def in_style(large: bool) -> AbstractContextManager[None]:
    """The context in which a figure is drawn and saved: as an answer on a slide, or as one panel of many."""
    return rc_context(SLIDE if large else STYLE)

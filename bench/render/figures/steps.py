"""Where a training step's time goes: a bar a network and device, stacked by parts, beside the whole step."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from bench.analyze.names import count
from bench.analyze.questions.parts import Part, Step
from bench.render.drawing import scales, style
from bench.render.drawing.colours import light
from bench.render.drawing.labels import fitted, width
from bench.render.drawing.points import Drawing, Point
from bench.render.units import estimate, percent, quantity

SIZE = 12
"""Of all text but the title, in points."""

PARTS = {"forward": 4, "loss": 2, "backward": 5, "optimizer": 3}
"""The parts' places in the palette, in the order in which they come: none a device's, and the longest dark
enough on light ground, and light enough on dark, for a name in the ground's colour."""

MAX_STEPS = 6
"""Bars of a picture."""

LEAST = 4
"""Lines that there is room for at least: a bar alone is not to fill the picture."""

MOST = 1.6
"""Length of a whole step, in units of its parts' sum, up to which the axis shows it; beyond is an arrow."""

BAR = 0.52
"""Height of a bar, in units of its line."""


def draw(steps: Sequence[Step]) -> Drawing:
    """The picture of a run's training steps."""
    found = steps[:MAX_STEPS]
    figure = style.slide("Where does a training step's time go?")
    named = [(fitted(f"{step.network}, {step.device}"), f"batch {count(step.items)}") for step in found]
    left = 0.4 + max(width(name, SIZE, "bold") for name, _ in named)
    said = [_said(step) for step in found]
    right = 0.3 + max(width(line, SIZE) for lines in said for line in lines)
    axes = style.placed(figure, left, 1.05, style.SLIDE_INCHES[0] - right, 4.3, SIZE)
    told = _onto(axes, found, named, said)
    _legend(axes)
    more = f" The first {len(found)} of {len(steps)}." if len(steps) > len(found) else ""
    style.note(figure, f"Parts are timed each alone, back to back. Diamond: the whole step, 95 %.{more}")
    return Drawing(figure, [(axes, told)])


def _onto(
    axes: Axes, found: Sequence[Step], named: Sequence[tuple[str, str]], said: Sequence[tuple[str, str]]
) -> list[Point]:
    """The bars onto the axes, the first on top; their points."""
    lengths = [step.whole.seconds / step.total_s for step in found if step.whole]
    end = min(max([1.0, *lengths]) * 1.08, MOST)
    axes.set_xlim(0, end)
    axes.set_ylim(max(len(found), LEAST) - 0.5, -0.5)
    ticks = [each for each in (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5) if each <= end]
    scales.at(axes, "x", ticks, [percent(each) for each in ticks])
    scales.at(axes, "y", [], [])
    axes.set_xlabel("share of the parts' sum")
    told: list[Point] = []
    for line, step in enumerate(found):
        told += _bar(axes, step, line)
        told += _whole(axes, step, line, end)
        name, detail = named[line]
        beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
        axes.text(-0.02, line - 0.13, name, ha="right", va="center", size=SIZE, weight="bold", **beside)
        axes.text(
            -0.02, line + 0.19, detail, ha="right", va="center", size=0.82 * SIZE, color=style.FAINT, **beside
        )
        axes.text(1.02, line - 0.13, said[line][0], va="center", size=SIZE, **beside)
        colour = style.INK if step.adds_up else light(1)
        axes.text(1.02, line + 0.19, said[line][1], va="center", size=0.82 * SIZE, color=colour, **beside)
    return told


def _bar(axes: Axes, step: Step, line: int) -> list[Point]:
    """A step's parts behind each other, each with its share where that has room."""
    start, told = 0.0, []
    inches = axes.bbox.width / axes.figure.dpi / axes.get_xlim()[1]
    for part in step.parts:
        share = step.shares[part.name]
        colour = light(PARTS.get(part.name, 0))
        axes.barh(line, share, BAR, start, color=colour, edgecolor=style.GROUND, linewidth=0.8)
        for text in (f"{part.name} {percent(share)}", percent(share)):
            if width(text, SIZE) + 0.1 < share * inches:
                middle: dict[str, Any] = {"ha": "center", "va": "center", "size": SIZE}
                axes.text(start + share / 2, line, text, color=style.GROUND, **middle)
                break
        told.append(_point(step, part, start + share / 2, line, f"{percent(share)} of the parts, "))
        start += share
    return told


def _whole(axes: Axes, step: Step, line: int, end: float) -> list[Point]:
    """The whole step as it was timed in one; an arrow where it lies beyond the axis."""
    if step.whole is None:
        return []
    place, low, high = (
        each / step.total_s for each in (step.whole.seconds, step.whole.low_s, step.whole.high_s)
    )
    look: dict[str, Any] = {"color": style.INK, "zorder": 4, "clip_on": False}
    below = line + BAR / 2 + 0.1
    if math.isfinite(low) and math.isfinite(high):
        axes.plot([min(low, end), min(high, end)], [below, below], linewidth=1.2, **look)
        if high > end:
            axes.plot([end], [below], ">", markersize=4, **look)
    axes.plot([min(place, end)], [below], ">" if place > end else "D", markersize=6, **look)
    return [_point(step, step.whole, min(place, end), below, "")]


def _point(step: Step, part: Part, x: float, y: float, before: str) -> Point:
    name = f"{part.name}, {step.network} on {step.device}, batch {count(step.items)}"
    told = before + estimate(part.seconds, part.low_s, part.high_s)
    return Point(x, y, x, x, name, told, part.case)


def _said(step: Step) -> tuple[str, str]:
    """The parts' sum, and the whole step beside it: whether they add up."""
    total = f"{quantity(step.total_s, 's', 2)} in parts"
    if step.whole is None:
        return total, "the whole was not timed"
    whole = f"the whole step: {quantity(step.whole.seconds, 's', 2)}"
    return total, whole if step.adds_up else f"{whole}: they do not add up"


def _legend(axes: Axes) -> None:
    """The parts' names above the bars, each behind its colour."""
    x = 0.0
    inch = axes.figure.dpi / axes.bbox.width
    for name, colour in PARTS.items():
        where: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
        axes.plot([x + 0.07 * inch], [1.06], "s", color=light(colour), markersize=9, **where)
        axes.text(x + 0.2 * inch, 1.06, name, va="center", size=SIZE, **where)
        x += (0.42 + width(name, SIZE)) * inch

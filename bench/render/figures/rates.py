"""Items a second by a number of workers: a curve a batch size, the best marked, and who equals it."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.analyze.contests.contests import Choice
from bench.analyze.contests.rates import Rate, rates
from bench.analyze.names import contender, count, words
from bench.render.drawing import points, scales, style
from bench.render.drawing.colours import light
from bench.render.drawing.labels import Label, entitled, label_ends, room
from bench.render.drawing.points import Drawing, Point

SIZE = 12
"""Of all text but the title, in points."""

MAX_CURVES = 5
"""Sizes that have curves: the ends of those measured, and others far from both."""

SEQUENCE = (3, 2, 5, 4, 0)
"""Places in the palette of ascending sizes: from light to dark."""

HEAD = 1.12
"""Highest value beneath the top of the axis."""


def draw(choice: Choice, cases: pd.DataFrame, what: str = "images") -> Drawing | None:
    """The picture of a contest whose contenders are numbers; None where no work is declared."""
    found = {size: each for size, each in rates(choice, cases).items() if len(each) > 1}
    if not found:
        return None
    shown = _apart(list(found))
    named = [(f"{words(choice.axis)} {count(size)}", _said(choice, found[size])) for size in shown]
    title = f"{words(choice.operation)}: {what} a second by {words(choice.between)}"
    drawn = style.slide(entitled(title))
    axes = style.placed(drawn, 1.0, 1.05, style.SLIDE_INCHES[0] - 0.2 - room(named, SIZE), 4.62, SIZE)
    told = _onto(axes, choice, {size: found[size] for size in shown}, named, what)
    left_out = f" {len(shown)} of {len(found)} sizes are drawn." if len(shown) < len(found) else ""
    style.note(drawn, f"Ringed: the fastest, and those that cannot be told from it. Hollow: noisy.{left_out}")
    return Drawing(drawn, [(axes, told)])


def _apart(sizes: Sequence[float]) -> list[float]:
    """Up to so many sizes, each as far from the others, as a ratio, as can be; ascending."""
    kept = list(dict.fromkeys((sizes[-1], sizes[0])))
    while len(kept) < min(MAX_CURVES, len(sizes)):
        left = [size for size in sizes if size not in kept]
        kept.append(max(left, key=lambda size: min(max(size / each, each / size) for each in kept)))
    return sorted(kept)


def _said(choice: Choice, at_size: Sequence[Rate]) -> str:
    """Who is the fastest at a size, and who cannot be told from it."""
    leading = sorted((rate for rate in at_size if rate.leads), key=lambda rate: -rate.items_per_s)
    if not leading or len(leading) == len(at_size):
        return "not told apart" if leading else ""
    fastest, *others = (rate.contender for rate in leading)
    level = f" (or {', '.join(others)})" if others else ""
    return f"fastest: {contender(choice.between, fastest)}{level}"


def _onto(
    axes: Axes,
    choice: Choice,
    found: dict[float, tuple[Rate, ...]],
    named: Sequence[tuple[str, str]],
    what: str,
) -> list[Point]:
    """The curves onto the axes; their points."""
    present = {rate.contender for each in found.values() for rate in each}
    names = [name for name in choice.contenders if name in present]
    scales.named(axes, "x", names)
    axes.set_xlim(-0.35, len(names) - 0.65)
    axes.set_xlabel(words(choice.between))
    every = [rate for each in found.values() for rate in each]
    fastest = max(rate.items_per_s for rate in every)
    highest = max([fastest, *(rate.high for rate in every if rate.ok and rate.high < 2 * fastest)])
    scales.linear(axes, HEAD * highest, "")
    scales.from_left(axes, style.EDGE)
    scales.headed(axes, f"{what} a second, back to back")
    told: list[Point] = []
    ends = []
    for place, (size, at_size) in enumerate(found.items()):
        curve = [_point(choice, names, size, rate, what) for rate in at_size]
        colour = light(SEQUENCE[place % len(SEQUENCE)])
        marker = style.MARKERS[place % len(style.MARKERS)]
        points.curve(axes, curve, colour, marker)
        _ring(axes, [point for point, rate in zip(curve, at_size, strict=True) if rate.leads])
        ends.append(Label(curve[-1].x, curve[-1].y, named[place][0], colour, marker, named[place][1]))
        told += curve
    label_ends(axes, ends)
    return told


def _point(choice: Choice, names: Sequence[str], size: float, rate: Rate, what: str) -> Point:
    name = f"{contender(choice.between, rate.contender)}, {words(choice.axis)} = {count(size)}"
    rate_text, low, high = (_whole(each) for each in (rate.items_per_s, rate.low, rate.high))
    told = f"{rate_text} {what}/s" + (f" (95 %: {low} to {high})" if rate.ok else ", noisy")
    x = float(names.index(rate.contender))
    return Point(x, rate.items_per_s, rate.low, rate.high, name, told, rate.case, rate.ok)


def _whole(rate: float) -> str:
    """A rate in three digits, without a prefix: "53 900"."""
    return count(float(f"{rate:.3g}")) if math.isfinite(rate) else "–"


def _ring(axes: Axes, ringed: Sequence[Point]) -> None:
    """A ring around each of the points."""
    at = [point.x for point in ringed], [point.y for point in ringed]
    look: dict[str, Any] = {"color": style.INK, "markerfacecolor": "none", "zorder": 4}
    axes.plot(*at, "o", markersize=2.1 * style.SLIDE["lines.markersize"], markeredgewidth=1.4, **look)

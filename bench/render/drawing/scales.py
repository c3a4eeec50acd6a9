"""Axes with true numbers: every tick stands where its label says, and no label touches the next."""

import math
from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from bench.analyze.names import THIN, count
from bench.render.drawing import labels
from bench.render.units import quantity

MARGIN = 0.05
"""Share of an axis that is left free at each end."""

BESIDE = 1.6
"""Widths of a character that are left free between two labels beneath an axis."""

TICK = 10
"""Points that a tick and the space around it take."""

NARROW = 1.6
"""Ratio of an axis' ends below which ticks are even in the value, not in its logarithm."""


def sizes(axes: Axes, measured: Sequence[float], title: str) -> None:
    """A logarithmic axis along the sizes measured; as many of them are named as have room."""
    known = sorted(set(measured))
    low, high = known[0], known[-1]
    wide = (high / low) ** MARGIN if high > low else 2
    axes.set_xscale("log")
    axes.set_xlim(low / wide, high * wide)
    texts = [count(size) for size in known]
    at(axes, "x", *_with_room(axes, known, texts))
    axes.set_xlabel(title)


def _with_room(axes: Axes, values: Sequence[float], texts: Sequence[str]) -> tuple[list[float], list[str]]:
    """Of the ticks along x those whose labels have room, from both ends on: the largest is the last."""
    size, inches = labels.size_of(axes), axes.bbox.width / axes.figure.dpi
    low, high = (math.log(end) for end in axes.get_xlim())
    apart = labels.width("0", size) * BESIDE
    kept: list[tuple[float, float, str]] = []
    ends = dict.fromkeys((len(values) - 1, 0, *range(len(values))))
    for position in ends:
        middle = (math.log(values[position]) - low) / (high - low) * inches
        half = (labels.width(texts[position], size) + apart) / 2
        if all(abs(middle - other) >= half + its_half for other, its_half, _ in kept):
            kept.append((middle, half, texts[position]))
    named = {text for _, _, text in kept}
    chosen = [(value, text) for value, text in zip(values, texts, strict=True) if text in named]
    return [value for value, _ in chosen], [text for _, text in chosen]


def headed(axes: Axes, title: str) -> None:
    """The upright axis' title, level above it: read without turning one's head."""
    size = labels.size_of(axes)
    left = -min(axes.get_position().x0 * axes.figure.bbox.width - 8, _ticks_take(axes)) / axes.bbox.width
    above = 1 + 0.45 * size / labels.POINTS * axes.figure.dpi / axes.bbox.height
    axes.text(left, above, title, transform=axes.transAxes, size=size, va="bottom", ha="left")


def from_left(axes: Axes, inches: float) -> None:
    """Moves the axes' left edge to where the labels of their upright axis have room, from an edge on."""
    place = axes.get_position()
    width = axes.figure.bbox.width
    left = (inches * axes.figure.dpi + _ticks_take(axes)) / width
    axes.set_position((left, place.y0, place.x1 - left, place.height))


def _ticks_take(axes: Axes) -> float:
    """Pixels that the labels of the upright axis take beside it."""
    texts = cast(FixedFormatter, axes.yaxis.get_major_formatter()).seq
    widest = max((labels.width(each, labels.size_of(axes)) for each in texts), default=0)
    return (widest + TICK / labels.POINTS) * axes.figure.dpi


def logarithmic(axes: Axes, which: Literal["x", "y"], ends: tuple[float, float], unit: str) -> None:
    """A logarithmic axis between two ends, with its ticks in engineering units; "×" for ratios."""
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(*ends)
    points = labels.POINTS * (axes.bbox.height if which == "y" else axes.bbox.width) / axes.figure.dpi
    lines = points / labels.size_of(axes)
    most = max(2, int(lines / (1.8 if which == "y" else 5)))
    values = log_ticks(*ends, most)
    at(axes, which, values, [exact(value, unit) for value in values])
    axes.grid(True, axis=which)


def linear(axes: Axes, top: float, unit: str) -> None:
    """An upright axis from zero, with its ticks in engineering units."""
    axes.set_ylim(0, top)
    most = max(2, int(labels.POINTS * axes.bbox.height / axes.figure.dpi / labels.size_of(axes) / 2.2))
    values = even_ticks(0, top, most)
    at(axes, "y", values, [exact(value, unit) for value in values])
    axes.grid(True, axis="y")


def elapsed(axes: Axes, last: float) -> None:
    """An axis of seconds from zero on."""
    axes.set_xlim(0, last * (1 + MARGIN))
    inches = axes.bbox.width / axes.figure.dpi
    values = even_ticks(
        0, last * (1 + MARGIN), max(2, int(inches * labels.POINTS / labels.size_of(axes) / 5))
    )
    at(axes, "x", values, [exact(value, "s") for value in values])
    axes.grid(True, axis="x")


def named(axes: Axes, which: Literal["x", "y"], names: Sequence[str]) -> None:
    """An axis of names, at 0, 1, 2 and so on."""
    at(axes, which, [float(each) for each in range(len(names))], list(names))


def at(axes: Axes, which: Literal["x", "y"], values: Sequence[float], texts: Sequence[str]) -> None:
    """Ticks at these values, with these labels, and no others."""
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_major_formatter(FixedFormatter(list(texts)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values between two ends: 1, 2 and 5 of every power of ten, or fewer; two at least."""
    if high / low < NARROW:
        return even_ticks(low, high, most)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [
            value
            for power in range(first, last + 1)
            for digit in digits
            if low <= (value := float(f"{digit}e{power}")) <= high
        ]
        if 2 <= len(found) <= most:
            return found
        if len(found) < 2:
            break
    if len(found) < 2:
        return even_ticks(low, high, most)
    step = -(-len(found) // most)
    origin = next((place for place, value in enumerate(found) if value == 1), 0) % step
    return found[origin::step]


def even_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values between two ends, evenly spaced."""
    rough = (high - low) / max(most - 1, 1)
    if not rough > 0:
        return [low]
    power = math.floor(math.log10(rough))
    step = next(each for factor in (1, 2, 5, 10, 20) if (each := float(f"{factor}e{power}")) >= rough * 0.999)
    start = math.ceil(low / step - 1e-9)
    stop = math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(start, stop + 1)]


def exact(value: float, unit: str) -> str:
    """A tick's value in as few digits as say it exactly."""
    if unit == "%":
        return f"{100 * value:.10g}{THIN}%"
    if unit == "×":
        return f"{count(value) if value >= 1 else np.format_float_positional(value, trim='-')}{THIN}×"
    if not unit and value < 10_000:
        return f"{value:.10g}"
    if not unit:
        return count(value)
    for digits in range(1, 10):
        if float(f"{value:.{digits - 1}e}") == float(f"{value:.12g}"):
            break
    return quantity(value, unit, digits)


def around(
    centres: Sequence[float], intervals: Sequence[tuple[float, float]], beyond: float = 2.0
) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows all centres, and intervals up to a factor beyond them."""
    middle = np.array([each for each in centres if math.isfinite(each) and each > 0] or [1.0])
    low, high = float(middle.min()), float(middle.max())
    known = [pair for pair in intervals if all(map(math.isfinite, pair)) and pair[0] > 0]
    low = max(low / beyond, min([low, *(pair[0] for pair in known)]))
    high = min(high * beyond, max([high, *(pair[1] for pair in known)]))
    wide = max((high / low) ** MARGIN, 1.1)
    return low / wide, high * wide

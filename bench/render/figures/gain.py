"""How many times as fast one contender is as another, along the size: a curve for each way it was timed."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.analyze.contests.contests import SUMMED, Choice
from bench.analyze.names import contender, count, words
from bench.render.drawing import points, scales, style
from bench.render.drawing.colours import Colours, light
from bench.render.drawing.labels import Label, entitled, fitted, label_ends, named, room
from bench.render.drawing.points import Drawing, Point
from bench.render.figures.contested import Contested, Line, lines
from bench.render.units import estimate

SIZE = 12
"""Of an axis' title and of curves' names, in points: a thirtieth of a slide's height."""

SMALL = 0.85
"""Of a panel beside the main one."""

RIGHT, BOTTOM, TOP, TIMES = 0.2, 1.05, 4.62, 3.0
"""Inches right of everything, to the axes' lower and upper edge, and of the panel with times."""

MAX_BANDS = 2
"""Curves with bands; of more, the first has one and whiskers tell of the others."""

SIDE = 0.13
"""Share of the upright axis that each winner's side has at least: its name stands there."""

SHADE = 0.07
"""Of a winner's side: both are seen, and what is drawn on them as well."""

NOTE = (
    "Beside a name: where they trade places, with the 95 % interval · the ratio at the largest size. "
    "Hollow: unsettled."
)


def draw(of: Contested, cases: pd.DataFrame, colours: Colours, moved: bool) -> Drawing:
    """The picture of one operation; with the data moved as well, and then with the times in a panel beside.

    `cases` is the run's frame of cases.
    """
    figure = style.slide(entitled(_title(of)))
    drawn, two = lines(of, colours, moved), moved and of.moved
    beside = room([(line.name, line.said) for line in drawn], SIZE)
    right = style.SLIDE_INCHES[0] - RIGHT - (TIMES if two else 0)
    axes = style.placed(figure, 1.12, BOTTOM, right - beside, TOP, SIZE)
    _onto(axes, of, drawn, colours)
    told: list[tuple[Axes, Sequence[Point]]] = [(axes, [each for line in drawn for each in line.points])]
    if two:
        times = style.placed(figure, right + 0.75, BOTTOM, style.SLIDE_INCHES[0] - RIGHT, TOP, SMALL * SIZE)
        told.append((times, _times(times, of, drawn, cases, colours)))
    style.note(figure, NOTE)
    return Drawing(figure, told)


def _title(of: Contested) -> str:
    choice = of.choice
    first, other = (contender(choice.between, each) for each in of.pair)
    shared = {name: value for name, value in choice.fixed.items() if (name, value) != ("device", "cpu")}
    fixed = ", ".join(f"{words(name)} {value}" for name, value in shared.items())
    what = words(choice.operation) + (f" ({fixed})" if fixed else "")
    who = other if len(choice.contenders) == 2 else "each"
    asked = f"{what}: how many times as fast is {who} as {first}?"
    return asked if entitled(asked) == asked else f"{what}: {who} against {first}"


def _onto(axes: Axes, of: Contested, drawn: Sequence[Line], colours: Colours) -> None:
    """The curves, the line at 1 ×, both winners' sides, and where they trade places."""
    every = [point for line in drawn for point in line.points]
    low, high = scales.around([1.0, *(p.y for p in every)], [(p.low, p.high) for p in every])
    least = (high / low) ** (SIDE / (1 - SIDE))
    scales.logarithmic(axes, "y", (min(low, 1 / least), max(high, least)), "×")
    scales.from_left(axes, style.EDGE)
    scales.sizes(axes, [point.x for point in every], words(of.choice.axis))
    first, other = (fitted(contender(of.choice.between, each)) for each in of.pair)
    scales.headed(axes, f"times as fast as {first}")
    axes.axhline(1, color=style.INK, linewidth=1.4, zorder=2.2)
    _sides(axes, of, (first, other if len(of.choice.contenders) == 2 else ""), drawn, colours)
    for line in drawn:
        if len(line.band[0]) and (len(drawn) <= MAX_BANDS or line is drawn[0]):
            points.band(axes, *line.band, line.colour)
        points.curve(axes, line.points, line.colour, line.marker, line.dashes)
        for place in line.contest.places:
            _crossing(axes, place.size, place.low, place.high, line)
    ends = [(line.points[-1], line) for line in drawn]
    label_ends(axes, [Label(p.x, p.y, line.name, line.colour, line.marker, line.said) for p, line in ends])


def _sides(
    axes: Axes, of: Contested, names: tuple[str, str], drawn: Sequence[Line], colours: Colours
) -> None:
    """Each winner's side in its colour, with its name in the corner that the curves stay away from."""
    low, high = axes.get_ylim()
    first, other = of.pair
    if names[1]:
        axes.axhspan(1, high, color=light(colours.get(other, 0)), alpha=SHADE, linewidth=0, zorder=0)
    axes.axhspan(low, 1, color=light(colours.get(first, 1)), alpha=SHADE, linewidth=0, zorder=0)
    rising = drawn[0].points[-1].y >= drawn[0].points[0].y
    corners = {True: (0.02, "left"), False: (0.98, "right")}
    for name, height, va, (x, ha) in (
        (names[1] or "others", 0.98, "top", corners[rising]),
        (names[0], 0.02, "bottom", corners[not rising]),
    ):
        axes.text(x, height, f"{name} faster", transform=axes.transAxes, va=va, ha=ha, size=SIZE)


def _crossing(axes: Axes, size: float, low: float, high: float, line: Line) -> None:
    """Where two contenders trade places, with its interval, on the line at 1 ×."""
    left, right = axes.get_xlim()
    ends = [max(low, left), min(high, right)]
    axes.plot(ends, [1, 1], color=line.colour, linewidth=5, alpha=0.5, zorder=2.6, solid_capstyle="butt")
    axes.plot([size], [1], "d", color=line.colour, markeredgecolor=style.GROUND, zorder=3.5)


def _times(
    axes: Axes, of: Contested, drawn: Sequence[Line], cases: pd.DataFrame, colours: Colours
) -> list[Point]:
    """Seconds per call back to back: the first contender's curve, the other's, and those with data moved."""
    by_case = cases.drop_duplicates("case").set_index("case")
    curves = _seconds(of, drawn, by_case, colours)
    every = [point for _, _, curve in curves for point in curve]
    if not every:
        axes.set_axis_off()
        return []
    low, high = scales.around([p.y for p in every], [(p.low, p.high) for p in every], beyond=1.3)
    scales.logarithmic(axes, "y", (low, high * (high / low) ** 0.1), "s")
    scales.sizes(axes, [point.x for point in every], words(of.choice.axis))
    scales.headed(axes, "time per call, back to back")
    for colour, marker, curve in curves:
        points.curve(axes, curve, colour, marker)
    colour, marker, _ = curves[0]
    named(axes, fitted(contender(of.choice.between, of.pair[0])), colour, marker)
    return every


def _seconds(
    of: Contested, drawn: Sequence[Line], by_case: pd.DataFrame, colours: Colours
) -> list[tuple[str, str, list[Point]]]:
    """Curves of seconds: colour, marker, points. Times that were only summed up were timed in no call."""
    choice, (first, other) = of.choice, of.pair
    whole = max((line.contest for line in drawn), key=lambda contest: len(contest.sizes))
    half = len(whole.sizes)
    seconds = _of_cases(whole.sizes, whole.crossing.evidence[:half], by_case, choice, first)
    curves = [(light(colours.get(first, 1)), style.MARKERS[1], seconds)]
    kept = [line for line in drawn if SUMMED not in line.contest.crossing.reason]
    in_place = [line for line in kept if " " not in line.contest.crossing.definition]
    for line in kept:
        if line in in_place[1:]:
            continue
        sizes, evidence = line.contest.sizes, line.contest.crossing.evidence
        name = other if line in in_place else line.name
        seconds = _of_cases(sizes, evidence[len(sizes) :], by_case, choice, name)
        curves.append((line.colour, line.marker, seconds))
    return [curve for curve in curves if curve[2]]


def _of_cases(
    sizes: Sequence[float], evidence: Sequence[str], by_case: pd.DataFrame, choice: Choice, name: str
) -> list[Point]:
    found = []
    for size, case in zip(sizes, evidence, strict=False):
        row = by_case.loc[case]
        middle, low, high = (float(row[each]) for each in ("median_s", "low_s", "high_s"))
        if middle > 0:
            label = f"{name}, {words(choice.axis)} = {count(size)}, back to back"
            told = estimate(middle, low, high)
            found.append(Point(size, middle, low, high, label, told, case, row["status"] == "ok"))
    return found

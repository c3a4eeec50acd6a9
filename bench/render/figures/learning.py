"""What training learned, against the seconds that it took: a curve a device."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from bench.analyze.names import words
from bench.analyze.questions.learning import Learning
from bench.render.drawing import points, scales, style
from bench.render.drawing.colours import Colours, light
from bench.render.drawing.labels import MAX_LABELS, Label, fitted, label_ends, room
from bench.render.drawing.points import Drawing, Point
from bench.render.units import percent, quantity

SIZE = 12
"""Of all text but the title, in points."""


def draw(found: Sequence[Learning], colours: Colours) -> Drawing:
    """The picture of these courses of training, the first of them where they are many."""
    shown = found[:MAX_LABELS]
    named = [(fitted(f"{words(each.operation)}, {each.device}", 30), _said(each)) for each in shown]
    figure = style.slide("How fast does training learn?")
    axes = style.placed(figure, 1.0, 1.05, style.SLIDE_INCHES[0] - 0.2 - room(named, SIZE), 4.62, SIZE)
    told = _onto(axes, shown, named, colours)
    style.note(figure, "A point an epoch: the seconds until it was trained and tested.")
    return Drawing(figure, [(axes, told)])


def _said(course: Learning) -> str:
    return f"{percent(course.accuracy[-1])} after {quantity(course.seconds[-1], 's', 2)}"


def _onto(
    axes: Axes, shown: Sequence[Learning], named: Sequence[tuple[str, str]], colours: Colours
) -> list[Point]:
    """The curves onto the axes; their points."""
    scales.linear(axes, 1.05, "%")
    scales.from_left(axes, style.EDGE)
    scales.elapsed(axes, max(each.seconds[-1] for each in shown))
    axes.set_xlabel("seconds of training")
    scales.headed(axes, "test images told apart")
    for goal in {each.goal for each in shown if each.goal}:
        axes.axhline(goal, color=style.FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    told: list[Point] = []
    labels = []
    for place, course in enumerate(shown):
        colour, marker = light(colours.get(course.device, place)), style.MARKERS[place % len(style.MARKERS)]
        curve = [
            Point(
                seconds, share, share, share, f"{named[place][0]}, epoch {number}",
                f"{percent(share)} after {quantity(seconds, 's')}", course.case,
            )
            for number, (seconds, share) in enumerate(zip(course.seconds, course.accuracy, strict=True))
        ]  # fmt: skip
        points.curve(axes, curve, colour, marker)
        end = curve[-1]
        labels.append(Label(end.x, end.y, named[place][0], colour, marker, named[place][1]))
        told += curve
    label_ends(axes, labels)
    return told

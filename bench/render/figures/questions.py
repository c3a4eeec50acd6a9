"""Which picture answers which question, and of which of a run's contests."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from matplotlib.axes import Axes

from bench.analyze.contests.contests import Choice
from bench.analyze.contests.rates import rates
from bench.analyze.contests.table import QUESTIONS, question
from bench.analyze.report import RunReport
from bench.render.drawing import colours, style
from bench.render.drawing.points import Drawing
from bench.render.figures import gain
from bench.render.figures import rates as rate_figure
from bench.render.figures.contested import Contested, contested

IDS = (*(name for name, *_ in QUESTIONS), "gpu_from_moved")
"""The questions that have pictures, by the ids of `contests.csv`."""

LEADS = "matmul"
"""The operation that a learner means by a question, where several answer it."""


@dataclass(frozen=True)
class Answered:
    """A question's picture, the suite that it is of, and the cases whose times it shows."""

    question: str
    suite: str
    picture: Callable[[], Drawing | None]
    cases: frozenset[str] = frozenset()


def pictures(part: RunReport) -> Iterator[Answered]:
    """The answers to a run's questions that have data, in the questions' order."""
    colour_of = colours.of_contenders(part.choices)
    found = contested(part.choices)
    for name in IDS:
        asked = [each for each in found if name in map(question, each.by_definition.values())]
        if asked:
            yield _answered(name, _leading(asked), part, colour_of)


def plot(part: RunReport, name: str) -> Axes:
    """The axes of the picture that answers a question; a panel beside is `axes.figure.axes[1]`.

    Raises ValueError, in a sentence, for a question that there is not, and for one without data.
    """
    if name not in IDS:
        near = get_close_matches(name, IDS, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"there is no question {name!r}; {meant}expected one of {', '.join(IDS)}")
    answered = next((each for each in pictures(part) if each.question == name), None)
    with style.in_style(large=True):
        drawing = answered.picture() if answered else None
    if drawing is None:
        raise ValueError(f"{part.run.name} has nothing to draw for {name!r}: {_why_not(part, name)}")
    return drawing.points[0][0]


def _why_not(part: RunReport, name: str) -> str:
    """Why a question has no picture: what was said of its cases, or that there were none."""
    asked = [choice for choice in part.choices if question(choice) == name]
    reason = next((choice.reason for choice in asked if choice.reason), "")
    if reason:
        return reason
    if not asked and name.startswith(("gpu_", "epoch_device")):
        return "no accelerator took part, so that there is nothing to hold the CPU against"
    return "none of its cases was measured; `bench list suites` says which there are"


def _leading(asked: Sequence[Contested]) -> Contested:
    """The operation that a question is about: matrix products if they are there, else what has most sizes."""
    return max(asked, key=lambda each: (each.choice.operation == LEADS, len(each.choice.contests[0].sizes)))


def _answered(name: str, of: Contested, part: RunReport, colour_of: colours.Colours) -> Answered:
    choice = of.choice
    if name == "workers" and rates(choice, part.cases):
        same = (part.cases["suite"] == choice.suite) & (part.cases["operation"] == choice.operation)
        shown = frozenset(part.cases["case"][same])
        return Answered(name, choice.suite, lambda: rate_figure.draw(choice, part.cases), shown)
    moved = name == "gpu_from_moved"
    times = _evidence(of.by_definition.values()) if moved else frozenset()
    return Answered(name, choice.suite, lambda: gain.draw(of, part.cases, colour_of, moved), times)


def _evidence(choices: Iterable[Choice]) -> frozenset[str]:
    """The cases that contests rest on."""
    contests = [contest for choice in choices for contest in choice.contests]
    return frozenset(case for contest in contests for case in contest.crossing.evidence)

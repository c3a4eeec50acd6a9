"""Which picture answers which question, and of which of a run's contests."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from matplotlib.axes import Axes

from bench.analyze.contests.contests import Choice
from bench.analyze.contests.rates import rates
from bench.analyze.questions.answers import Answer
from bench.analyze.questions.catalogue import OF_OPERATIONS, QUESTIONS
from bench.analyze.questions.learning import learning
from bench.analyze.report import RunReport
from bench.render.decisions.rows import no_answer
from bench.render.drawing import colours, style
from bench.render.drawing.points import Drawing
from bench.render.figures import gain, steps
from bench.render.figures import learning as learning_figure
from bench.render.figures import rates as rate_figure
from bench.render.figures.contested import Contested, contested

IDS = tuple(question.id for question in (*QUESTIONS, *OF_OPERATIONS))
"""The questions that have pictures, by the ids of `contests.csv`."""


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
    for answer in part.answers:
        if answer.steps:
            yield _steps(answer, part)
        elif answer.question.id == "epoch_device" and (courses := learning(part.cases)):
            told = frozenset(each.case for each in courses)
            picture = partial(learning_figure.draw, courses, colour_of)
            yield Answered(answer.question.id, courses[0].suite, picture, told)
        elif answer.question.id and answer.claims and (of := _led_by(found, answer.claims[0].choice)):
            yield _contests(answer.question.id, of, part, colour_of)


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
    """Why a question has no picture, as the decision table says it."""
    return no_answer(next(each for each in part.answers if each.question.id == name))


def _steps(answer: Answer, part: RunReport) -> Answered:
    shown = frozenset(each.case for step in answer.steps for each in step.parts)
    first = part.cases[part.cases["case"].isin(shown)]["suite"].iat[0]
    return Answered(answer.question.id, str(first), partial(steps.draw, answer.steps), shown)


def _led_by(found: Sequence[Contested], choice: Choice) -> Contested | None:
    """All ways in which the operation was timed that leads an answer."""
    return next((each for each in found if any(choice is of for of in each.by_definition.values())), None)


def _contests(name: str, of: Contested, part: RunReport, colour_of: colours.Colours) -> Answered:
    choice = of.choice
    if name == "workers" and rates(choice, part.cases):
        same = (part.cases["suite"] == choice.suite) & (part.cases["operation"] == choice.operation)
        shown = frozenset(part.cases["case"][same])
        return Answered(name, choice.suite, partial(rate_figure.draw, choice, part.cases), shown)
    moved = name == "gpu_from_moved"
    times = _evidence(of.by_definition.values()) if moved else frozenset()
    return Answered(name, choice.suite, partial(gain.draw, of, part.cases, colour_of, moved), times)


def _evidence(choices: Iterable[Choice]) -> frozenset[str]:
    """The cases that contests rest on."""
    contests = [contest for choice in choices for contest in choice.contests]
    return frozenset(case for contest in contests for case in contest.crossing.evidence)

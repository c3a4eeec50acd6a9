"""The figures of a report: one answer a picture, then each suite's small multiples.

A kind of figure is a module that makes a `Drawing` of what it is given; here stands which are made of a run.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from bench.analyze.report import Report, RunReport
from bench.render.drawing import colours, style
from bench.render.drawing.points import Drawing, Mark
from bench.render.figures import family, links, questions, roofline

PANELS_IN_ALL = 60
"""Panels of small multiples in a report: drawing one takes a twentieth of a second."""

PIXELS_OF_ANSWER, PIXELS = 76, 96
"""Pixels on a page of an inch of a figure: a slide's text, larger, is shown smaller."""

FEW_PANELS = 4
"""Panels in a figure of a report that has more in all; its tables have every case."""


@dataclass(frozen=True)
class Drawn:
    """A picture in its forms, and where it belongs: the suite whose section it stands in, "" for none.

    An `answer` is 16:9 and comes first in its section. `marks` are its points, of the run's cases; `run` is
    which of the report's runs that is; `wide` is how many pixels it is to take on a page at most.
    """

    svg: bytes
    png: bytes
    marks: tuple[Mark, ...]
    suite: str
    answer: bool
    run: int
    wide: int

    @property
    def forms(self) -> Mapping[str, bytes]:
        """The picture's files, by suffix."""
        return {"svg": self.svg, "png": self.png}


@dataclass(frozen=True)
class Sketch:
    """A picture that is yet to be drawn."""

    name: str
    suite: str
    answer: bool
    picture: Callable[[], Drawing | None]


def draw(report: Report) -> dict[str, Drawn]:
    """Every figure by name; named by the run as well where there are several."""
    drawn = {}
    for number, part in enumerate(report.runs[: style.MAX_RUNS]):
        prefix = f"{number}-" if len(report.runs) > 1 else ""
        for sketch in sketches(part, len(report.runs)):
            with style.in_style(sketch.answer):
                made = sketch.picture()
                if made:
                    marks = tuple(made.marks())
                    forms = style.saved(made.figure, report.simulated, prefix + sketch.name)
                    place = sketch.suite, sketch.answer, number, _wide(made, sketch.answer)
                    drawn[prefix + sketch.name] = Drawn(forms["svg"], forms["png"], marks, *place)
    return drawn


def _wide(drawing: Drawing, answer: bool) -> int:
    """Pixels of a figure on a page: text is there as large as the page's."""
    return round((PIXELS_OF_ANSWER if answer else PIXELS) * drawing.figure.get_figwidth())


def sketches(part: RunReport, runs: int) -> Iterator[Sketch]:
    """What is drawn of a run: answers, small multiples of what they do not show, links and roofs."""
    colour_of = colours.of_contenders(part.choices)
    told: set[str] = set()
    for answer in questions.pictures(part):
        told |= answer.cases
        yield Sketch(answer.question, answer.suite, True, answer.picture)
    for device, ceilings in (part.run.ceilings or {}).items():
        link = partial(links.draw, device, part.cases, ceilings, colour_of)
        yield Sketch(f"links-{device}", links.suite(part.cases, device), True, link)
        yield Sketch(f"roofline-{device}", "", False, partial(roofline.draw, device, part.cases, ceilings))
    yield from _families(part, runs, told, colour_of)


def _families(
    part: RunReport, runs: int, told: Collection[str], colour_of: colours.Colours
) -> Iterator[Sketch]:
    """The small multiples of every suite; fewer where all together are more than anyone looks at."""
    suites = {
        str(suite): family.panels(cases, part.choices, told)
        for suite, cases in part.cases.groupby("suite", sort=False)
    }
    drawn = min(runs, style.MAX_RUNS)
    most = family.MAX_PANELS
    if drawn * sum(min(len(panels), most) for panels in suites.values()) > PANELS_IN_ALL:
        most = max(min(FEW_PANELS, PANELS_IN_ALL // (len(suites) * drawn)), 1)
    for suite, panels in suites.items():
        if panels:
            yield Sketch(suite, suite, False, partial(family.draw, panels, most, colour_of))

"""The figures of a report. A figure is a module with `figures(report)`: each name and its picture."""

from collections.abc import Iterator, Mapping

from bench.analyze.report import Report
from bench.render.figures import family, roofline
from bench.render.figures.style import Picture, saved

FIGURES = (family, roofline)


def draw(report: Report) -> dict[str, Mapping[str, bytes]]:
    """Every figure by name, as {"svg": bytes, "png": bytes}."""
    return {name: saved(picture, report.simulated) for name, picture in pictures(report)}


def pictures(report: Report) -> Iterator[tuple[str, Picture]]:
    """Every figure by name, not drawn yet."""
    for module in FIGURES:
        yield from module.figures(report)

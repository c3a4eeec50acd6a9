"""The figures of a report. A figure is a module with `figures(report)`: each name and its picture."""

from collections.abc import Mapping

from bench.analyze.report import Report
from bench.render.figures import family, roofline
from bench.render.figures.style import saved

FIGURES = (family, roofline)


def draw(report: Report) -> dict[str, Mapping[str, bytes]]:
    """Every figure by name, as {"svg": bytes, "png": bytes}."""
    pictures = (named for module in FIGURES for named in module.figures(report))
    return {name: saved(picture, report.simulated) for name, picture in pictures}

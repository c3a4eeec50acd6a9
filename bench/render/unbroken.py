"""Text whose numbers stay whole on a terminal: rich breaks lines at a no-break space as at any other."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from bench.analyze.names import THIN

STAND_IN = "\ue000"
"""Stands for the no-break space while lines are broken: a character for private use, a column wide."""


def whole(text: str, style: str = "") -> Text:
    """Text for an `Unbroken`."""
    return Text(text.replace(THIN, STAND_IN), style)


@dataclass(frozen=True)
class Unbroken:
    """What rich shows, of texts made by `whole`, with their no-break spaces put back."""

    of: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.of, options):
            yield Segment(segment.text.replace(STAND_IN, THIN), segment.style, segment.control)

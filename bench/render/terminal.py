"""A report in a terminal: what was measured, the decisions, what is slow, ratios, and what comes next."""

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.analyze.estimates.confidence import of_interval
from bench.analyze.names import contender, count, words
from bench.analyze.questions.standings import Contender, Other, Standing, standings
from bench.analyze.report import Report, RunReport
from bench.plain import visible
from bench.render import sections
from bench.render.decisions.pitfalls import told
from bench.render.decisions.rows import CONFIDENCES, Row
from bench.render.decisions.table import Decisions, decisions
from bench.render.unbroken import Unbroken, whole
from bench.render.units import times

PLAIN_WIDTH = 110
"""Columns where there is no terminal, as in a job's log."""

MIN_TABLE = 90
"""Columns from which a table of four reads better than lines."""

STYLES = {"solid": "green", "rough": "", "unsettled": "yellow"}

NAMES = {
    "noisy": "of them too noisy to know", "failed": "failed", "timeout": "timed out", "skipped": "skipped",
}  # fmt: skip
"""States of cases that are counted apart."""

RATIOS = (
    "Times relative to the best read, at the largest size; where an interval holds 1, neither is known to be "
    "faster"
)
"""What the last table has."""

MAX_OTHERS = 20
"""Contenders that are shown beside the best."""

MAX_PITFALLS = 5
"""Pitfalls shown; the page has all of them."""


def show(report: Report, page: str, further: Sequence[str] = (), console: Console | None = None) -> None:
    """Prints the report; where its page is comes last. `further` are lines said before that.

    Names of cases hold brackets: nothing is read as markup.
    """
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    console = console or Console(width=width, markup=False, highlight=False)
    for part in report.runs:
        console.print(Text(f"{part.name}: " * bool(part.name) + counted(part)), soft_wrap=True)
    if made := decisions(report):
        _decisions(console, made)
    _heading(console, "What is slow here", [line for part in report.runs for line in _slow(part)])
    if len(report.runs) == 1:
        _ratios(console, report.runs[0])
    _heading(console, "Not measured", sections.trouble_lines(sections.troubled(report.cases)))
    for line in (*further, page):
        console.print(Text(line), soft_wrap=True)


def counted(part: RunReport) -> str:
    """How many cases were measured, and how many were not: "238 cases measured, 2 failed, 50 skipped"."""
    states = part.cases["status"].value_counts()
    measured = sum(int(states.get(state, 0)) for state in ("ok", "noisy"))
    others = [f"{states[state]} {name}" for state, name in NAMES.items() if states.get(state)]
    return ", ".join([f"{measured} case{'s' * (measured != 1)} measured", *others])


def _heading(console: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(f"\n{title}", "bold"))
    for line in lines:
        _indented(console, line, 2)


def _indented(console: Console, line: str, columns: int) -> None:
    """A line that stays indented where it wraps, which is never within a number."""
    width, indent = max(columns + 1, console.width), " " * columns
    for part in textwrap.wrap(
        visible(line), width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    ):
        console.print(Text(part))


def _decisions(console: Console, made: Decisions) -> None:
    console.print()
    if console.width >= MIN_TABLE and len(made.columns) == 1:
        console.print(Unbroken(_table([row for (row,) in made.cells.values() if row])))
    else:
        for question, cells in made.cells.items():
            console.print(Text(made.questions[question], "bold"))
            for name, row in zip(made.columns, cells, strict=True):
                if row:
                    whose = f"{name}: " if len(made.columns) > 1 else ""
                    _indented(console, f"{whose}{row.lead.whole}", 2)
    console.print(Text(CONFIDENCES, "dim"))


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column, share in (("question", 3), ("answer", 6), ("times as fast", 3), ("how sure", None)):
        table.add_column(column, ratio=share, overflow="fold", no_wrap=share is None)
    for row in rows:
        sure = whole(row.lead.confidence, STYLES.get(row.lead.confidence, ""))
        timed = f" ({row.lead.timed})" if row.lead.timed else ""
        answer = whole(row.lead.text + timed, "" if row.answered else "dim")
        table.add_row(whole(row.question), answer, whole(row.lead.gain), sure)
    return table


def _slow(part: RunReport) -> Iterator[str]:
    for pitfall in part.pitfalls[:MAX_PITFALLS]:
        words_of = told(pitfall)
        yield f"{words_of.seen} {words_of.advice}"


def _ratios(console: Console, part: RunReport) -> None:
    """Each family's operations, the best first, as times relative to it."""
    if not (found := standings(part.answers, part.cases)):
        return
    console.print(Text(f"\n{RATIOS}", "bold"))
    for suite, of_suite in groupby(found, key=lambda each: each.suite):
        console.print(Text(f"  {sections.title(suite)}", "underline"))
        for standing in of_suite:
            _indented(console, relative(standing), 4)


def relative(standing: Standing) -> str:
    """One operation: "mul (n = 2048): GPU (best) · CPU: 5.6 × (2.6–12)"."""
    fixed = [contender(name, str(value)) for name, value in standing.fixed.items() if value != "cpu"]
    at = [f"{words(standing.axis)} = {count(standing.size)}"] if standing.axis else []
    where = ", ".join(filter(None, [words(standing.form), *fixed, *at]))
    others = [f"{_name(each.contender)}: {_ratio(each)}" for each in standing.others[:MAX_OTHERS]]
    if left := len(standing.others) - len(others):
        others.append(f"and {left} more")
    what = words(standing.operation) + (f" ({where})" if where else "")
    return f"{what}: {' · '.join([f'{_name(standing.best)} (best)', *others])}"


def _name(parameters: Contender) -> str:
    return ", ".join(contender(name, value) for name, value in parameters)


def _ratio(other: Other) -> str:
    """The ratio with its interval; where that is wide and holds 1, that nobody is known to be faster."""
    if other.low <= 1 and of_interval(other.low, other.high) == "unsettled":
        return "not told apart"
    return times(other.ratio, other.low, other.high)

"""The report's decisions and troubles as Markdown, for a pull request: short, and what is long is folded."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench import patterns
from bench.analyze.names import words
from bench.analyze.report import Report
from bench.render import sections
from bench.render.decisions.pitfalls import told
from bench.render.decisions.rows import CONFIDENCES, Row, more
from bench.render.decisions.table import Decisions, decisions, differences
from bench.render.units import estimate, half_width

MAX_LINES = 60
"""Lines of the whole: a reader of a pull request scrolls no further. cases.csv has every case."""

MAX_FOLDED = 24
"""Lines that one fold may have of these, so that the last has some as well."""

MAX_DOUBTS = 6
"""Doubts, and things that are slow, said one by one; the page has all of them."""

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", "|": "\\|", "*": "\\*", "_": "\\_", "`": "'", "\n": " "})
"""What stands for characters that Markdown or HTML would read as their own."""


def render(report: Report) -> str:
    """The summary: decisions and doubts, then, folded, what failed, the runs side by side, and the cases."""
    lines = ["# Benchmarks", ""]
    if report.simulated:
        lines += [f"**Simulated:** the times of {', '.join(report.simulated)} are made up.", ""]
    runs = [sections.run(part) for part in report.runs]
    for run in runs:
        where = f"{run['machine']}, {sections.day(run['created'])}"
        lines += [f"{escaped(where)}, commit {run['commit'] or 'unknown'} ({run['preset']})", ""]
    if made := decisions(report):
        lines += [*_decisions(made), "", CONFIDENCES]
    lines += _differing(report) + _slow(report) + _doubts(runs) + _troubled(report)
    folded = [_side_by_side(report), *([_others(made)] if made else []), _cases(report.cases)]
    for title, body in (each for each in folded if each[1]):
        lines += _folded(title, body, min(MAX_LINES - len(lines), MAX_FOLDED))
    return "\n".join(lines) + "\n"


def _decisions(made: Decisions) -> list[str]:
    """A row a question: of one run answer, gain and confidence, of several a cell a run."""
    if len(made.columns) > 1:
        return [
            *_table(["question", *made.columns]),
            *(
                _row([made.questions[each], *(row.lead.whole if row else "" for row in cells)])
                for each, cells in made.cells.items()
                if each
            ),
        ]
    rows = [row for (row,) in made.cells.values() if row and row.id]
    return [
        *_table(["question", "answer", "how many times as fast", "how sure"]),
        *(_row([row.question, _answer(row), row.lead.gain, row.lead.confidence]) for row in rows),
    ]


def _answer(row: Row) -> str:
    timed = f" ({row.lead.timed})" if row.lead.timed else ""
    return f"{row.lead.text}{timed}"


def _others(made: Decisions) -> tuple[str, list[str]]:
    """What else was compared, a line a contest."""
    lines = [
        f"- {escaped(f'{made.columns[i]}: ' * (len(made.columns) > 1) + line.whole)}"
        for cells in made.cells.values()
        for i, row in enumerate(cells)
        if row
        for line in row.others
    ]
    return more(len(lines)), lines


def _differing(report: Report) -> list[str]:
    """What the runs differ in, where there are several."""
    rows = [_row([name, *values]) for name, values in differences(report)]
    names = [part.name or part.run.name for part in report.runs]
    return ["", "## What differs between the runs", "", *_table(["what", *names]), *rows] if rows else []


def _slow(report: Report) -> list[str]:
    found = [(part.name, told(pitfall)) for part in report.runs for pitfall in part.pitfalls]
    lines = []
    for name, each in found[:MAX_DOUBTS]:
        whose = f"{escaped(name)}: " if name else ""
        lines.append(f"- {whose}**{escaped(each.seen)}** {escaped(f'{each.cause} {each.advice}')}")
    return ["", "## What is slow here", "", *lines] if lines else []


def _doubts(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    doubts = [escaped(doubt) for run in runs for doubt in run["doubts"]]
    if len(doubts) > MAX_DOUBTS:
        doubts = [*doubts[: MAX_DOUBTS - 1], f"{len(doubts) - MAX_DOUBTS + 1} more are in the report"]
    lines = [f"- {doubt}" for doubt in doubts]
    return ["", "## To know before trusting it", "", *lines] if lines else []


def _folded(title: str, body: Sequence[str], room: int) -> list[str]:
    """Lines that open at a click, as many as there is room for."""
    room -= 7  # what folding takes, and a line that counts the rest
    if room < 1:
        return []
    shown = list(body[:room])
    if left := len(body) - len(shown):
        shown += ["", f"{left} more lines are in the report."]
    return ["", f"<details><summary>{escaped(title)}</summary>", "", *shown, "", "</details>"]


def _side_by_side(report: Report) -> tuple[str, list[str]]:
    """The projection as a table, its warnings before it."""
    if report.projection is None:
        return "", []
    table = sections.projection_table(report.projection)
    lines = [f"- {escaped(warning)}" for warning in report.projection.warnings]
    lines += [sections.means(report.projection), "", *_table(table["columns"])]
    lines += [
        _row([cell if isinstance(cell, str) else cell[0] for cell in row["cells"]]) for row in table["rows"]
    ]
    return "Side by side", lines


def _table(columns: Sequence[str]) -> list[str]:
    return [_row(columns), "|" + "---|" * len(columns)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escaped, cells)) + " |"


def _troubled(report: Report) -> list[str]:
    """What failed, and what was skipped: a line a reason."""
    lines = []
    for heading, reasons in sections.troubled(report.cases).items():
        for reason, cases in reasons:
            names = ", ".join(patterns.name(case) for case in cases[: sections.MAX_NAMES])
            more = f" and {len(cases) - sections.MAX_NAMES} more" if len(cases) > sections.MAX_NAMES else ""
            lines.append(f"- {heading}: {escaped(reason)}: {escaped(names)}{more}")
    return ["", "## Not measured", "", *lines] if lines else []


def _cases(cases: pd.DataFrame) -> tuple[str, list[str]]:
    """A row an operation and device, with all of its times."""
    columns = ["case", "operation", "device", "median_s", "low_s", "high_s"]
    measured = cases.loc[cases["median_s"].notna(), columns].to_dict("records")
    times: dict[tuple[str, str], list[str]] = {}
    for row in measured:
        times.setdefault((str(row["operation"]), str(row["device"])), []).append(_time(row))
    rows = [_row([words(operation), device, ", ".join(each)]) for (operation, device), each in times.items()]
    lines = [*_table(["operation", "device", "time per call"]), *rows] if rows else []
    return f"{len(measured)} case{'s' * (len(measured) != 1)} measured", lines


def _time(row: Mapping[Any, Any]) -> str:
    name = patterns.name(str(row["case"])).partition("[")[2].removesuffix("]")
    time = estimate(row["median_s"], row["low_s"], row["high_s"])
    return " ".join(filter(None, [name, time, f"({half_width(row['low_s'], row['high_s'])})"]))


def escaped(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    return text.translate(ESCAPES)

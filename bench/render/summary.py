"""The report's answers and troubles as Markdown, for a pull request or a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyze.report import Report
from bench.render import sections
from bench.render.answers import answers
from bench.render.units import estimate, half_width

MAX_CASES = 60
"""Rows of the table: GitHub folds longer comments away, and cases.csv has them all."""

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", "|": "\\|", "*": "\\*", "_": "\\_", "`": "'", "\n": " "})
"""What stands for characters that Markdown or HTML would read as their own."""


def render(report: Report) -> str:
    """The summary: answers, doubts, what failed or was skipped, then the cases."""
    lines = ["# Benchmarks", ""]
    if report.simulated:
        lines += [f"**Simulated:** the times of {', '.join(report.simulated)} are made up.", ""]
    runs = [sections.run(part) for part in report.runs]
    for run in runs:
        where = f"{run['machine']}, {run['created']}"
        lines += [f"{where}, commit {run['commit'] or 'unknown'} ({run['preset']})", ""]
    sentences = [f"- {escaped(answer.sentence)}" for answer in answers(report.choices)]
    lines += sentences or ["No contest had an answer."]
    lines += _doubts(runs) + _side_by_side(report) + _troubled(report) + _cases(report)
    return "\n".join(lines) + "\n"


def _doubts(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"- {escaped(doubt)}" for run in runs for doubt in run["doubts"]]
    return ["", "## To know before trusting it", "", *lines] if lines else []


def _side_by_side(report: Report) -> list[str]:
    """The projection as a table, its warnings before it."""
    if report.projection is None:
        return []
    table = sections.projection_table(report.projection)
    lines = ["", "## Side by side", ""]
    lines += [f"- {escaped(warning)}" for warning in report.projection.warnings]
    lines += [sections.means(report.projection), ""]
    lines += [_row(table["columns"]), "|" + "---|" * len(table["columns"])]
    lines += [
        _row([cell if isinstance(cell, str) else cell[0] for cell in row["cells"]])
        for row in table["rows"][:MAX_CASES]
    ]
    return lines


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escaped, cells)) + " |"


def _troubled(report: Report) -> list[str]:
    lines = []
    for heading, reasons in sections.troubled(report.cases).items():
        if reasons:
            lines += ["", f"## {heading.capitalize()}", ""]
        for reason, cases in reasons:
            more = f" and {len(cases) - sections.MAX_NAMES} more" if len(cases) > sections.MAX_NAMES else ""
            lines.append(f"- {escaped(reason)}: {', '.join(map(escaped, cases[: sections.MAX_NAMES]))}{more}")
    return lines


def _cases(report: Report) -> list[str]:
    measured = report.cases[report.cases["median_s"].notna()]
    lines = ["", "## Cases", "", "| case | time | ± | status | confidence |", "|---|--:|--:|---|---|"]
    for row in measured.head(MAX_CASES).to_dict("records"):
        name = str(row["case"]).partition("::")[2]
        time = estimate(row["median_s"], row["low_s"], row["high_s"])
        half = half_width(row["low_s"], row["high_s"])
        lines.append(f"| {escaped(name)} | {time} | {half} | {row['status']} | {row['confidence']} |")
    if len(measured) > MAX_CASES:
        lines += ["", f"{len(measured) - MAX_CASES} more are in cases.csv."]
    return lines


def escaped(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    return text.translate(ESCAPES)

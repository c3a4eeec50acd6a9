"""The decision table of a report: a row a question, a column a run."""

from dataclasses import dataclass

from bench.analyze.report import Report
from bench.render.decisions.rows import TEXTS, Row, rows

BETWEEN = "one run against another"
"""The column of contests whose contenders were measured in different runs."""


@dataclass(frozen=True)
class Decisions:
    """Every run's rows side by side: `cells[question]` has one a column, None where it has no such row."""

    columns: tuple[str, ...]
    cells: dict[str, tuple[Row | None, ...]]

    @property
    def questions(self) -> dict[str, str]:
        """The questions as one asks them, by id."""
        return {each: TEXTS[each] for each in self.cells}


def decisions(report: Report) -> Decisions | None:
    """The report's decisions; None where every run compared two sides, which asks nothing else."""
    parts = [part for part in report.runs if not part.run.header.gate]
    if not parts:
        return None
    columns = [part.name or part.run.name for part in parts]
    of_columns = [{row.id: row for row in rows(part.answers)} for part in parts]
    if report.between:
        columns.append(BETWEEN)
        of_columns.append({row.id: row for row in rows(report.between) if row.answered})
    asked = [each for each in TEXTS if any(each in of_column for of_column in of_columns)]
    cells = {each: tuple(of_column.get(each) for of_column in of_columns) for each in asked}
    return Decisions(tuple(columns), cells)

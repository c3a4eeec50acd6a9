"""Several runs side by side: any column can be row, column or filter, and what is merged is said.

The idea is benchstat's (golang.org/x/perf/cmd/benchstat). A cell holds every case whose row and column
agree. Where that is more than one, it is their geometric mean, over the cases that every column of the row
has, so that columns stay comparable; and a warning names what the merged cases or runs differ in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.runs.history import setting
from bench.patterns import matches
from bench.storage.tables import Run, parameters

IDENTITY = ("suite", "operation", "device")

PARTICULARS = ("run", "day", "preset")
"""What tells runs apart and changes no time by itself."""

HARDWARE = ("machine", "processor", "processors", "governors", "devices", "driver")
"""Facts that a machine's name stands for."""


@dataclass(frozen=True)
class View:
    """What makes a row, what a column (nothing: what sets the runs apart), and which cases are shown.

    A filter is a column and a pattern in which `*` and `?` are special.
    """

    rows: Sequence[str] = ("case",)
    columns: Sequence[str] = ()
    filters: Sequence[tuple[str, str]] = ()


class UnknownColumnError(Exception):
    """A row, column or filter names nothing that the cases have; the message lists what they have."""


@dataclass(frozen=True)
class Cell:
    """Seconds per call with a 95 % interval, and the ratio to the row's first column with its own.

    `cases` is how many were merged. The ratio is None in the first column and where nothing is shared.
    """

    median_s: float
    low_s: float
    high_s: float
    cases: int
    ratio: tuple[float, float, float] | None


@dataclass(frozen=True)
class Projection:
    """`cells[row][column]`, None where nothing was measured; `means` the geometric mean ratio by column."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    means: tuple[float | None, ...]
    warnings: tuple[str, ...]


def with_facts(runs: Sequence[tuple[Run, pd.DataFrame]]) -> tuple[pd.DataFrame, list[str]]:
    """Every run's cases with the run's facts beside them, and the names of those facts."""
    facts = [_facts(run) for run, _ in runs]
    names = list(dict.fromkeys(name for each in facts for name in each))
    frames = [
        cases.assign(**{name: each.get(name, "") for name in names})
        for (_, cases), each in zip(runs, facts, strict=True)
    ]
    return pd.concat(frames, ignore_index=True), names


def _facts(run: Run) -> dict[str, str]:
    header = run.header
    return {
        **setting(run.environment, accelerated=True),
        "machine": run.machine,
        "run": run.name,
        "day": header.created[:10],
        "commit": str(header.commit.get("id") or "")[:10],
        "preset": str(header.arguments.get("preset") or ""),
    }


def usual_columns(cases: pd.DataFrame) -> tuple[str, ...]:
    """What sets the runs apart: the machine, else the first thing that differs, else the run."""
    for name in ("machine", "torch", "python", "commit"):
        if name in cases and cases[name].nunique() > 1:
            return (name,)
    return ("run",)


def project(cases: pd.DataFrame, facts: Sequence[str], view: View) -> Projection:
    """The cases as a table. Raises UnknownColumnError where the view names what is no column of theirs."""
    rows, columns = view.rows, view.columns or usual_columns(cases)
    names = [*IDENTITY, *(name for name in parameters(cases) if name not in facts)]
    available = [*names, "case", "side", *facts]
    for name in (*rows, *columns, *(name for name, _ in view.filters)):
        if name not in available:
            raise UnknownColumnError(f"{name!r} is no column; expected one of {', '.join(available)}")
    chosen = cases[cases["median_s"] > 0]
    for name, pattern in view.filters:
        chosen = chosen[[matches(pattern, _text(each)) for each in chosen[name]]]
    shown = {*rows, *columns}
    rest = [] if "case" in shown else [name for name in names if name not in shown]
    logs = pd.DataFrame(
        {
            "row": _joined(chosen, rows),
            "column": _joined(chosen, columns),
            "rest": _joined(chosen, [*rest, "side"]),
            "log": np.log(chosen["median_s"]),
            "half": np.log(chosen["high_s"] / chosen["low_s"]) / 2,
        }
    )
    order = tuple(dict.fromkeys(logs["column"]))
    cells = tuple(_row(of_row, order) for _, of_row in logs.groupby("row", sort=False))
    hidden = [name for name in facts if name not in shown]
    return Projection(
        rows=tuple(rows),
        columns=tuple(columns),
        row_names=tuple(dict.fromkeys(logs["row"])),
        column_names=order,
        cells=cells,
        means=tuple(_mean([row[position] for row in cells]) for position in range(len(order))),
        warnings=tuple(_warnings(chosen, logs, rest, hidden)),
    )


def _row(logs: pd.DataFrame, order: Sequence[str]) -> tuple[Cell | None, ...]:
    """A row's cells, each over what all columns of the row have; over all its own where that is nothing."""
    means = logs.groupby(["column", "rest"], sort=False).agg(
        log=("log", "mean"), squares=("half", lambda half: (half**2).sum()), count=("log", "size")
    )
    means["square"] = means["squares"] / means["count"] ** 2
    by_column = {
        str(name): group.droplevel("column") for name, group in means.groupby(level="column", sort=False)
    }
    shared = set.intersection(*(set(each.index) for each in by_column.values()))
    cells: list[Cell | None] = []
    first: tuple[float, float] | None = None
    for name in order:
        if name not in by_column:
            cells.append(None)
            continue
        cell = by_column[name].loc[sorted(shared)] if shared else by_column[name]
        log, half = float(cell["log"].mean()), float(np.sqrt(cell["square"].sum(skipna=False))) / len(cell)
        ratio = None
        if name == order[0]:
            first = log, half
        elif first and shared:
            ratio = _interval(log - first[0], float(np.hypot(half, first[1])))
        cells.append(Cell(*_interval(log, half), cases=len(cell), ratio=ratio))
    return tuple(cells)


def _interval(log: float, half: float) -> tuple[float, float, float]:
    return float(np.exp(log)), float(np.exp(log - half)), float(np.exp(log + half))


def _mean(cells: Sequence[Cell | None]) -> float | None:
    """The geometric mean of a column's ratios to the first; None in the first."""
    logs = [np.log(cell.ratio[0]) for cell in cells if cell and cell.ratio]
    return float(np.exp(np.mean(logs))) if logs else None


def _warnings(
    cases: pd.DataFrame, logs: pd.DataFrame, rest: Sequence[str], hidden: Sequence[str]
) -> Iterator[str]:
    """What the table hides: unlike things in a cell, unlike machines in columns, what few columns have."""
    cell = [logs["row"], logs["column"]]
    if merged := [name for name in rest if _differs(cases[name], cell)]:
        yield f"cells merge cases that differ in {', '.join(merged)}: geometric means"
    for name in hidden:
        if name not in PARTICULARS and _differs(cases[name], cell):
            values = ", ".join(dict.fromkeys(cases[name].map(_text)))
            yield f"cells merge runs that differ in {name} ({values})"
    if "run" in hidden and (runs := cases["run"].groupby([*cell, logs["rest"]]).nunique()).max() > 1:
        yield f"cells merge up to {runs.max()} runs"
    for name in hidden:
        of_column = cases[name].map(_text).groupby(logs["column"], sort=False).unique()
        implied = name in HARDWARE[1:] or name in (*PARTICULARS, "commit")
        if not implied and len({tuple(sorted(each)) for each in of_column}) > 1:
            where = "; ".join(f"{column}: {', '.join(values)}" for column, values in of_column.items())
            yield f"columns differ in {name} as well ({where})"
    counts = logs.groupby(["row", "rest"], sort=False)["column"].nunique()
    widest = logs.groupby("row", sort=False)["column"].nunique()
    if partial := int((counts < widest.reindex(counts.index, level="row")).sum()):
        yield f"{partial} cases are not in every column of their row, and left out where others are"


def _differs(values: pd.Series, cell: list[pd.Series]) -> bool:
    return bool(values.map(_text).groupby(cell).nunique().max() > 1)


def _joined(cases: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """The named columns as one text a row; a value that no case has is left out."""
    rows = zip(*(cases[name].map(_text) for name in names), strict=True)
    return pd.Series([" ".join(filter(None, row)) for row in rows], index=cases.index, dtype="str")


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)

"""The decision table of a report: a row a question, a column a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.analyze.report import Report
from bench.render.decisions.rows import TEXTS, Row, asks, rows

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


DIFFERING = {
    "processor": "cpu.model", "processors": "cpu.usable", "driver": "nvidia_driver", "torch": "torch.version",
    "float32 matmul on CUDA": "torch.float32_cuda_matmul",
    "float32 convolution on CUDA": "torch.float32_cudnn_convolution", "threads": "torch.threads",
    "Python": "python.version", "NumPy": "packages.numpy", "ONNX Runtime": "packages.onnxruntime",
}  # fmt: skip
"""What decides times and may differ from run to run, and where an environment has it."""


def differences(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """What the runs of a report differ in: its name, and what it is in each run, "–" for nothing."""
    environments = [part.run.environment for part in report.runs]
    gpus = [", ".join(str(each.get("name", "")) for each in one.get("devices") or ()) for one in environments]
    facts = [("GPU", gpus)]
    facts += [(name, [_at(one, path) for one in environments]) for name, path in DIFFERING.items()]
    return [(name, tuple(each or "–" for each in values)) for name, values in facts if len(set(values)) > 1]


def _at(environment: Mapping[str, Any], path: str) -> str:
    """What an environment has at a dotted path; "" where it has nothing."""
    value: Any = environment
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def decisions(report: Report) -> Decisions | None:
    """The report's decisions; None where no run has anything that competes, as in a suite of another kind, or
    every run compared two sides, which asks nothing else.
    """
    parts = [part for part in report.runs if not part.run.header.gate]
    if not any(part.choices or any(each.steps for each in part.answers) for part in parts):
        return None
    columns = [part.name or part.run.name for part in parts]
    asked = any(asks(part.answers) for part in parts)
    of_columns = [{row.id: row for row in rows(part.answers, asked)} for part in parts]
    if report.between:
        columns.append(BETWEEN)
        of_columns.append({row.id: row for row in rows(report.between) if row.answered})
    questions = [each for each in TEXTS if any(each in of_column for of_column in of_columns)]
    cells = {each: tuple(of_column.get(each) for of_column in of_columns) for each in questions}
    return Decisions(tuple(columns), cells)

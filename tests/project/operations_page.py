"""Writes docs/operations.md: every operation that the course names, what times it, and what it read.

    python -m tests.project.operations_page

The operations stand in suites/operations/course.toml; what they read comes from the committed examples.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from bench.render.units import quantity
from tests import ROOT

PAGE = ROOT / "docs" / "operations.md"
COURSE = ROOT / "suites" / "operations" / "course.toml"
EXAMPLES = {"example": ("example", "example-operations"), "example-gpu": ("example-gpu",)}
"""The columns, and the folders in reports/ that each is read from."""

MISSING = "not in the example"

HEAD = """# Every operation of the course

Which benchmark times the operation that you just learned, and what did it read? `bench run` measures the
seven families of `suites/`; `nox -s operations` measures what is in `suites/operations/`, and a path a single
file: `bench run suites/operations/test_11_creation.py`. An epoch shared by several machines is
run by `suites/operations/launch.py`, whose first lines say how.

Times are one call's, back to back, at the largest size that the example measured. The page is made by
`python -m tests.project.operations_page` from `suites/operations/course.toml` and the examples in
[reports/](../reports/README.md).
"""


@dataclass(frozen=True)
class Operation:
    """An operation as the course writes it, the test that times it, and what singles out its cases."""

    name: str
    benchmark: str
    values: tuple[str, ...]

    @property
    def file(self) -> str:
        return self.benchmark.partition("::")[0]

    @property
    def test(self) -> str:
        return self.benchmark.partition("::")[2]

    def is_timed_by(self, case: str) -> bool:
        """Whether a case, by its id, times the operation."""
        name, _, parameters = case.partition("[")
        words = f"-{parameters.removesuffix(']')}-"
        return name == f"suites/{self.benchmark}" and all(f"-{value}-" in words for value in self.values)


def sections() -> Iterator[tuple[str, list[Operation]]]:
    """The parts of the course in their order."""
    for section in tomllib.loads(COURSE.read_text("utf-8"))["section"]:
        rows = section["operations"]
        yield section["title"], [Operation(name, test, tuple(values)) for name, test, *values in rows]


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *("\n".join(_section(*each)) for each in sections())])


def _section(title: str, operations: list[Operation]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| operation | timed by | {' | '.join(EXAMPLES)} |"
    yield f"|---|---|{'---|' * len(EXAMPLES)}"
    for each in operations:
        link = f"[{each.test.removeprefix('test_')}](../suites/{each.file})"
        read = (reading(each, example) for example in EXAMPLES)
        yield f"| `{each.name}` | {' '.join([link, *each.values])} | {' | '.join(read)} |"
    yield ""


def reading(operation: Operation, example: str) -> str:
    """What the operation took on each device of an example."""
    largest: list[dict[Any, Any]] = []
    for cases in map(_cases, EXAMPLES[example]):
        found = cases[cases["case"].map(operation.is_timed_by) & cases["median_s"].notna()]
        largest += [max(group.to_dict("records"), key=_size) for _, group in found.groupby("device")]
    return ", ".join(map(_time, largest)) or MISSING


def _time(case: dict[Any, Any]) -> str:
    size = f", {case['axis']} = {_size(case):.0f}" if case["axis"] else ""
    return f"{quantity(case['median_s'], 's')} ({case['device']}{size})"


def _size(case: dict[Any, Any]) -> float:
    axis = case["axis"]  # a column of its own has the parameter's name where a run's own has taken it
    return float(case.get(f"param_{axis}", case[axis])) if axis else 0.0


@cache
def _cases(folder: str) -> pd.DataFrame:
    return pd.read_parquet(ROOT / "reports" / folder / "cases.parquet")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

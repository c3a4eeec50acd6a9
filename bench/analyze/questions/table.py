"""A run's contests as a frame: one row a contest and range of sizes with one known."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.analyze.contests.contests import Choice
from bench.analyze.questions.catalogue import question_of

COLUMNS = (
    "suite", "operation", "question", "axis", "contenders", "definition", "state", "from_size", "to_size",
    "size", "low", "high", "winner", "ties", "gain", "gain_low", "gain_high", "confidence", "launches",
    "visits", "reason",
)  # fmt: skip
"""The frame's columns; one for each fixed parameter follows them."""

NUMBERS = ("from_size", "to_size", "size", "low", "high", "gain", "gain_low", "gain_high")
COUNTS = ("launches", "visits")


def table(choices: Sequence[Choice]) -> pd.DataFrame:
    """The frame of these contests, in their order."""
    rows = [{**row, "fixed": choice.fixed} for choice in choices for row in _rows(choice)]
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in COLUMNS})
    types = {name: "float" if name in NUMBERS else "int" if name in COUNTS else "str" for name in COLUMNS}
    return frame.astype(types).join(_parameters([row["fixed"] for row in rows]))


def _rows(choice: Choice) -> Iterator[dict[str, Any]]:
    shared = {
        "suite": choice.suite, "operation": choice.operation, "question": question_of(choice).id,
        "axis": choice.axis, "contenders": ", ".join(choice.contenders), "definition": choice.definition,
    }  # fmt: skip
    if not choice.ranges:
        empty = dict.fromkeys(NUMBERS) | dict.fromkeys(COUNTS, 0) | {"winner": "", "ties": ""}
        yield {**shared, **empty, "state": "not_measured", "confidence": "unsettled", "reason": choice.reason}
    for known in choice.ranges:
        place, gain = known.place, known.gain or (None, None, None)
        yield {
            **shared, "state": known.state, "from_size": known.smallest, "to_size": known.largest,
            "size": place and place.size, "low": place and place.low, "high": place and place.high,
            "winner": known.winner, "ties": ", ".join(known.ties), "gain": gain[0], "gain_low": gain[1],
            "gain_high": gain[2], "confidence": known.confidence, "launches": known.launches,
            "visits": known.visits, "reason": known.reason,
        }  # fmt: skip


def _parameters(fixed: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A column for each parameter: whole numbers or truth values where all are, else numbers, else text."""
    columns = {}
    for name in dict.fromkeys(name for each in fixed for name in each):
        values = [each.get(name) for each in fixed]
        types = {type(value) for value in values if value is not None}
        kind = "boolean" if types == {bool} else "Int64" if types == {int} else "float"
        numeric = types <= {bool} or types <= {int, float}
        text = [None if value is None else str(value) for value in values]
        column = pd.Series(values, dtype=kind) if numeric else pd.Series(text, dtype="str")
        columns[f"param_{name}" if name in COLUMNS else name] = column
    return pd.DataFrame(columns, index=range(len(fixed)))

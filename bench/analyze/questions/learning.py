"""What training learned along its epochs: the share of test images told apart, and the seconds it took."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Learning:
    """A case's training: seconds from its start, and the share of right answers before and after each epoch.

    `goal` is the share at which it is called done, None where it has none.
    """

    case: str
    suite: str
    operation: str
    device: str
    seconds: tuple[float, ...]
    accuracy: tuple[float, ...]
    goal: float | None = None


def learning(cases: pd.DataFrame) -> tuple[Learning, ...]:
    """Every case that says in extra_info what it had learned after each of its epochs.

    `accuracies` lists the shares, and `trained_s` the seconds from the start until each was reached. One
    number is no course, and is left out.
    """
    return tuple(_found(cases.drop_duplicates("case")))


def _found(cases: pd.DataFrame) -> Iterator[Learning]:
    for row in cases[["case", "suite", "operation", "device", "extra"]].to_dict("records"):
        extra = json.loads(row["extra"]) if isinstance(row["extra"], str) else {}
        accuracy, seconds = _numbers(extra.get("accuracies")), _numbers(extra.get("trained_s"))
        if len(accuracy) > 1 and len(seconds) == len(accuracy):
            goal = extra.get("goal") if _is_number(extra.get("goal")) else None
            yield Learning(
                str(row["case"]), str(row["suite"]), str(row["operation"]), str(row["device"]),
                seconds, accuracy, goal,
            )  # fmt: skip


def _numbers(value: Any) -> tuple[float, ...]:
    """A list of numbers; nothing for anything else."""
    if not isinstance(value, list) or not all(map(_is_number, value)):
        return ()
    return tuple(map(float, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

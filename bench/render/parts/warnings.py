"""Warnings ranked: which a reader should act on, and which only say how the run was made.

A sign at a case is worth something only where most cases have none. What most cases share, and what asks
nothing of a reader, is told once, with the details of trust.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

QUIET = (
    "one launch:", "no device time:", "no cold time:", "a cold call:", "disturbance could not be read",
)  # fmt: skip
"""How warnings begin that ask nothing of a reader: the case's interval holds them already, or a column that
another one stands in for is empty."""

SHARED = 0.5
"""Share of the measured cases from which a warning is the run's, no longer a case's."""

MIN_SHARING = 10
"""Measured cases from which that is asked: of few, most may have the same trouble."""


@dataclass(frozen=True)
class Kind:
    """A warning as it stands at some cases: the first one's text, and the rows of the cases."""

    text: str
    rows: tuple[int, ...]
    quiet: bool


@dataclass(frozen=True)
class Ranked:
    """The kinds of warning of a run's cases, those to act on first; and which rows have one of these."""

    kinds: tuple[Kind, ...]
    acts: tuple[bool, ...]


def ranked(cases: pd.DataFrame) -> Ranked:
    """The warnings of a cases frame by their kind: two are alike where only their numbers differ."""
    rows: dict[str, list[int]] = defaultdict(list)
    texts: dict[str, str] = {}
    for row, warnings in enumerate(cases["warnings"].astype("str")):
        for text in filter(None, warnings.split("; ")):
            kind = re.sub(r"\d[\d.,]*", "#", text)
            texts.setdefault(kind, text)
            rows[kind].append(row)
    measured = int((cases["blocks"] > 0).sum())
    found = [Kind(texts[kind], tuple(at), _quiet(texts[kind], at, measured)) for kind, at in rows.items()]
    loud = {row for kind in found if not kind.quiet for row in kind.rows}
    ordered = sorted(found, key=lambda kind: (kind.quiet, -len(kind.rows)))
    return Ranked(tuple(ordered), tuple(row in loud for row in range(len(cases))))


def _quiet(text: str, rows: Sequence[int], measured: int) -> bool:
    return text.startswith(QUIET) or (measured >= MIN_SHARING and len(rows) > SHARED * measured)

"""How many contests recorded runs settle, and whether runs agree: `python -m trust.settled RUN RUN ...`

Two runs agree on a contest where both settle it with the same winners in the same order, the intervals of
their crossings overlap, and both or neither call the contenders equal. They do not contradict each other
where each one's winner is at least among those that the other does not tell from its own.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

import bench
from bench.analyze.questions.table import COLUMNS
from bench.storage.journal import StoreError

KEY = ["suite", "operation", "definition", "contenders", "fixed"]
OPEN = ("inconclusive", "not_measured")

Contests = Mapping[tuple[str, ...], pd.DataFrame]


def lines(paths: Sequence[Path]) -> Iterator[str]:
    """What is to be said of the runs at these paths: of each, then of each two."""
    frames = [(run, frame) for path in paths for run, frame in bench.contests(path).groupby(level=0)]
    runs = {str(run): _contests(frame) for run, frame in frames}
    if len(runs) < len(frames):
        raise StoreError("two of these runs have the same name; give them folders of different names")
    for run, contests in runs.items():
        settled = [key for key, rows in contests.items() if is_settled(rows)]
        yield f"{run}: {len(settled)} of {len(contests)} contests settled"
    for (one, first), (other, second) in combinations(runs.items(), 2):
        both = [key for key in first if key in second and is_settled(first[key]) and is_settled(second[key])]
        apart = [key for key in both if not agree(first[key], second[key])]
        named = f"; not on {', '.join(f'{key[1]} ({key[2]})' for key in apart)}" if apart else ""
        yield f"{one}, {other}: agree on {len(both) - len(apart)} of {len(both)} that both settle{named}"
        against = [key for key in apart if not agree(first[key], second[key], ties=True)]
        if apart:
            yield f"{one}, {other}: contradict each other on {len(against)} of these {len(apart)}"


def _contests(frame: pd.DataFrame) -> Contests:
    """The rows of each contest that was measured, the smallest sizes first."""
    # Which parameters have columns depends on all runs that were read together.
    further = frame[frame.columns.difference(COLUMNS)].to_dict("records")
    fixed = [
        str(sorted((name, str(value)) for name, value in row.items() if pd.notna(value))) for row in further
    ]
    measured = frame.assign(fixed=fixed)[frame["state"].to_numpy() != "not_measured"]
    return {tuple(map(str, key)): rows for key, rows in measured.groupby(KEY, sort=False)}


def is_settled(rows: pd.DataFrame) -> bool:
    """Whether there is an answer at every size."""
    return not rows["state"].isin(OPEN).any()


def agree(first: pd.DataFrame, second: pd.DataFrame, ties: bool = False) -> bool:
    """Whether two runs' answers are the same; with `ties`, whether each winner may be the other's."""
    bests = [[_best(row, ties) for row in frame.to_dict("records")] for frame in (first, second)]
    winners = zip(first["winner"], second["winner"], *bests, strict=False)
    if len(first) != len(second) or not all(
        one in of_other and other in of_one for one, other, of_one, of_other in winners
    ):
        return False
    ends = zip(first["low"], first["high"], second["low"], second["high"], strict=True)
    return all(low <= other_high and other_low <= high for low, high, other_low, other_high in ends
               if low == low and other_low == other_low)  # fmt: skip


def _best(row: Mapping[str, Any], ties: bool) -> set[str]:
    """The winner of a range of sizes; with `ties`, those too that are not told from it."""
    return {str(row["winner"]), *(str(row["ties"]).split(", ") if ties and row["ties"] else ())}


if __name__ == "__main__":
    try:
        for line in lines([Path(argument) for argument in sys.argv[1:]]):
            print(line)
    except StoreError as error:
        sys.exit(f"trust: {error}")

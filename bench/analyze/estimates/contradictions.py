"""What in a run cannot be: checks that every report makes, and what each compared.

latency     one call and its wait takes no less than a call among others back to back
identical   calls that are the same in different tests take the same
ceilings    nothing beats a ceiling by more than its error
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bench.analyze.estimates.beaten import Beaten
from bench.analyze.estimates.roofs import roofs
from bench.storage.tables import Run

Name = Literal["latency", "identical", "ceilings"]

QUICKER, FAR_QUICKER = 0.02, 0.05
"""By how much one call and its wait may fall below a call back to back, as a share: beyond their errors, and
whatever these are."""

LEAST_SCATTER = 0.01
"""How far blocks of a visit lie apart at least, in logarithms: a few may agree by chance."""

SURE = 2.0
"""Standard errors from which a difference is none of chance."""


@dataclass(frozen=True)
class Contradiction:
    """Figures that cannot both be true: the cases' rows, the odd one first, and how far apart they are."""

    rows: tuple[int, ...]
    cases: tuple[str, ...]
    ratio: float


@dataclass(frozen=True)
class Checking:
    """A check: how many figures it compared, what contradicts, and the largest ratio it saw, 1 of none."""

    name: Name
    compared: int
    contradictions: tuple[Contradiction, ...]
    farthest: float = 1.0


def checkings(
    run: Run, cases: pd.DataFrame, frame: pd.DataFrame, blocks: pd.DataFrame, found: Sequence[Beaten]
) -> tuple[Checking, ...]:
    """Every check of a run; `blocks` have their case's `row`, `found` are the ceilings that cases beat."""
    return latency(frame, blocks), identical(frame, cases), ceilings(run, cases, frame, found)


def latency(frame: pd.DataFrame, blocks: pd.DataFrame) -> Checking:
    """One call and its wait against a call back to back, as visits saw both."""
    ratios, errors = _paired(blocks)
    surely = ratios + SURE * errors < np.log(1 - QUICKER)
    quicker = ratios.index[surely | (ratios < np.log(1 - FAR_QUICKER))]
    found = tuple(
        Contradiction((int(row),), (str(frame["case"].iat[row]),), float(np.exp(ratios[row])))
        for row in quicker
    )
    return Checking("latency", len(ratios), found, float(np.exp(-ratios.min())) if len(ratios) else 1.0)


def _paired(blocks: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """ln(latency / back to back) by row, and its standard error, from visits that timed both kinds."""
    timed = blocks[blocks["counted"] & blocks["kind"].isin(("wall", "latency"))]
    timed = timed.assign(log=np.log(timed["wall_s"] / timed["calls"]), kind=timed["kind"].astype(str))
    visit = ["row", "launch", "pass"]
    each = timed.groupby([*visit, "kind"])["log"]
    middle, number = each.median().unstack("kind"), each.size().unstack("kind")
    middle = middle.reindex(columns=["wall", "latency"]).dropna()
    number = number.reindex(columns=["wall", "latency"]).reindex(middle.index)
    off = (timed["log"] - each.transform("median")).abs()
    scatter = 1.4826 * off.groupby([timed[name] for name in visit]).median().reindex(middle.index)
    variance = scatter.clip(lower=LEAST_SCATTER) ** 2 * (np.pi / 2) * (1 / number).sum(axis=1)
    ratio = middle["latency"] - middle["wall"]
    visits, within = ratio.groupby("row").size(), variance.groupby("row").mean()
    between = ratio.groupby("row").var().fillna(0.0)
    return ratio.groupby("row").median(), np.sqrt(np.maximum(within, between) / visits)


def identical(frame: pd.DataFrame, cases: pd.DataFrame) -> Checking:
    """Cases whose calls are the same, by what a worker saw of them (`call` in extra_info)."""
    calls = [str(extra.get("call", "")) for extra in cases["extra"]]
    known = frame.assign(call=calls, row=range(len(frame)))
    known = known[(known["call"] != "") & known["low_s"].notna()]
    known = known[known.duplicated(["device", "side", "call"], keep=False)]
    compared, farthest, found = 0, 1.0, []
    for _, alike in known.groupby(["device", "side", "call"]):
        compared += len(alike) - 1
        slow, fast = alike.loc[alike["low_s"].idxmax()], alike.loc[alike["high_s"].idxmin()]
        farthest = max(farthest, float(alike["median_s"].max() / alike["median_s"].min()))
        if slow["low_s"] > fast["high_s"]:
            ratio = float(slow["median_s"] / fast["median_s"])
            found.append(Contradiction((slow["row"], fast["row"]), (slow["case"], fast["case"]), ratio))
    return Checking("identical", compared, tuple(found), farthest)


def ceilings(run: Run, cases: pd.DataFrame, frame: pd.DataFrame, found: Sequence[Beaten]) -> Checking:
    """Cases against the ceilings over them, as these were measured."""
    over = sum(1 for _ in _roofed(frame, cases, run))
    odd = tuple(
        Contradiction(each.rows, tuple(str(frame["case"].iat[row]) for row in each.rows), each.ratio)
        for each in found
    )
    return Checking("ceilings", over, odd, max((each.ratio for each in odd), default=1.0))


def _roofed(frame: pd.DataFrame, cases: pd.DataFrame, run: Run) -> Iterator[int]:
    """Rows of timed cases that have a roof."""
    columns = ("device", "median_s", "flops", "bytes")
    rows = zip(*(frame[name].to_numpy() for name in columns), cases["extra"], cases["params"], strict=True)
    for row, (device, median_s, flops, bytes_, extra, params) in enumerate(rows):
        over = (run.ceilings or {}).get(device)
        if over and np.isfinite(median_s) and any(roofs(flops, bytes_, {**extra, **params}, over)):
            yield row


def row_warnings(checks: Sequence[Checking]) -> Iterator[tuple[int, str]]:
    """What is to be known of a case that a check found odd."""
    for check in checks:
        for each in check.contradictions:
            match check.name:
                case "latency":
                    text = "the host's pace changed between the two"
                    yield (
                        each.rows[0],
                        f"one call and its wait took {each.ratio:.2f} times a call back to back: {text}",
                    )
                case "identical":
                    for row, other in zip(each.rows, reversed(each.cases), strict=True):
                        name = other.rpartition("::")[2]
                        yield row, f"the same call in {name} took another time: {each.ratio:.2f} times apart"
                case "ceilings":
                    """`doubts` says it with the bound that it concerns."""

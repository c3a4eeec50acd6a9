"""What is slow here, and no contest along sizes tells: each with its factor, interval and evidence.

A rule compares cases that differ in one thing, matched by operation and parameters: where a suite has no such
cases, it finds nothing. It speaks from a factor of its own on, which its interval has to clear. The words for
what it found, its cause and what to do are in `bench.render.decisions.pitfalls`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.analyze.contests.contests import Contest
from bench.analyze.contests.ranges import Ratio
from bench.analyze.estimates.estimate import launch_medians

Rule = Literal["dtype", "tensors", "first_batch", "first_call", "cold", "waits"]

DTYPE = 4.0
"""From here on a number format is slower by more than its width: 8 bytes instead of 4 make 2, and halve what
fits into a vector or a cache once more."""

TENSORS = 2.0
"""From here on loading takes most of its time for what slicing does without."""

FIRST_BATCH = 2.0
"""From here on starting workers takes longer than the batch that they are waited for."""

FIRST_CALL, FIRST_CALL_S = 10.0, 0.1
"""A first call takes some times a later one anywhere; from a tenth of a second on somebody waits for it."""

COLD = 3.0
"""Memory is slower than a cache by less on most devices: from here on repeated calls flatter a case."""

WAITS = 2.0
"""From here on a device waits for its host for most of the time."""

STEPS = ("training_step", "forward")
"""What operations begin with of which it matters how long the device waits, most telling first."""

MIN_LAUNCHES = 3
"""Launches from which the smallest and the largest are an interval at all, of what has no other."""


@dataclass(frozen=True)
class Pitfall:
    """What a rule found: `factor` with its interval, of `case` over `against` ("" where it is one case).

    `subject` is what the rule is about: a number format, how many workers, an operation. `seconds` is what
    the slow one takes.
    """

    rule: Rule
    subject: str
    device: str
    operation: str
    factor: float
    low: float
    high: float
    seconds: float
    case: str
    against: str = ""


@dataclass(frozen=True)
class _Timed:
    """What the rules look at: the cases frame's rows that have times, the run's marked blocks, and by both
    cases' names how many times as long the slower of two takes that meet in a contest."""

    cases: pd.DataFrame
    blocks: pd.DataFrame
    met: Mapping[frozenset[str], Ratio]


def pitfalls(
    cases: pd.DataFrame, blocks: pd.DataFrame, contests: Sequence[Contest] = ()
) -> tuple[Pitfall, ...]:
    """All that is slow, by the factor that it is slower at least; of a rule and device only the worst."""
    run = _Timed(cases[cases["blocks"] > 0], blocks, dict(_met(contests)))
    found = [pitfall for rule in RULES for pitfall in rule(run)]
    worst: dict[tuple[str, str, str], Pitfall] = {}
    for pitfall in sorted(found, key=lambda each: -each.low):
        subject = pitfall.subject if pitfall.rule == "dtype" else ""
        worst.setdefault((pitfall.rule, subject, pitfall.device), pitfall)
    return tuple(worst.values())


def _met(contests: Sequence[Contest]) -> Iterator[tuple[frozenset[str], Ratio]]:
    """By both cases' names, how many times as long the slower takes: of those that meet back to back."""
    for contest in contests:
        sizes, evidence = len(contest.sizes), contest.crossing.evidence
        if contest.crossing.definition != "throughput" or len(evidence) != 2 * sizes:
            continue
        ratios = zip(contest.ratio, contest.ratio_low, contest.ratio_high, strict=True)
        for one, other, (ratio, low, high) in zip(evidence[:sizes], evidence[sizes:], ratios, strict=True):
            factor = (ratio, low, high) if ratio >= 1 else (1 / ratio, 1 / high, 1 / low)
            yield frozenset((one, other)), factor


def _ratio(run: _Timed, slow: pd.Series, fast: pd.Series) -> Ratio:
    """How many times as long one case takes as another, with its 95 % interval: that of their contest, which
    sets visit against visit and is quoted elsewhere; without one, that of both cases together."""
    met = run.met.get(frozenset((str(slow["case"]), str(fast["case"]))))
    if met and slow["median_s"] > fast["median_s"]:
        return met
    middle = math.log(slow["median_s"] / fast["median_s"])
    half = math.hypot(*(math.log(each["high_s"] / each["low_s"]) / 2 for each in (slow, fast)))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def _slower(
    run: _Timed, rule: Rule, subject: str, slow: pd.Series, fast: pd.Series, least: float
) -> Iterator[Pitfall]:
    factor, low, high = _ratio(run, slow, fast)
    if low >= least:  # NaN is not
        yield Pitfall(
            rule, subject, str(slow["device"]), str(slow["operation"]), factor, low, high,
            float(slow["median_s"]), str(slow["case"]), str(fast["case"]),
        )  # fmt: skip


def _dtypes(run: _Timed) -> Iterator[Pitfall]:
    """Number formats against float32, on the same device."""
    cases = run.cases
    if "dtype" not in cases:
        return
    for _, alike in cases[cases["dtype"].notna()].groupby(["suite", "operation", "device", "flops"]):
        base = alike[alike["dtype"] == "float32"]
        if len(base) != 1:
            continue
        for _, row in alike[alike["dtype"] != "float32"].iterrows():
            yield from _slower(run, "dtype", str(row["dtype"]), row, base.iloc[0], DTYPE)


def _tensors(run: _Timed) -> Iterator[Pitfall]:
    """A DataLoader over tensors that are ready, against slices of them."""
    rows = run.cases[run.cases["operation"] == "tensors"]
    if "way" not in rows:
        return
    loader, slices = (rows[rows["way"] == way] for way in ("DataLoader", "slices"))
    if len(loader) == len(slices) == 1:
        yield from _slower(run, "tensors", "DataLoader", loader.iloc[0], slices.iloc[0], TENSORS)


def _first_batches(run: _Timed) -> Iterator[Pitfall]:
    """The first batch of an epoch, which waits for workers to start, against no workers."""
    rows = run.cases[run.cases["operation"] == "first_batch"]
    if "num_workers" not in rows:
        return
    alone = rows[rows["num_workers"] == 0]
    for _, row in rows[rows["num_workers"] > 0].iterrows() if len(alone) == 1 else ():
        yield from _slower(run, "first_batch", str(row["num_workers"]), row, alone.iloc[0], FIRST_BATCH)


def _first_calls(run: _Timed) -> Iterator[Pitfall]:
    """The first call in a fresh process against steady ones: the launches' range is the interval."""
    for row, first in _launches(run.cases, run.blocks[run.blocks["kind"] == "first"], "wall_s"):
        factors = [first.median() / row["median_s"], first.min() / row["high_s"], first.max() / row["low_s"]]
        if factors[1] >= FIRST_CALL and first.min() >= FIRST_CALL_S:
            yield _alone("first_call", row, factors, float(first.median()))


def _cold(run: _Timed) -> Iterator[Pitfall]:
    """Calls whose data was flushed from the cache against calls back to back, by the device's clock."""
    timed = run.blocks[run.blocks["counted"] & run.blocks["device_s"].notna()]
    of_kind = {kind: timed[timed["kind"] == kind] for kind in ("cold", "device")}
    warm_of = {str(row["case"]): warm for row, warm in _launches(run.cases, of_kind["device"], "device_s")}
    for row, cold in _launches(run.cases, of_kind["cold"], "device_s"):
        warm = warm_of.get(str(row["case"]))
        if warm is not None:
            factors = [
                cold.median() / warm.median(), cold.min() / warm.max(), cold.max() / warm.min()
            ]  # fmt: skip
            if factors[1] >= COLD:
                yield _alone("cold", row, factors, float(cold.median()))


def _waits(run: _Timed) -> Iterator[Pitfall]:
    """How many times as long as its device works a call takes: the rest of it the device waits for its host.

    The largest call that waits tells most: small ones always do.
    """
    cases = run.cases.sort_values("items")
    for prefix in STEPS:
        rows = cases[(cases["device_s"] > 0) & cases["operation"].astype("str").str.startswith(prefix)]
        waiting = rows[rows["low_s"] >= WAITS * rows["device_s"]]
        if len(waiting):
            row = waiting.iloc[-1]
            factors = [row[each] / row["device_s"] for each in ("median_s", "low_s", "high_s")]
            yield _alone("waits", row, factors, float(row["median_s"]))
            return


def _alone(rule: Rule, row: pd.Series, factors: list[float], seconds: float) -> Pitfall:
    operation = str(row["operation"])
    factor, low, high = map(float, factors)
    return Pitfall(
        rule, operation, str(row["device"]), operation, factor, low, high, seconds, str(row["case"])
    )


def _launches(cases: pd.DataFrame, blocks: pd.DataFrame, value: str) -> Iterator[tuple[pd.Series, pd.Series]]:
    """Each case with its launches' seconds per call, of those with enough of them."""
    row_of = {key: row for row, key in enumerate(zip(cases["case"], cases["side"], strict=True))}
    rows = [row_of.get(key) for key in zip(blocks["case"], blocks["side"], strict=True)]
    known = blocks.assign(row=rows).dropna(subset=["row"])
    for row, seconds in launch_medians(known, value).groupby(level=0):
        if len(seconds) >= MIN_LAUNCHES:
            yield cases.iloc[int(row)], seconds


RULES: tuple[Callable[[_Timed], Iterator[Pitfall]], ...] = (
    _dtypes, _tensors, _first_batches, _first_calls, _cold, _waits,
)  # fmt: skip
"""A new rule is a function of the cases frame and the marked blocks, with its own threshold above."""

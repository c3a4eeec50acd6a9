"""What all cases of a run share against another run: over minutes a whole machine drifts.

No interval from within a run can hold that, and it is no property of a case. So it is estimated from all
cases that both runs have, and taken out of comparisons between them where nothing else can have made it.
The gate never uses it: its sides take turns.

Nor does a machine drift alike for all: one whose memory got slower is slower at copies than at products. How
far cases went apart beyond what each run knows of itself is estimated from them as well, and belongs in the
interval of every ratio: the variance between studies of a random-effects meta-analysis, here between cases.
R. DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7 (1986).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from bench.analyze.estimates.intervals import CONFIDENCE
from bench.analyze.runs.levels import MIN_RUNS, Array, changes, levels, noise

MIN_SHARED = 10
"""Cases that both runs must have before what they share can be told from what one of them did."""

LARGEST = 1.10
"""Ratio up to which a shift is the machine's pace; a larger one is a result."""

WITHIN = float(2 * ndtr(1) - 1)
"""Share of normal values that lie within one standard deviation. More tell of the tails and fewer resist the
cases that really changed, which may be one in four."""

FACTS = {
    "machine": ("machine_id", "machine", "host"),
    "torch": ("torch.version", "packages.torch"),
    "Python": ("python.version", "python"),
    "thread settings": ("torch.threads",),
    "variables": ("variables",),
}
"""Facts of an environment that must be equal for a shift to be the machine's pace, and where they stand: the
first place that has one counts."""

Kind = Literal["pace", "large", "unlike"]
"""What a shift is: the machine's pace, too large for that, or between runs unlike in what decides times."""


@dataclass(frozen=True)
class RunShift:
    """How much longer all cases of a run take than in another, in logarithms, with its standard error.

    `cases` are those that it rests on; `apart` is the standard deviation by which they went apart beyond
    their own errors.
    """

    log: float
    error: float
    cases: int
    kind: Kind
    apart: float

    @property
    def taken_out(self) -> bool:
        return self.kind == "pace"

    @property
    def ratio(self) -> float:
        return math.exp(self.log)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the ratio."""
        half = float(ndtri((1 + CONFIDENCE) / 2)) * self.error
        return math.exp(self.log - half), math.exp(self.log + half)


def shift_of(logs: Array, errors: Array) -> tuple[float, float] | None:
    """The middle of ln(after/before), each with its own standard error, and that middle's standard error.

    A weighted median: cases that really changed do not move it. Its error is that of a median of normal
    values; larger where they lie further apart than their own errors say. None of fewer than `MIN_SHARED`.
    """
    usable = np.isfinite(logs) & np.isfinite(errors) & (errors > 0)
    if usable.sum() < MIN_SHARED:
        return None
    logs, weights = logs[usable], 1 / errors[usable]
    order = np.argsort(logs)
    passed = np.cumsum(weights[order])
    middle = float(logs[order][np.searchsorted(passed, passed[-1] / 2)])
    apart = float(np.median(np.abs(logs - middle) * weights)) / float(ndtri(0.75))
    return middle, math.sqrt(math.pi / 2 / float((weights**2).sum())) * max(apart, 1.0)


def apart(logs: Array, errors: Array, middle: float) -> float:
    """The standard deviation that has to be added to each error so that as many values lie within one of the
    middle as of normal ones; 0 where they do without."""
    usable = np.isfinite(logs) & np.isfinite(errors)
    distances, variances = np.abs(logs[usable] - middle), errors[usable] ** 2

    def excess(deviation: float) -> float:
        return float(np.quantile(distances - np.sqrt(variances + deviation**2), WITHIN))

    return float(brentq(excess, 0.0, float(distances.max()) + 1e-9)) if excess(0.0) > 0 else 0.0


def between(
    logs: Array, errors: Array, before: Mapping[str, Any], after: Mapping[str, Any]
) -> RunShift | None:
    """The shift between runs of these environments, from ln(after/before) of the cases that both have."""
    if (found := shift_of(logs, errors)) is None:
        return None
    log, error = found
    alike = all(fact(before, places) == fact(after, places) for places in FACTS.values())
    kind: Kind = "unlike" if not alike else "large" if abs(log) > math.log(LARGEST) else "pace"
    return RunShift(log, error, int(np.isfinite(logs).sum()), kind, apart(logs, errors, log))


def shared(cases: pd.DataFrame) -> Array:
    """What the cases of each run share about the level of that, in logarithms: for every row its run's.

    `cases` has columns case, setting, run, median_s, low_s and high_s, oldest first. A step that lasts is a
    level, and stays in; so does what is larger than a machine's pace. 0 where too few cases or runs tell.
    """
    logs = np.log(cases["median_s"])
    off = logs - logs.groupby([cases["case"], cases["setting"]]).transform("median")
    table = cases.assign(off=off, error=errors_of(cases["low_s"], cases["high_s"]))
    result = pd.Series(0.0, index=cases.index)
    for _, of_setting in table.groupby("setting", sort=False):
        runs = {run: shift_of(of_run["off"].to_numpy(float), of_run["error"].to_numpy(float))
                for run, of_run in of_setting.groupby("run", sort=False)}  # fmt: skip
        known = {run: found[0] for run, found in runs.items() if found}
        if len(known) < MIN_RUNS:
            continue
        steps = np.array(list(known.values()))
        about = steps - levels(steps, changes(steps, noise(steps, np.exp(steps), np.exp(steps))))
        paces = dict(zip(known, np.where(np.abs(about) <= math.log(LARGEST), about, 0.0), strict=True))
        result[of_setting.index] = of_setting["run"].map(paces).fillna(0.0).astype(float)
    logs_shared: Array = result.to_numpy(float)
    return logs_shared


def fact(environment: Mapping[str, Any], places: tuple[str, ...]) -> Any:
    """A fact of an environment, from the first place that has it; None where none does."""
    for place in places:
        value: Any = environment
        for part in place.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def errors_of(low: pd.Series, high: pd.Series) -> Array:
    """Standard errors that 95 % intervals stand for."""
    errors: Array = np.log((high / low).to_numpy(float)) / 2 / float(ndtri((1 + CONFIDENCE) / 2))
    return errors

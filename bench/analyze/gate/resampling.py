"""Gates made of recorded launches: how often they find a slowdown, and the smallest that they find."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.gate.decision import error_of, is_control, weigh
from bench.analyze.gate.series import STAGES, judge, typical_scatter
from bench.analyze.gate.settings import Settings
from bench.records import Verdict

LAUNCHES = STAGES[-1].stop
GRID = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.5)
"""Slowdowns among which the smallest that is found is sought."""

POWER = 0.95
"""Share of gates that must find a slowdown for it to count as one that is found."""


@dataclass(frozen=True)
class Rate:
    """How often something happened; `low` and `high` each bound the true rate with 95 % (Clopper-Pearson)."""

    count: int
    trials: int

    @property
    def share(self) -> float:
        return self.count / self.trials if self.trials else float("nan")

    @property
    def low(self) -> float:
        return self._interval()[0]

    @property
    def high(self) -> float:
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        """Both ends of the 90 % interval, of which each alone errs in 5 %."""
        from scipy.stats import binomtest  # its import takes a second, and only calibrations need it

        if not self.trials:
            return 0.0, 1.0
        interval = binomtest(self.count, self.trials).proportion_ci(0.9, "exact")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Power:
    """How often a slowdown was found: asked for, as it was measured, and by case.

    `dealt` has one trial a case and made-up gate, taken as independent; `redrawn` is the share over redrawn
    gates, and `worst` that of the case in which it was lowest.
    """

    slowdown: float
    measured: float
    dealt: Rate
    redrawn: float
    worst_case: str
    worst: float


def dealt(pool: pd.DataFrame) -> list[pd.DataFrame]:
    """The pool's launches as gates of 25, in the order recorded; what is left over makes none."""
    starts = range(0, pool.shape[1] - LAUNCHES + 1, LAUNCHES)
    return [_numbered(pool.iloc[:, start : start + LAUNCHES]) for start in starts]


def redrawn(pool: pd.DataFrame, count: int, random: np.random.Generator) -> list[pd.DataFrame]:
    """Gates of 25 launches drawn at random, with the sides exchanged in every other one."""
    numbers = range(0 if pool.empty else count)
    return [_numbered(pool.iloc[:, _draw(pool.shape[1], random)]) * (-1.0) ** number for number in numbers]


def _draw(size: int, random: np.random.Generator) -> NDArray[np.int_]:
    """25 of so many launches, each once where there are enough."""
    return random.choice(size, LAUNCHES, replace=size < LAUNCHES)


def _numbered(pool: pd.DataFrame) -> pd.DataFrame:
    return pool.set_axis(range(LAUNCHES), axis="columns")


def cases_of(pool: pd.DataFrame) -> list[str]:
    """The cases of a pool, without controls."""
    return [case for case in dict.fromkeys(case for case, _ in pool.index) if not is_control(case)]


def verdicts(gate: pd.DataFrame, settings: Settings) -> list[Verdict]:
    """What the gate says of made-up launches; budgets of single cases do not matter here."""
    budgets = dict.fromkeys(cases_of(gate), settings.max_regression)
    controls = {case for case, _ in gate.index if is_control(case)}
    return list(weigh(gate, budgets, controls, LAUNCHES, settings)[0])


def power(
    slowdown: float, pool: pd.DataFrame, settings: Settings, redraws: int, random: np.random.Generator
) -> Power:
    series = _series(pool)
    of_dealt = [
        _found(logs, settings, len(series), typical)
        for gate in map(_series, dealt(pool))
        for typical in [typical_scatter(gate.values())]
        for logs in gate.values()
    ]
    gates = _draws(series, redraws, random)
    shares = {
        case: mean(_found(logs[draw], settings, len(series), typical) for draw, typical in gates)
        for case, logs in series.items()
    }
    worst = min(shares, key=lambda case: shares[case])
    measured = float(np.expm1(np.median([np.nanmedian(logs) for logs in series.values()])))
    found = Rate(sum(of_dealt), len(of_dealt))
    return Power(slowdown, measured, found, mean(shares.values()), worst, shares[worst])


def _series(pool: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """For each case, controls left out, ln(head/base) of its wall time by launch."""
    wall = pool[pool.index.get_level_values("kind") == "wall"].droplevel("kind")
    return {
        str(case): logs.to_numpy(dtype=float) for case, logs in wall.iterrows() if not is_control(str(case))
    }


def _draws(
    series: Mapping[str, NDArray[np.float64]], count: int, random: np.random.Generator
) -> list[tuple[NDArray[np.int_], float | None]]:
    """Gates redrawn: the launches that each has, and the typical scatter among them."""
    size = len(next(iter(series.values())))
    draws = [_draw(size, random) for _ in range(count)]
    return [(draw, typical_scatter(logs[draw] for logs in series.values())) for draw in draws]


def _found(logs: NDArray[np.float64], settings: Settings, cases: int, typical: float | None) -> bool:
    error = error_of(cases, settings.confidence)
    return judge(logs, LAUNCHES, settings.max_regression, error, typical).state == "slower"


def smallest(
    null: pd.DataFrame, settings: Settings, redraws: int, random: np.random.Generator
) -> dict[str, float | None]:
    """For each case the smallest slowdown of GRID that redrawn gates find with POWER; None where none is.

    Unchanged launches are shifted by it: finer than what was injected, and of known size.
    """
    if null.empty:
        return {}
    series = _series(null)
    gates = _draws(series, redraws, random)
    by_case: dict[str, float | None] = {}
    for case, logs in series.items():

        def is_found(slowdown: float, logs: NDArray[np.float64] = logs) -> bool:
            slower = logs + np.log1p(slowdown)
            hits = (_found(slower[draw], settings, len(series), typical) for draw, typical in gates)
            return mean(hits) >= POWER

        position = bisect_left(GRID, True, key=is_found)
        by_case[case] = GRID[position] if position < len(GRID) else None
    return by_case

"""The gate's own error rates on a machine, from recorded launches: false alarms, power, undecided, time.

What is recorded is runs like a gate's, with one more entry in the header:

    "calibration": {"condition": "idle" | "busy", "slowdowns": [0.0, 0.05, ...]}

`slowdowns[n]` is what was injected into head in launch n, as a share: 0.0 for nothing at all. Launches are
numbered from 0 without gaps, every case is visited in each, and `{"condition": ..., "slowdowns": []}` marks
a whole live gate with nothing changed (`bench gate --null`), whose launches are those of any gate.

Live gates that came to a verdict count as they ended. Recorded launches are dealt out to made-up gates in the
order recorded, each launch to one gate, so that their errors are independent and a binomial bound holds;
redrawn gates, with launches in any combination, tell more finely where the limits lie, and have no bound.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from bench.analyze.blocks.clean import judged
from bench.analyze.gate.decision import CONTROLS, error_of, replay, weigh
from bench.analyze.gate.pairs import launch_ratios
from bench.analyze.gate.peers import PROCESSES, RULES, trials
from bench.analyze.gate.series import STAGES, judge, typical_scatter
from bench.analyze.gate.settings import Settings
from bench.records import Verdict, VerdictState
from bench.storage.tables import Run

LAUNCHES = STAGES[-1].stop
GRID = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.5)
"""Slowdowns among which the smallest that is found is sought."""

INCOMPLETE = 3
"""Exit status of a gate whose sides could not be measured: it says nothing of errors."""

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
        if not self.trials:
            return 0.0, 1.0
        found = binomtest(self.count, self.trials).proportion_ci(0.9, "exact")
        return float(found.low), float(found.high)


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


@dataclass(frozen=True)
class Peer:
    """What another tool's rule says of the same launches: how often of any case of a table with nothing
    changed that it is slower, and by slowdown how often it finds one, a trial a case."""

    rule: str
    alarms: Rate
    found: dict[float, Rate]


@dataclass(frozen=True)
class Condition:
    """What is known of the gate in one condition of the machine, idle or busy.

    `live`, `dealt` and `redrawn` are false alarms among live, dealt and redrawn gates; `same` and
    `undecided` shares of cases, of the live gates where there are any; `spent_s` a live gate's median
    time. `smallest` is for each case the smallest slowdown that nineteen of twenty gates find.
    """

    name: str
    cases: int
    launches: int
    live: Rate
    dealt: Rate
    redrawn: Rate
    contaminated: Rate
    same: float
    undecided: float
    spent_s: float
    powers: tuple[Power, ...]
    smallest: dict[str, float | None]
    peers: tuple[Peer, ...]


@dataclass(frozen=True)
class Calibration:
    """What was found on one machine, for one budget, in each condition."""

    machine: str
    max_regression: float
    conditions: tuple[Condition, ...]


def calibrate(
    runs: Iterable[Run], settings: Settings | None = None, redraws: int = 200, seed: int = 1
) -> Calibration:
    """The calibration from recorded runs of one machine, all taken together; the same runs give the same."""
    runs, settings = list(runs), settings or Settings()
    names = dict.fromkeys(run.header.calibration["condition"] for run in runs)
    found = tuple(
        _condition(
            name,
            [run for run in runs if run.header.calibration["condition"] == name],
            settings,
            redraws,
            np.random.default_rng(seed),
        )
        for name in names
    )
    return Calibration(runs[-1].machine if runs else "", settings.max_regression, found)


def _condition(
    name: str, runs: Sequence[Run], settings: Settings, redraws: int, random: np.random.Generator
) -> Condition:
    pools = _pools([run for run in runs if run.header.calibration["slowdowns"]])
    gates = [run for run in runs if run.end and not run.header.calibration["slowdowns"]]
    judged_gates = [(run, decision) for run in gates if (decision := replay(run)).exit_status != INCOMPLETE]
    decisions = [decision for _, decision in judged_gates]
    null = pools.get(0.0, pd.DataFrame())
    dealt = [_verdicts(each, settings) for each in _dealt(null)]
    redrawn = [_verdicts(each, settings) for each in _redrawn(null, redraws, random)]
    seen = [list(each.verdicts) for each in decisions] or redrawn
    spent = [sum(run.end.spent_s.values()) if run.end else 0.0 for run, _ in judged_gates]
    return Condition(
        name,
        len(_cases(null)) or max((len(each.verdicts) for each in decisions), default=0),
        sum(pool.shape[1] for pool in pools.values()),
        Rate(sum(each.exit_status == 1 for each in decisions), len(decisions)),
        Rate(sum(map(_alarm, dealt)), len(dealt)),
        Rate(sum(map(_alarm, redrawn)), len(redrawn)),
        Rate(sum(each.contaminated for each in decisions), len(decisions)),
        _share(seen, "same"),
        _share(seen, "undecided"),
        median(spent) if spent else float("nan"),
        tuple(
            _power(slowdown, pool, settings, redraws, random)
            for slowdown, pool in sorted(pools.items())
            if slowdown
        ),
        _smallest(null, settings, redraws, random),
        tuple(_peers(runs)),
    )


def _peers(runs: Sequence[Run]) -> Iterable[Peer]:
    """Every rule of `bench.analyze.gate.peers`; of a whole gate it gets the screen's launches."""
    said: dict[float, list[dict[str, dict[str, bool]]]] = defaultdict(list)
    for run in runs:
        slowdowns = run.header.calibration["slowdowns"] or [0.0] * PROCESSES
        for slowdown in dict.fromkeys(slowdowns):
            launches = [launch for launch, each in enumerate(slowdowns) if each == slowdown]
            said[slowdown] += [
                {case: rules for case, rules in trial.items() if not _is_control(case)}
                for trial in trials(run.blocks, launches)
            ]
    for rule in RULES:
        alarms = [any(rules[rule] for rules in trial.values()) for trial in said[0.0] if trial]
        found = {
            slowdown: [rules[rule] for trial in each for rules in trial.values()]
            for slowdown, each in sorted(said.items())
            if slowdown
        }
        rates = {slowdown: Rate(sum(each), len(each)) for slowdown, each in found.items()}
        yield Peer(rule, Rate(sum(alarms), len(alarms)), rates)


def _pools(runs: Sequence[Run]) -> dict[float, pd.DataFrame]:
    """By what was injected: ln(head/base), one row a case and kind, one column a launch of any run."""
    found: dict[float, list[pd.DataFrame]] = {}
    for run in runs:
        slowdowns = dict(enumerate(run.header.calibration["slowdowns"]))
        ratios = launch_ratios(judged(run))
        for slowdown in dict.fromkeys(slowdowns.values()):
            launches = [launch for launch in ratios.columns if slowdowns.get(launch) == slowdown]
            found.setdefault(slowdown, []).append(ratios[launches])
    return {slowdown: pd.concat(each, axis="columns", ignore_index=True) for slowdown, each in found.items()}


def _dealt(pool: pd.DataFrame) -> list[pd.DataFrame]:
    """The pool's launches as gates of 25, in the order recorded; what is left over makes none."""
    starts = range(0, pool.shape[1] - LAUNCHES + 1, LAUNCHES)
    return [_numbered(pool.iloc[:, start : start + LAUNCHES]) for start in starts]


def _redrawn(pool: pd.DataFrame, count: int, random: np.random.Generator) -> list[pd.DataFrame]:
    """Gates of 25 launches drawn at random, with the sides exchanged in every other one."""
    if pool.empty:
        return []
    return [
        _numbered(pool.iloc[:, _draw(pool.shape[1], random)]) * (-1.0) ** number for number in range(count)
    ]


def _draw(size: int, random: np.random.Generator) -> NDArray[np.int_]:
    """25 of so many launches, each once where there are enough."""
    return random.choice(size, LAUNCHES, replace=size < LAUNCHES)


def _numbered(pool: pd.DataFrame) -> pd.DataFrame:
    return pool.set_axis(range(LAUNCHES), axis="columns")


def _cases(pool: pd.DataFrame) -> list[str]:
    """The cases of a pool, without controls."""
    return [case for case in dict.fromkeys(case for case, _ in pool.index) if not _is_control(case)]


def _is_control(case: str) -> bool:
    return case.startswith(f"{CONTROLS}::")


def _verdicts(gate: pd.DataFrame, settings: Settings) -> list[Verdict]:
    """What the gate says of made-up launches; budgets of single cases do not matter here."""
    budgets = dict.fromkeys(_cases(gate), settings.max_regression)
    controls = {case for case, _ in gate.index if _is_control(case)}
    return list(weigh(gate, budgets, controls, LAUNCHES, settings)[0])


def _alarm(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.state == "slower" for verdict in verdicts)


def _share(gates: Sequence[Sequence[Verdict]], state: VerdictState) -> float:
    states = [verdict.state for verdicts in gates for verdict in verdicts]
    return states.count(state) / len(states) if states else float("nan")


def _power(
    slowdown: float, pool: pd.DataFrame, settings: Settings, redraws: int, random: np.random.Generator
) -> Power:
    series = _series(pool)
    dealt = [
        _found(logs, settings, len(series), typical)
        for gate in map(_series, _dealt(pool))
        for typical in [typical_scatter(gate.values())]
        for logs in gate.values()
    ]
    gates = _draws(series, redraws, random)
    redrawn = {
        case: mean(_found(logs[draw], settings, len(series), typical) for draw, typical in gates)
        for case, logs in series.items()
    }
    worst = min(redrawn, key=lambda case: redrawn[case])
    shifts = [np.nanmedian(logs) for logs in series.values()]
    return Power(
        slowdown,
        float(np.expm1(np.median(shifts))),
        Rate(sum(dealt), len(dealt)),
        mean(redrawn.values()),
        worst,
        redrawn[worst],
    )


def _series(pool: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """For each case, controls left out, ln(head/base) of its wall time by launch."""
    wall = pool[pool.index.get_level_values("kind") == "wall"].droplevel("kind")
    return {
        str(case): logs.to_numpy(dtype=float) for case, logs in wall.iterrows() if not _is_control(str(case))
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


def _smallest(
    null: pd.DataFrame, settings: Settings, redraws: int, random: np.random.Generator
) -> dict[str, float | None]:
    """For each case the smallest slowdown of GRID that redrawn gates find with POWER; None where none is.

    Unchanged launches are shifted by it: finer than what was injected, and of known size.
    """
    if null.empty:
        return {}
    series = _series(null)
    gates = _draws(series, redraws, random)
    found: dict[str, float | None] = {}
    for case, logs in series.items():

        def is_found(slowdown: float, logs: NDArray[np.float64] = logs) -> bool:
            slower = logs + np.log1p(slowdown)
            hits = (_found(slower[draw], settings, len(series), typical) for draw, typical in gates)
            return mean(hits) >= POWER

        position = bisect_left(GRID, True, key=is_found)
        found[case] = GRID[position] if position < len(GRID) else None
    return found

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

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.decision import is_control, replay
from bench.analyze.gate.pairs import launch_ratios
from bench.analyze.gate.peers import PROCESSES, RULES, trials
from bench.analyze.gate.resampling import Power, Rate, cases_of, dealt, power, redrawn, smallest, verdicts
from bench.analyze.gate.series import STAGES
from bench.analyze.gate.settings import Settings
from bench.records import Verdict, VerdictState

INCOMPLETE = 3
"""Exit status of a gate whose sides could not be measured: it says nothing of errors."""


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
    runs: Iterable[AnalyzedRun], settings: Settings | None = None, redraws: int = 200, seed: int = 1
) -> Calibration:
    """The calibration from recorded runs of one machine, all taken together; the same runs give the same."""
    settings, machine = settings or Settings(), ""
    by_condition: dict[str, list[AnalyzedRun]] = {}
    for each in runs:
        by_condition.setdefault(each.run.header.calibration["condition"], []).append(each)
        machine = each.run.machine
    conditions = tuple(
        _condition(name, of_condition, settings, redraws, np.random.default_rng(seed))
        for name, of_condition in by_condition.items()
    )
    return Calibration(machine, settings.max_regression, conditions)


def _condition(
    name: str, runs: Sequence[AnalyzedRun], settings: Settings, redraws: int, random: np.random.Generator
) -> Condition:
    pools = _pools([each for each in runs if _slowdowns(each)])
    replayed = [(each.run, replay(each)) for each in runs if each.run.end and not _slowdowns(each)]
    gates = [(run, decision) for run, decision in replayed if decision.exit_status != INCOMPLETE]
    decisions = [decision for _, decision in gates]
    launches = sum(pool.shape[1] for pool in pools.values())
    recorded = pools.get(0.0, pd.DataFrame())
    # Fewer launches than a gate's first step takes tell nothing of how they scatter: none are redrawn.
    pools = {share: pool for share, pool in pools.items() if pool.shape[1] >= STAGES[0].stop}
    null = pools.pop(0.0, pd.DataFrame())
    of_dealt = [verdicts(each, settings) for each in dealt(null)]
    of_redrawn = [verdicts(each, settings) for each in redrawn(null, redraws, random)]
    by_gate = [list(each.verdicts) for each in decisions] or of_redrawn
    spent = [sum(run.end.spent_s.values()) if run.end else 0.0 for run, _ in gates]
    return Condition(
        name=name,
        cases=len(cases_of(recorded)) or max((len(each.verdicts) for each in decisions), default=0),
        launches=launches,
        live=Rate(sum(each.exit_status == 1 for each in decisions), len(decisions)),
        dealt=_alarms(of_dealt),
        redrawn=_alarms(of_redrawn),
        contaminated=Rate(sum(each.contaminated for each in decisions), len(decisions)),
        same=_share(by_gate, "same"),
        undecided=_share(by_gate, "undecided"),
        spent_s=median(spent) if spent else float("nan"),
        powers=tuple(power(share, pool, settings, redraws, random) for share, pool in sorted(pools.items())),
        smallest=smallest(null, settings, redraws, random),
        peers=tuple(_peers(runs)),
    )


def _slowdowns(each: AnalyzedRun) -> list[float]:
    """What was injected into head, by launch; nothing for a whole gate."""
    return list(each.run.header.calibration["slowdowns"])


def _peers(runs: Sequence[AnalyzedRun]) -> Iterable[Peer]:
    """Every rule of `bench.analyze.gate.peers`; of a whole gate it gets the screen's launches."""
    by_slowdown: dict[float, list[dict[str, dict[str, bool]]]] = defaultdict(list)
    for each in runs:
        slowdowns = _slowdowns(each) or [0.0] * PROCESSES
        for slowdown in dict.fromkeys(slowdowns):
            launches = [launch for launch, injected in enumerate(slowdowns) if injected == slowdown]
            by_slowdown[slowdown] += [
                {case: rules for case, rules in trial.items() if not is_control(case)}
                for trial in trials(each.run.blocks, launches)
            ]
    null = by_slowdown.pop(0.0, [])
    for rule in RULES:
        alarms = [any(rules[rule] for rules in trial.values()) for trial in null if trial]
        hits_of = {
            slowdown: [rules[rule] for trial in of_slowdown for rules in trial.values()]
            for slowdown, of_slowdown in sorted(by_slowdown.items())
        }
        rates = {slowdown: Rate(sum(hits), len(hits)) for slowdown, hits in hits_of.items()}
        yield Peer(rule, Rate(sum(alarms), len(alarms)), rates)


def _pools(runs: Sequence[AnalyzedRun]) -> dict[float, pd.DataFrame]:
    """By what was injected: ln(head/base), one row a case and kind, one column a launch of any run."""
    by_slowdown: dict[float, list[pd.DataFrame]] = {}
    for run in runs:
        slowdowns, ratios = dict(enumerate(_slowdowns(run))), launch_ratios(run.blocks)
        for slowdown in dict.fromkeys(slowdowns.values()):
            launches = [launch for launch in ratios.columns if slowdowns.get(launch) == slowdown]
            by_slowdown.setdefault(slowdown, []).append(ratios[launches])
    pools = by_slowdown.items()
    return {slowdown: pd.concat(each, axis="columns", ignore_index=True) for slowdown, each in pools}


def _alarms(gates: Sequence[Sequence[Verdict]]) -> Rate:
    return Rate(sum(any(verdict.state == "slower" for verdict in gate) for gate in gates), len(gates))


def _share(gates: Sequence[Sequence[Verdict]], state: VerdictState) -> float:
    states = [verdict.state for verdicts in gates for verdict in verdicts]
    return states.count(state) / len(states) if states else float("nan")

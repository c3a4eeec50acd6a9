"""Two stored runs compared: the gate's rule on independent launches instead of pairs.

Yuen's trimmed t for two samples of launches, in logarithms. What the machine did between the runs cannot
be told from what the code did: launches within a run agree more than runs do.
"""

import math
from dataclasses import dataclass

import numpy as np

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.intervals import Centre, centre, difference
from bench.analyze.gate.budgets import of_head
from bench.analyze.gate.decision import Decision, Sides, Trouble, budget_of, error_of
from bench.analyze.gate.pairs import launch_logs
from bench.analyze.gate.series import look
from bench.analyze.gate.settings import Settings
from bench.records import Verdict
from bench.storage.tables import Run

SHIFTED = 0.02
"""Change of the middle case from which the machine is a likelier cause than the code."""


@dataclass(frozen=True)
class Comparison:
    """The decision on two runs, and what weakens it.

    `differences` are what else the runs differ in: its name, and what it is in each. `common_change` is the
    change of the middle case, as a share, where so many cases moved that it is likelier the machine's.
    """

    base: Run
    head: Run
    decision: Decision
    differences: tuple[tuple[str, str, str], ...]
    common_change: float | None


def compare(base: AnalyzedRun, head: AnalyzedRun, settings: Settings) -> Comparison:
    """Two runs compared, in the cases that both have; in a run with two sides head's are taken."""
    decision = _decision(base, head, settings)
    logs = [math.log(verdict.change.ratio) for verdict in decision.verdicts if verdict.change]
    middle = math.expm1(float(np.median(logs))) if len(logs) > 2 else 0.0
    differences = tuple(_differences(base.run, head.run))
    return Comparison(base.run, head.run, decision, differences, middle if abs(middle) >= SHIFTED else None)


def _decision(base: AnalyzedRun, head: AnalyzedRun, settings: Settings) -> Decision:
    before, after = _centres(base), _centres(head)
    base_names, head_names = (dict.fromkeys(of_head(each.run.cases)["case"]) for each in (base, head))
    common = [case for case in head_names if case in base_names]
    measured = [case for case in common if case in before and case in after]
    error = error_of(len(measured), settings.confidence)
    devices = dict(zip(head.run.cases["case"], head.run.cases["device"], strict=True))
    verdicts = tuple(
        _verdict(case, difference(after[case], before[case]), budget_of(case, devices[case], settings), error)
        for case in measured
    )
    few = "was not measured in two launches of both runs"
    added = tuple(case for case in head_names if case not in base_names)
    sides = Sides(added, removed=tuple(case for case in base_names if case not in head_names))
    skipped = tuple(Trouble(case, "", few) for case in common if case not in measured)
    return Decision(verdicts, skipped=skipped, sides=sides, settings=settings)


def _differences(base: Run, head: Run) -> list[tuple[str, str, str]]:
    """What else differs: machine, Python, and packages."""
    before, after = base.environment, head.environment
    old, new = (each.get("packages") or {} for each in (before, after))
    facts = [
        ("machine", base.machine, head.machine),
        ("Python", str(before.get("python", "")), str(after.get("python", ""))),
        *((name, str(old[name]), str(new[name])) for name in old if name in new),
    ]
    return [fact for fact in facts if fact[1] != fact[2]]


def _centres(each: AnalyzedRun) -> dict[str, Centre]:
    """For each case of a run the centre of ln(seconds per call) over its launches."""
    rows = of_head(each.run.cases)
    logs = launch_logs(each.run, each.blocks)
    centres = {case: centre(logs[row].to_numpy(float)) for row, case in rows["case"].items() if row in logs}
    return {case: each for case, each in centres.items() if each}


def _verdict(case: str, change: Centre, budget: float, error: float) -> Verdict:
    judgement = look(change, "comparison", budget, error)
    return Verdict(case, judgement.state, judgement.stage, judgement.reason, budget, judgement.change(case))

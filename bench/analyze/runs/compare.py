"""Two stored runs compared: the gate's rule on the runs' estimates instead of pairs.

The difference of two centres, in logarithms, with Welch's degrees of freedom. What all cases share is the
machine's pace: it is taken out where the runs are alike, and always said. There the intervals hold as well by
how much the machine treated cases unlike. What else it did between the runs cannot be told from what the code
did.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.intervals import Centre, difference
from bench.analyze.estimates.scatter import Centres
from bench.analyze.gate.budgets import of_head
from bench.analyze.gate.decision import Decision, Sides, Trouble, budget_of, error_of
from bench.analyze.gate.series import look
from bench.analyze.gate.settings import Settings
from bench.analyze.runs.shift import RunShift, between
from bench.records import Verdict
from bench.storage.tables import Run


@dataclass(frozen=True)
class Comparison:
    """The decision on two runs, and what weakens it.

    `differences` are what else the runs differ in: its name, and what it is in each. `shift` is what all
    cases share, None where the runs have too few in common; the verdicts are without it where it is the
    machine's pace.
    """

    base: Run
    head: Run
    decision: Decision
    differences: tuple[tuple[str, str, str], ...]
    shift: RunShift | None


def compare(base: AnalyzedRun, head: AnalyzedRun, settings: Settings) -> Comparison:
    """Two runs compared, in the cases that both have; in a run with two sides head's are taken."""
    before, after = (centres_by_case(each.run, each.centres) for each in (base, head))
    changes = {case: difference(after[case], before[case]) for case in after if case in before}
    each = list(changes.values())
    logs, errors = (np.array([getattr(change, name) for change in each]) for name in ("mean", "error"))
    shift = between(logs, errors, base.run.environment, head.run.environment)
    if shift and shift.taken_out:
        changes = {case: _without(change, shift) for case, change in changes.items()}
    decision = _decision(base.run, head.run, changes, settings)
    return Comparison(base.run, head.run, decision, tuple(_differences(base.run, head.run)), shift)


def _without(change: Centre, shift: RunShift) -> Centre:
    """The change without what all cases share, which is known within an error of its own, and less surely
    the further unchanged cases went apart."""
    error = math.hypot(change.error, shift.error, shift.apart)
    return replace(change, mean=change.mean - shift.log, median=change.median - shift.log, error=error)


def _decision(base: Run, head: Run, changes: dict[str, Centre], settings: Settings) -> Decision:
    base_names, head_names = (dict.fromkeys(of_head(each.cases)["case"]) for each in (base, head))
    common = [case for case in head_names if case in base_names]
    measured = [case for case in common if case in changes]
    error = error_of(len(measured), settings.confidence)
    devices = dict(zip(head.cases["case"], head.cases["device"], strict=True))
    verdicts = tuple(
        _verdict(case, changes[case], budget_of(case, devices[case], settings), error) for case in measured
    )
    few = "no block of it counts in one of the runs"
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
        ("Python", _version(before.get("python", "")), _version(after.get("python", ""))),
        *((name, str(old[name]), str(new[name])) for name in old if name in new),
    ]
    return [fact for fact in facts if fact[1] != fact[2]]


def _version(python: object) -> str:
    """Python's version, out of what a run says of it."""
    return str(python.get("version", "") if isinstance(python, dict) else python)


def centres_by_case(run: Run, found: Centres) -> dict[str, Centre]:
    """For each case of a run that has one the centre of its ln(seconds per call); in a gate's run head's."""
    cases = of_head(run.cases)["case"]
    return {
        case: Centre(
            mean=float(found.log[row]),
            median=float(found.log[row]),
            error=float(found.error[row]),
            freedom=float(found.freedom[row]),
            count=int(found.launches[row]),
        )
        for row, case in cases.items()
        if found.launches[row]
    }


def _verdict(case: str, change: Centre, budget: float, error: float) -> Verdict:
    judgement = look(change, "comparison", budget, error)
    return Verdict(case, judgement.state, judgement.stage, judgement.reason, budget, judgement.change(case))

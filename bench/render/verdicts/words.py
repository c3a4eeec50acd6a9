"""What every output of a gate says, in words: headline, rows, troubles; the outputs only lay it out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.analyze.estimates import changes
from bench.analyze.estimates.confidence import ROUGH, of_interval
from bench.analyze.gate.budgets import BudgetCheck
from bench.analyze.gate.decision import Decision
from bench.analyze.report import RunReport
from bench.analyze.runs.compare import Comparison
from bench.analyze.runs.shift import RunShift
from bench.patterns import moved_to, name
from bench.records import Verdict, VerdictState
from bench.render import units
from bench.render.parts.trust import spent, starts

MANY_UNDECIDED = 0.2
"""Share of undecided cases from which that comes first: such a gate hardly guards anything."""

TOLD_APART = 0.01
"""How far cases went apart between two runs, as a deviation of logarithms, from where it is said."""

STATES: tuple[VerdictState, ...] = ("slower", "undecided", "faster", "same")
"""In the order in which a table shows them."""

COLUMNS = ("verdict", "case", "change", "95 % bounds", "confidence", "budget", "launches")


LATER = "in the later run alone: a run adds sizes near a crossing"
EARLIER = "in the earlier run alone: the later one added other sizes, or had no time for these"
"""What cases of one of two stored runs are: nobody took them out."""


@dataclass(frozen=True)
class GateSummary:
    """A decision, and what its outputs say besides: where, between what, and how noisy it was.

    `calibrated` is a sentence on this machine's false alarms, `caveat` says what weakens the comparison,
    `explained` has for some slower cases what differs between the sides, `time` lines on where its time went.
    `machines` is said first where two made the sides.
    """

    decision: Decision
    run: str = ""
    machine: str = ""
    base: str = "base"
    head: str = "head"
    spent_s: float = 0.0
    launches: int = 0
    disturbed_share: float = 0.0
    calibrated: str = ""
    caveat: str = ""
    explained: Mapping[str, Sequence[str]] = field(default_factory=dict)
    time: Sequence[str] = ()
    machines: str = ""


def summary(part: RunReport, calibrated: str = "") -> GateSummary:
    """The summary of a recorded gate."""
    run, quality, entry = part.run, part.analyzed.quality, part.run.header.gate
    assert part.gate is not None
    base, head = (_side(entry.get(side), side) for side in ("base", "head"))
    noise = quality.spent_s, quality.launches, quality.disturbed_share if quality.blocks else 0.0
    lines = {each.case: each.lines for each in run.explained}
    return GateSummary(
        part.gate, run.name, run.machine, base, head, *noise, calibrated, "", lines, _time(part)
    )


def _time(part: RunReport) -> list[str]:
    """Where a gate's time went, the most first, and how its launches were started."""
    parts = sorted(spent(part), key=lambda each: -each[2])
    lines = [", ".join(f"{name} {took} ({units.percent(share)})" for name, took, share in parts)]
    started = starts(part)
    return list(filter(None, [*lines, f"launches: {started}" if started else ""]))


def of_comparison(comparison: Comparison) -> GateSummary:
    """The summary of two stored runs compared."""
    base, head, caveat = comparison.base.name, comparison.head.name, _caveat(comparison)
    machines = another_machine(comparison)
    return GateSummary(
        comparison.decision, head, comparison.head.machine, base, head, caveat=caveat, machines=machines
    )


def another_machine(comparison: Comparison) -> str:
    """What is said before all else of runs that two machines made; "" of one machine's."""
    machines = next((each[1:] for each in comparison.differences if each[0] == "machine"), None)
    if machines is None:
        return ""
    return f"Another machine: {machines[0]}, then {machines[1]}. What differs may be theirs, not the code's."


def _caveat(comparison: Comparison) -> str:
    """What weakens the comparison, the worst last."""
    sentences = [
        "Runs taken one after the other tell less than sides taken in turns: what the machine did between "
        "them counts as a change. `bench gate` takes turns."
    ]
    sentences += [f"The {what} differs: {base} and {head}." for what, base, head in comparison.differences]
    if comparison.shift:
        sentences.append(shift_words(comparison.shift))
    return " ".join(sentences)


def shift_words(shift: RunShift) -> str:
    """What all cases of two runs share, and what was made of it."""
    shared = f"What all {shift.cases} cases share, {changes.change(shift.ratio)} ({_ends(shift)}),"
    if shift.taken_out:
        pace = f"{shared} is the machine's pace, and taken out of each change."
        if shift.apart < TOLD_APART:
            return pace
        unlike = f"It was not alike for all: cases lie {units.percent(shift.apart)} apart besides"
        return f"{pace} {unlike}, which the bounds of each change hold."
    if shift.kind == "large":
        return f"{shared} is too much for a machine's pace: it is left in each change, and a result."
    return f"{shared} is left in each change, since the runs differ in what decides times."


def _ends(shift: RunShift) -> str:
    return changes.bounds(*shift.interval)


def _side(entry: Mapping[str, Any] | None, otherwise: str) -> str:
    """A side as "origin/main (1a2b3c4d5e)"."""
    entry = entry or {}
    commit = str((entry.get("commit") or {}).get("id") or "")[:10]
    return f"{entry.get('revision') or otherwise}" + (f" ({commit})" if commit else "")


def headline(gate: GateSummary) -> str:
    """The outcome in one line, and what a missing accelerator left out of it."""
    return "; ".join(filter(None, [_outcome(gate), not_judged(gate.decision)]))


def not_judged(decision: Decision) -> str:
    """How many cases a missing accelerator kept from being judged; "" for none."""
    absent = decision.without_accelerator
    need = "case needs" if absent == 1 else "cases need"
    return (
        f"{absent} {need} an accelerator and {'was' if absent == 1 else 'were'} not judged" if absent else ""
    )


def _outcome(gate: GateSummary) -> str:
    decision = gate.decision
    counts = Counter(verdict.state for verdict in decision.verdicts)
    budgets = Counter(check.standing for check in decision.budgets)
    tally = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    tally = tally or "no case was compared"
    if gate.caveat:
        return f"Compared: {tally}"
    if decision.exit_status == 3:
        missing = len(decision.troubles) + budgets["missing"]
        what = f"{missing} not measured" if missing else "cut short before it was settled"
        return f"Incomplete: {what}; {tally}"
    if decision.exit_status == 5:
        return f"Nothing compared: all {len(decision.skipped)} skipped"
    if decision.contaminated:
        return f"Contaminated: identical code was not equally fast on both sides; {tally}"
    if decision.exit_status == 1:
        budget = f", {budgets['over']} over budget" if budgets["over"] else ""
        worst = "Slower" if counts["slower"] else "Over budget" if budget else "Faster"
        return f"{worst}: {tally}{budget}"
    return f"{'Undecided' if decision.exit_status else 'Pass'}: {tally}"


def warning(decision: Decision) -> str:
    """What must be said before the verdicts; "" for nothing."""
    undecided = sum(verdict.state == "undecided" for verdict in decision.verdicts)
    if decision.contaminated or decision.wanted or decision.undecided_share <= MANY_UNDECIDED:
        return ""
    return (
        f"{undecided} of {len(decision.verdicts)} cases undecided: too much disturbed this machine, or "
        "launches differ too much, to tell a change of that size. Measure on a quieter machine."
    )


def ordered(decision: Decision, *states: str) -> list[Verdict]:
    """The verdicts of these states (of all, without), the worst first."""

    def badness(verdict: Verdict) -> tuple[int, float]:
        return STATES.index(verdict.state), -verdict.change.ratio if verdict.change else 0.0

    return sorted((each for each in decision.verdicts if not states or each.state in states), key=badness)


def cells(verdict: Verdict, decision: Decision) -> list[str]:
    """A row of a table: verdict, case, change, its bounds, how well it is known, budget, launches."""
    change = verdict.change
    edited = " (edited)" if verdict.case in decision.sides.edited else ""
    return [
        verdict.state,
        name(verdict.case) + edited + (f" · {change.kind} time" if change and change.kind != "wall" else ""),
        changes.change(change.ratio) if change else "–",
        changes.bounds(change.low, change.high) if change else "–",
        of_interval(change.low, change.high) if change else "–",
        f"{100 * verdict.budget:g} %",
        str(change.launches) if change else "0",
    ]


def sections(gate: GateSummary) -> list[tuple[str, list[str]]]:
    """What is said below the verdicts, in this order: a heading, and its lines."""
    decision = gate.decision
    noise = [_noise(gate) if gate.launches else "", gate.calibrated]
    parts = {
        "Not measured": _troubles(decision),
        **{f"Why {name(case)} is slower": list(lines) for case, lines in gate.explained.items()},
        "Budgets": [f"{standing}: {text}" for standing, text in budgets(decision)],
        "Benchmarks that differ": _benchmarks_changed(decision, stored=bool(gate.caveat)),
        "Noise": list(filter(None, noise)),
        "Time": list(gate.time),
        "Controls": [_control(each) for each in decision.controls],
        "Undecided": [f"{name(each.case)}: {each.reason}" for each in ordered(decision, "undecided")],
        "Skipped": [f"{name(each.case)}: {each.reason}" for each in decision.skipped],
    }
    return [(heading, lines) for heading, lines in parts.items() if lines]


def _benchmarks_changed(decision: Decision, stored: bool) -> list[str]:
    """What differs between the sides' benchmarks; of two `stored` runs nobody took anything out."""
    sides = decision.sides
    edited = "edited, so that the sides time different code (`--suites PATH` times one on both)"
    moved, unread = moved_to(sides.missing, sides.added), decision.uncollected_on_base
    unseen = [case for case in sides.added if case.partition("::")[0] in unread]
    added = [case for case in sides.added if case not in (*unseen, *moved.values())]
    changed = {
        (LATER if stored else "added, so there is nothing to compare with"): map(name, added),
        "not compared, since their file could not be collected on base": map(name, unseen),
        "moved, it seems": (f"{old} → {new}" for old, new in moved.items()),
        (EARLIER if stored else "taken out on purpose"): map(name, sides.removed),
        "renamed": (f"{name(old)} → {name(new)}" for old, new in sides.renamed.items()),
        edited: map(name, sides.edited),
    }
    return [f"{heading}: {', '.join(cases)}" for heading, each in changed.items() if (cases := list(each))]


def _troubles(decision: Decision) -> list[str]:
    """Each case that failed or is missing, with its side and the reason."""
    lines = [
        f"{name(each.case)}: {each.reason}" + (f" ({each.side})" if each.side else "")
        for each in decision.troubles
    ]
    missing = (each for each in decision.budgets if each.standing == "missing")
    lines += [f"{name(each.case)}: {budget_words(each)}" for each in missing]
    cut = f"{len(decision.wanted)} cases lack launches: the run was cut short"
    return lines + ([cut] if decision.wanted else [])


def budgets(decision: Decision) -> list[tuple[str, str]]:
    """Each standing that is worth a word: what it is, and the words."""
    lines: list[tuple[str, str]] = [
        (check.standing, f"{name(check.case)}: {budget_words(check)}")
        for check in decision.budgets
        if check.standing not in ("met", "missing")
    ]
    for check in decision.budgets:
        if check.tighter is not None:
            tighter = f"{check.limit} = {_amount(check.limit, check.tighter)} would do"
            lines.append(("could be tighter", f"{name(check.case)}: {tighter}"))
    return lines


def budget_words(check: BudgetCheck) -> str:
    reason = f"; {check.reason}" if check.reason else ""
    if not check.limit:
        return f"has a budget, {check.standing}{reason}"
    numbers = (check.allowed, check.value, check.low, check.high)
    allowed, value, low, high = (_amount(check.limit, number) for number in numbers)
    ends = f"{low} to {high}" if of_interval(check.low, check.high) != "unsettled" else "unsettled"
    exact = check.limit == "max_memory"  # it is counted
    measured = "" if math.isnan(check.value) else f", measured {value}{'' if exact else f' ({ends})'}"
    return f"{check.limit} {allowed}{measured}{reason}"


def _amount(limit: str, value: float) -> str:
    if limit == "max_time":
        return units.quantity(value, "s", 4)
    if limit == "max_memory":
        return units.quantity(value, "B")
    return units.percent(value) if limit == "min_ceiling_share" else f"{value:.3g} ×"


def _noise(gate: GateSummary) -> str:
    """How noisy the run was, in a line."""
    changes = (verdict.change for verdict in gate.decision.verdicts)
    halves = sorted((change.high / change.low) ** 0.5 - 1 for change in changes if change)
    spent = f" in {gate.spent_s:.0f} s" if gate.spent_s else ""
    text = f"{gate.launches} launches{spent}, {units.percent(gate.disturbed_share)} of the blocks disturbed"
    if halves and (half := 1 + halves[len(halves) // 2]) <= ROUGH:
        text += f"; half of the changes are known to ±{100 * (half - 1):.1f} % or better"
    return text


def _control(control: Verdict) -> str:
    state = {"same": "stood still", "undecided": "could not be read"}.get(control.state, "moved")
    return f"{name(control.case)} {state}: {control.reason}"

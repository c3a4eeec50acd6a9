"""What is known of the gate's own errors on a machine: a sentence for each gate, a table, and JSON."""

import json
import math
from dataclasses import asdict
from typing import Any

from bench.analyze.calibration import POWER, Calibration, Condition, Rate
from bench.patterns import name
from bench.render.summary import escaped
from bench.render.units import percent


def sentence(calibration: Calibration) -> str:
    """One line for a gate's output; "" where nothing was measured.

    Live gates if there are any, else gates made of recorded launches.
    """
    live = _sum([condition.live for condition in calibration.conditions])
    rate = live if live.trials else _sum([condition.dealt for condition in calibration.conditions])
    if not rate.trials:
        return ""
    kind = "gates" if live.trials else "gates made of recorded launches"
    alarms = f"{rate.count} false alarm{'' if rate.count == 1 else 's'}"
    return (
        f"On this machine: {alarms} in {rate.trials} {kind} without a change, at most {percent(rate.high)}."
    )


def _sum(rates: list[Rate]) -> Rate:
    return Rate(sum(rate.count for rate in rates), sum(rate.trials for rate in rates))


def markdown(calibration: Calibration) -> str:
    """The table: one column a condition, one row a question. Every bound holds with 95 %."""
    conditions = calibration.conditions
    rows: dict[str, list[str]] = {}
    for column, condition in enumerate(conditions):
        for question, answer in _rows(condition):
            rows.setdefault(question, [""] * len(conditions))[column] = answer
    head = f"| on {escaped(calibration.machine) or 'this machine'} | "
    lines = [head + " | ".join(condition.name for condition in conditions) + " |"]
    lines.append("|---|" + "--:|" * len(conditions))
    lines += [f"| {question} | {' | '.join(answers)} |" for question, answers in rows.items()]
    return "\n".join(lines) + "\n"


def _rows(condition: Condition) -> list[tuple[str, str]]:
    """Question and answer, in the order of the table."""
    smallest = sorted(condition.smallest.items(), key=lambda each: each[1] or math.inf)
    rows = [
        ("cases, recorded launches", f"{condition.cases}, {condition.launches}"),
        ("false alarms in live gates", _at_most(condition.live)),
        ("false alarms in gates of recorded launches", _at_most(condition.dealt)),
        (
            "… and in gates of redrawn launches (no bound)",
            f"{condition.redrawn.count} of {condition.redrawn.trials}",
        ),
        ("contaminated live gates", _at_most(condition.contaminated)),
        ("cases *same*", percent(condition.same)),
        ("cases *undecided*", percent(condition.undecided)),
        (
            "median time of a live gate",
            "–" if math.isnan(condition.spent_s) else f"{condition.spent_s:.0f} s",
        ),
    ]
    for power in condition.powers:
        found = _at_least(power.dealt) if power.dealt.trials else percent(power.redrawn)
        worst = f"{name(power.worst_case)} {percent(power.worst)}"
        measured = f"measured {percent(power.measured)}"
        rows.append((f"{power.slowdown:.0%} slower: found", f"{found}; {measured}; worst: {worst}"))
    if smallest:
        middle = smallest[len(smallest) // 2][1]
        rows.append((f"found with {POWER:.0%} power, middle case", _size(middle)))
        rows.append(
            (
                f"found with {POWER:.0%} power, worst case",
                f"{_size(smallest[-1][1])} ({name(smallest[-1][0])})",
            )
        )
    return [(question, answer.replace("|", "\\|")) for question, answer in rows]


def _at_most(rate: Rate) -> str:
    return f"{rate.count} of {rate.trials}, at most {percent(rate.high)}" if rate.trials else "–"


def _at_least(rate: Rate) -> str:
    return f"{rate.count} of {rate.trials} ({percent(rate.share)}), at least {percent(rate.low)}"


def _size(slowdown: float | None) -> str:
    return "none up to half as slow again" if slowdown is None else percent(slowdown)


def document(calibration: Calibration) -> str:
    """The calibration as JSON, with its sentence."""
    found: dict[str, Any] = asdict(calibration)
    for condition in found["conditions"]:
        condition["spent_s"] = None if math.isnan(condition["spent_s"]) else condition["spent_s"]
    return json.dumps({"version": 1, "sentence": sentence(calibration), **found}, indent=1) + "\n"

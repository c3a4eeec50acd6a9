"""What is known of the gate's own errors on a machine: a sentence for each gate, a table, and JSON."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.analyze.gate.calibration import Calibration, Condition
from bench.analyze.gate.resampling import Rate
from bench.patterns import name
from bench.render.unbroken import Unbroken, whole
from bench.render.units import percent
from bench.render.verdicts.terminal import PLAIN_WIDTH

FILE = "calibration.json"
"""The document's name, beside the runs that it is worked out from."""

COMPARED = (0.05, 0.1)
"""Slowdowns of which the second table says how often each rule finds them."""


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
    most = percent(rate.high)
    return f"On this machine: {alarms} in {rate.trials} {kind} without a change, at most {most}."


def _sum(rates: list[Rate]) -> Rate:
    return Rate(sum(rate.count for rate in rates), sum(rate.trials for rate in rates))


def markdown(calibration: Calibration) -> str:
    """Both tables, one below the other. Every bound holds with 95 %."""
    return f"{_markdown(table(calibration))}\n{_markdown(peers(calibration))}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rest]
    return "".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |\n" for line in lines)


def show(calibration: Calibration, console: Console | None = None) -> None:
    """Prints both tables, and the sentence below them."""
    console = console or Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    for head, *rows in (table(calibration), peers(calibration)):
        shown = Table(*head, box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*map(whole, row))
        console.print(Unbroken(shown))
        console.print()
    console.print(Text(sentence(calibration)))


def table(calibration: Calibration) -> list[list[str]]:
    """What is known of the gate: the head, then a row for each question, answered in every condition."""
    conditions = calibration.conditions
    rows: dict[str, list[str]] = {}
    for column, condition in enumerate(conditions):
        for question, answer in _rows(condition):
            rows.setdefault(question, [""] * len(conditions))[column] = answer
    head = [f"on {calibration.machine or 'this machine'}", *(condition.name for condition in conditions)]
    return [head, *([question, *answers] for question, answers in rows.items())]


def peers(calibration: Calibration) -> list[list[str]]:
    """This gate beside other tools' rules on the same launches: the head, then a row a rule."""
    head = ["on the same launches"]
    rows: dict[str, list[str]] = {}
    for condition in calibration.conditions:
        head += [f"{condition.name}: false alarms", *(f"{_size(size)} slower: found" for size in COMPARED)]
        ours = {power.slowdown: power.dealt for power in condition.powers}
        rules = [("this gate", _sum([condition.live, condition.dealt]), ours)]
        rules += [(peer.rule, peer.alarms, peer.found) for peer in condition.peers]
        for rule, alarms, found in rules:
            rates = (found.get(size, Rate(0, 0)) for size in COMPARED)
            rows.setdefault(rule, [rule]).extend([_at_most(alarms), *map(_between, rates)])
    return [head, *rows.values()]


def _between(rate: Rate) -> str:
    """A share with both of its bounds."""
    if not rate.trials:
        return "–"
    return f"{percent(rate.share)} of {rate.trials} ({percent(rate.low)} to {percent(rate.high)})"


def _rows(condition: Condition) -> list[tuple[str, str]]:
    """Question and answer, in the order of the table."""
    redrawn, spent_s = condition.redrawn, condition.spent_s
    rows = [
        ("cases, recorded launches", f"{condition.cases}, {condition.launches}"),
        ("false alarms in live gates", _at_most(condition.live)),
        ("false alarms in gates of recorded launches", _at_most(condition.dealt)),
        (
            "… and in gates of redrawn launches (no bound)",
            f"{redrawn.count} of {redrawn.trials}" if redrawn.trials else "–",
        ),
        ("contaminated live gates", _at_most(condition.contaminated)),
        ("cases that stayed the same", percent(condition.same)),
        ("cases left undecided", percent(condition.undecided)),
        ("median time of a live gate", "–" if math.isnan(spent_s) else f"{spent_s:.0f} s"),
    ]
    for power in condition.powers:
        dealt, found = power.dealt, f"{percent(power.redrawn)} (no bound)"
        if dealt.trials:
            share = f"{dealt.count} of {dealt.trials} ({percent(dealt.share)})"
            found = f"{share}, at least {percent(dealt.low)}"
        size, worst = _size(power.slowdown), f"{percent(power.worst)} ({name(power.worst_case)})"
        rows += [
            (f"{size} slower: found", found),
            (f"… measured, where {size} were injected", percent(power.measured)),
            (f"… found in the worst case of {size}", worst),
        ]
    if smallest := sorted(condition.smallest.items(), key=lambda each: each[1] or math.inf):
        (_, middle), (worst_case, largest) = smallest[len(smallest) // 2], smallest[-1]
        rows += [
            ("smallest that 95 of 100 gates find, middle case", _size(middle)),
            ("smallest that 95 of 100 gates find, worst case", f"{_size(largest)} ({name(worst_case)})"),
        ]
    return rows


def _at_most(rate: Rate) -> str:
    return f"{rate.count} of {rate.trials}, at most {percent(rate.high)}" if rate.trials else "–"


def _size(slowdown: float | None) -> str:
    return "none up to 50 %" if slowdown is None else f"{100 * slowdown:g} %"


def document(calibration: Calibration) -> str:
    """The calibration as JSON, with its sentence."""
    fields: dict[str, Any] = asdict(calibration)
    for condition in fields["conditions"]:
        condition["spent_s"] = None if math.isnan(condition["spent_s"]) else condition["spent_s"]
    return json.dumps({"version": 1, "sentence": sentence(calibration), **fields}, indent=1) + "\n"

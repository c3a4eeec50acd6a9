"""A gate's decision in the terminal."""

import sys
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.records import Verdict
from bench.render.verdicts import words
from bench.render.verdicts.words import GateSummary

STYLE = {"slower": "bold red", "undecided": "yellow", "faster": "green", "same": "dim"}
STATUS_STYLE = {0: "bold green", 1: "bold red", 3: "bold red"}
MAX_CASES = 50
"""Rows of the table; the run's report has them all."""

PLAIN_WIDTH = 140
"""Columns where there is no terminal, as in a job's log: names of cases are long."""


def show(gate: GateSummary, console: Console | None = None) -> None:
    """Prints the decision: what it leaves out first, its headline last, where one looks first."""
    console = console or Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    decision = gate.decision
    if gate.machines:
        console.print(Text(f"{gate.machines}\n", "bold yellow"), soft_wrap=True)
    if left_out := words.not_judged(decision):
        console.print(Text(f"{left_out}\n", "bold yellow"), soft_wrap=True)
    verdicts = words.ordered(decision)
    if warning := words.warning(decision):
        console.print(Text(f"{warning}\n", "bold yellow"), soft_wrap=True)
    if verdicts:
        console.print(_table(gate, verdicts[:MAX_CASES]))
    if len(verdicts) > MAX_CASES:
        console.print(f"and {len(verdicts) - MAX_CASES} more cases, none of them worse")
    for heading, lines in words.sections(gate):
        console.print(Text(f"\n{heading}", "bold"))
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
    if gate.caveat:
        console.print(Text(f"\n{gate.caveat}"), soft_wrap=True)
    style = STATUS_STYLE.get(decision.exit_status, "bold yellow")
    console.print(Text(f"\n{words.headline(gate)}", style))


def _table(gate: GateSummary, verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in words.COLUMNS:
        side: Literal["left", "right"] = "left" if column in ("verdict", "case", "confidence") else "right"
        table.add_column(column, justify=side, overflow="fold", no_wrap=column != "case")
    for verdict in verdicts:
        row = words.cells(verdict, gate.decision)
        table.add_row(*map(Text, row), style=STYLE[verdict.state])
    return table

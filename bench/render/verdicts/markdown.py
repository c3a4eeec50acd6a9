"""A gate's decision as Markdown, for a pull request or a job's summary."""

from collections.abc import Sequence

from bench.records import Verdict
from bench.render.summary import escaped
from bench.render.verdicts import words
from bench.render.verdicts.words import GateSummary

MAX_CASES = 300
"""Rows of the table of all cases: a comment on GitHub holds 65 536 characters."""


def render(gate: GateSummary) -> str:
    """Verdicts first, then what changed, noise, controls, what is undecided, what was skipped."""
    decision = gate.decision
    warning = words.warning(decision)
    lines = [f"**{warning}**", ""] if warning else []
    lines += [f"## {escaped(words.headline(gate))}", ""]
    where = f", on {escaped(gate.machine)}" if gate.machine else ""
    lines += [f"{escaped(gate.base)} → {escaped(gate.head)}{where}", ""]
    if gate.caveat:
        lines += [f"*{escaped(gate.caveat)}*", ""]
    if moved := words.ordered(decision, "slower", "faster"):
        lines += [*_table(gate, moved), ""]
    for heading, each in words.sections(gate):
        lines += [f"### {heading}", "", *(f"- {escaped(line)}" for line in each), ""]
    verdicts = words.ordered(decision)
    lines += ["<details>", f"<summary>All {len(verdicts)} cases</summary>", ""]
    lines += [*_table(gate, verdicts[:MAX_CASES]), ""]
    if len(verdicts) > MAX_CASES:
        lines += [f"{len(verdicts) - MAX_CASES} more are in the run's report.", ""]
    return "\n".join([*lines, "</details>"]) + "\n"


def _table(gate: GateSummary, verdicts: Sequence[Verdict]) -> list[str]:
    head = f"| {' | '.join(words.COLUMNS)} |"
    rows = [f"| {' | '.join(map(escaped, words.cells(verdict, gate.decision)))} |" for verdict in verdicts]
    return [head, "|---|---|--:|--:|---|--:|--:|", *rows]

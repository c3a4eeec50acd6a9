"""A gate's decision as Markdown, for a pull request or a job's summary."""

from collections.abc import Sequence

from bench.records import Verdict
from bench.render.summary import escaped
from bench.render.verdicts import words
from bench.render.verdicts.words import Account

MAX_CASES = 300
"""Rows of the table of all cases: a comment on GitHub holds 65 536 characters."""


def render(told: Account) -> str:
    """Verdicts first, then what changed, noise, controls, what is undecided, what was skipped."""
    decision = told.decision
    warning = words.warning(decision)
    lines = [f"**{warning}**", ""] if warning else []
    lines += [f"## {escaped(words.headline(told))}", ""]
    lines += [f"{escaped(told.base)} → {escaped(told.head)}" + _where(told), ""]
    if told.caveat:
        lines += [f"*{escaped(told.caveat)}*", ""]
    if moved := words.ordered(decision, "slower", "faster"):
        lines += [*_table(told, moved), ""]
    for heading, each in words.sections(told):
        lines += [f"### {heading}", "", *(f"- {escaped(line)}" for line in each), ""]
    verdicts = words.ordered(decision)
    lines += [
        "<details>",
        f"<summary>All {len(verdicts)} cases</summary>",
        "",
        *_table(told, verdicts[:MAX_CASES]),
        "",
    ]
    if len(verdicts) > MAX_CASES:
        lines += [f"{len(verdicts) - MAX_CASES} more are in the run's report.", ""]
    return "\n".join([*lines, "</details>"]) + "\n"


def _where(told: Account) -> str:
    return f", on {escaped(told.machine)}" if told.machine else ""


def _table(told: Account, verdicts: Sequence[Verdict]) -> list[str]:
    head = f"| {' | '.join(words.COLUMNS)} |"
    rows = [f"| {' | '.join(map(escaped, words.cells(verdict, told.decision)))} |" for verdict in verdicts]
    return [head, "|---|---|--:|--:|--:|--:|", *rows]

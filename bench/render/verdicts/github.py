"""A gate's decision as GitHub's workflow commands, which mark the files of a pull request."""

from collections.abc import Iterator

from bench.patterns import name
from bench.render.verdicts.words import Account, budget_words, ordered

LEVEL = {"slower": "error", "undecided": "warning", "faster": "notice"}


def annotations(told: Account) -> Iterator[str]:
    """One command a line: errors for slower, over budget and not measured, warnings for undecided."""
    decision = told.decision
    for verdict in ordered(decision, "slower", "undecided", "faster"):
        yield _command(LEVEL[verdict.state], verdict.case, f"{verdict.state}: {verdict.reason}")
    for trouble in decision.troubles:
        yield _command("error", trouble.case, f"not measured: {trouble.reason}")
    for held in decision.budgets:
        if held.standing in ("over", "missing"):
            yield _command("error", held.case, f"{held.standing}: {budget_words(held)}")


def _command(level: str, case: str, text: str) -> str:
    path = case.partition("::")[0]
    file = f"file={_property(path)}," if path.endswith(".py") else ""
    return f"::{level} {file}title={_property(name(case))}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

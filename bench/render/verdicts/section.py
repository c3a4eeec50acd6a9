"""A gate's decision as a section of the report's page."""

from typing import Any

from bench.render.verdicts import words
from bench.render.verdicts.words import Account


def section(told: Account) -> dict[str, Any]:
    """What the page's template lays out: headline, warning, the table, and what is said below it."""
    verdicts = words.ordered(told.decision)
    return {
        "headline": words.headline(told),
        "passed": told.decision.exit_status == 0,
        "warning": words.warning(told.decision),
        "compared": f"{told.base} → {told.head}",
        "columns": words.COLUMNS,
        "rows": [
            (verdict.state, words.cells(verdict, told.decision), verdict.reason) for verdict in verdicts
        ],
        "sections": words.sections(told),
    }

"""A gate's decision as JSON."""

import json
from dataclasses import asdict
from typing import Any

from bench.analyze.gate.settings import recorded
from bench.render.verdicts.words import Account, headline


def render(told: Account) -> str:
    """Everything that the other outputs say, in SI units; the run's folder has every block."""
    decision = told.decision
    document = {
        "version": 1,
        "run": told.run,
        "machine": told.machine,
        "base": told.base,
        "head": told.head,
        "exit_status": decision.exit_status,
        "headline": headline(told),
        "contaminated": decision.contaminated,
        "undecided_share": decision.undecided_share,
        "launches": told.launches,
        "spent_s": told.spent_s,
        "disturbed_share": told.disturbed_share,
        "calibrated": told.calibrated,
        "explained": dict(told.explained),
        "verdicts": [asdict(each) for each in decision.verdicts],
        "controls": [asdict(each) for each in decision.controls],
        "budgets": [_known(asdict(each)) for each in decision.budgets],
        "not_measured": [asdict(each) for each in decision.troubles],
        "skipped": [asdict(each) for each in decision.skipped],
        "benchmarks": asdict(decision.sides),
        "settings": recorded(decision.settings),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without numbers that are not known: JSON has no NaN."""
    return {key: value for key, value in fields.items() if value == value}

"""A gate's decision as JUnit XML, which every CI system shows."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from bench.analyze.gate.decision import Decision
from bench.patterns import name
from bench.render.verdicts.words import Account, budget_words

UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def render(told: Account) -> str:
    """JUnit XML: slower or over budget is a failure, not measured an error, undecided is skipped.

    A budget is a test of its own beside its case.
    """
    rows = list(_rows(told.decision))
    counts = {kind: sum(each == kind for _, each, _ in rows) for kind in ("failure", "error", "skipped")}
    plural = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    facts = {"tests": len(rows), **{plural[kind]: count for kind, count in counts.items()}}
    document = ElementTree.Element("testsuites", name="bench gate")
    suite = ElementTree.SubElement(
        document, "testsuite", {"name": "bench gate", **{key: str(value) for key, value in facts.items()}}
    )
    suite.set("time", f"{told.spent_s:.1f}")
    for case, kind, reason in rows:
        path = case.removesuffix(name(case)).removesuffix("::")
        row = ElementTree.SubElement(
            suite, "testcase", classname=_clean(path), name=_clean(name(case)), time="0"
        )
        if kind:
            ElementTree.SubElement(row, kind, message=_clean(reason))
        elif reason:
            ElementTree.SubElement(row, "system-out").text = _clean(reason)
    ElementTree.indent(document)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(document, "unicode") + "\n"


def _rows(decision: Decision) -> Iterator[tuple[str, str, str]]:
    """Case, what JUnit calls its outcome ("" for passed), and the reason."""
    undecided = "failure" if decision.settings.undecided == "fail" else "skipped"
    kinds = {"slower": "failure", "undecided": undecided}
    yield from ((each.case, kinds.get(each.state, ""), each.reason) for each in decision.verdicts)
    yield from ((each.case, "error", each.reason) for each in decision.troubles)
    yield from ((each.case, "skipped", each.reason) for each in decision.skipped)
    standings = {"over": "failure", "missing": "error", "met": "", "unclear": ""}
    for held in decision.budgets:
        kind = standings.get(held.standing, "skipped")
        yield f"{held.case} within {held.limit or 'budget'}", kind, budget_words(held)


def _clean(text: str) -> str:
    return UNSPEAKABLE.sub("?", text)

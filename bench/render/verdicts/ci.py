"""A gate's decision for other programs: JSON, JUnit XML, and the commands that mark a GitHub pull request."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from bench.analyze.estimates.confidence import of_interval
from bench.analyze.gate.decision import Decision, may_be_slower
from bench.patterns import name
from bench.records import Verdict
from bench.render.verdicts.words import GateSummary, budget_words, headline, ordered

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""

LEVEL = {"slower": "error", "undecided": "warning", "faster": "notice"}


def json_document(gate: GateSummary) -> str:
    """The decision as JSON: everything that the other outputs say, in SI units."""
    decision = gate.decision
    document = {
        "version": 1,
        "run": gate.run,
        "machine": gate.machine,
        "base": gate.base,
        "head": gate.head,
        "exit_status": decision.exit_status,
        "headline": headline(gate),
        "contaminated": decision.contaminated,
        "undecided_share": decision.undecided_share,
        "launches": gate.launches,
        "spent_s": gate.spent_s,
        "disturbed_share": gate.disturbed_share,
        "calibrated": gate.calibrated,
        "explained": dict(gate.explained),
        "verdicts": [_verdict(each) for each in decision.verdicts],
        "controls": [_verdict(each) for each in decision.controls],
        "budgets": [_without_nan(asdict(each)) for each in decision.budgets],
        "not_measured": [asdict(each) for each in decision.troubles],
        "skipped": [asdict(each) for each in decision.skipped],
        "benchmarks": asdict(decision.sides),
        "settings": asdict(decision.settings),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    change = verdict.change
    known = of_interval(change.low, change.high) if change else "unsettled"
    return {**asdict(verdict), "confidence": known}


def _without_nan(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without numbers that are not known: JSON has no NaN."""
    return {key: value for key, value in fields.items() if value == value}


def junit(gate: GateSummary) -> str:
    """JUnit XML: slower or over budget is a failure, not measured an error, undecided is skipped.

    A budget is a test of its own beside its case.
    """
    rows = list(_rows(gate.decision))
    document = ElementTree.Element("testsuites", name="bench gate")
    suite = ElementTree.SubElement(document, "testsuite", name="bench gate", tests=str(len(rows)))
    for kind, plural in {"failure": "failures", "error": "errors", "skipped": "skipped"}.items():
        suite.set(plural, str(sum(outcome == kind for _, outcome, _ in rows)))
    suite.set("time", f"{gate.spent_s:.1f}")
    for case, kind, reason in rows:
        path, test = case.removesuffix(name(case)).removesuffix("::"), name(case)
        row = ElementTree.SubElement(suite, "testcase", classname=_clean(path), name=_clean(test), time="0")
        if kind:
            ElementTree.SubElement(row, kind, message=_clean(reason))
        elif reason:
            ElementTree.SubElement(row, "system-out").text = _clean(reason)
    ElementTree.indent(document)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(document, "unicode") + "\n"


def _rows(decision: Decision) -> Iterator[tuple[str, str, str]]:
    """Case, what JUnit calls its outcome ("" for passed), and the reason."""
    for each in decision.verdicts:
        fails = decision.settings.undecided == "fail" and may_be_slower(each)
        faster = "failure" if decision.settings.faster == "fail" else ""
        kinds = {"slower": "failure", "undecided": "failure" if fails else "skipped", "faster": faster}
        yield each.case, kinds.get(each.state, ""), each.reason
    yield from ((each.case, "error", each.reason) for each in decision.troubles)
    yield from ((each.case, "skipped", each.reason) for each in decision.skipped)
    standings = {"over": "failure", "missing": "error", "met": "", "unclear": ""}
    for check in decision.budgets:
        kind = standings.get(check.standing, "skipped")
        yield f"{check.case} within {check.limit or 'budget'}", kind, budget_words(check)


def _clean(text: str) -> str:
    return NOT_IN_XML.sub("?", text)


def annotations(gate: GateSummary) -> Iterator[str]:
    """One command a line: errors for slower, over budget and not measured, warnings for undecided."""
    decision = gate.decision
    for verdict in ordered(decision, "slower", "undecided", "faster"):
        fails = verdict.state == "faster" and decision.settings.faster == "fail"
        level = "error" if fails else LEVEL[verdict.state]
        yield _command(level, verdict.case, f"{verdict.state}: {verdict.reason}")
    for trouble in decision.troubles:
        yield _command("error", trouble.case, f"not measured: {trouble.reason}")
    for check in decision.budgets:
        if check.standing in ("over", "missing"):
            yield _command("error", check.case, f"{check.standing}: {budget_words(check)}")


def _command(level: str, case: str, text: str) -> str:
    path = case.partition("::")[0]
    file = f"file={_property(path)}," if path.endswith(".py") else ""
    return f"::{level} {file}title={_property(name(case))}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

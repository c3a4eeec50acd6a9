"""The report as one HTML file that opens offline: answers first, every case's details on demand."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from bench.analyze.contests.contests import Contest
from bench.analyze.report import Report, RunReport
from bench.analyze.runs.history import CaseHistory
from bench.records import CrossingState
from bench.render import case_table, figures, history_page, sections
from bench.render.answers import Answer, answers
from bench.render.document import document, table
from bench.render.units import sortable
from bench.render.verdicts import words

UNKNOWN: dict[CrossingState, int] = {"inconclusive": 1, "not_measured": 2}
"""States of a crossing that come after the others, in this order."""

Profiled = Sequence[Mapping[str, Mapping[str, Any]]]
"""For each run its profiled cases, as `bench.render.profile.entry` describes them."""


def render(
    report: Report, drawn: Mapping[str, Mapping[str, bytes]] | None = None, profiled: Profiled = ()
) -> str:
    """The page. `drawn` are the report's figures, if `figures.draw(report)` has made them already."""
    drawn = figures.draw(report) if drawn is None else drawn
    history, answered = report.history, answers(report.choices)
    return document(
        "page.html",
        _data(report, history) | {"profiles": _profiles(report, profiled)},
        report=report,
        answers=answered,
        pictures={name: Markup(forms["svg"].decode()) for name, forms in drawn.items()},
        suites=sections.suites(report),
        runs=[sections.run(part) for part in report.runs],
        gates=[_gate(part) for part in report.runs if part.gate],
        troubled=sections.troubled(report.cases),
        profiled=[entry for of_run in profiled for entry in of_run.values()],
        counts=report.cases["status"].value_counts().to_dict(),
        evidence=_evidence(report, answered),
        day=sections.day,
        history=history,
        changes=history_page.places(history),
        shared=history_page.shared(history),
        projection=report.projection,
        means=sections.means(report.projection) if report.projection else "",
    )


def _data(report: Report, history: Sequence[CaseHistory]) -> dict[str, Any]:
    """What the script draws tables and details from. Numbers are there twice: as text, and to sort by."""
    rows, keys = report.cases.to_dict("records"), case_keys(report)
    cases = [
        {"key": key, "suite": row["suite"], "cells": case_table.cells(row, len(report.runs) > 1)}
        for key, row in zip(keys, rows, strict=True)
    ]
    budget = max(case_table.MAX_POINTS // max(len(cases), 1), 4)
    series, runs = history_page.series_table(history)
    projection = {"projection": sections.projection_table(report.projection)} if report.projection else {}
    return {
        "runs": runs,
        "tables": {
            "series": series,
            **projection,
            "case": table("cases", case_table.COLUMNS, cases, "time"),
            "contest": table("crossovers", sections.CROSSING_COLUMNS, _contests(report, keys), "where"),
        },
        "facts": case_table.facts(report, rows),
        "blocks": [each for part in report.runs for each in case_table.block_codes(part, budget)],
        "simulated": bool(report.simulated),
    }


def _profiles(report: Report, profiled: Profiled) -> list[str | None]:
    """For each row of the report's cases the address of its profile, or None."""
    return [
        of_run.get(case, {}).get("href")
        for part, of_run in zip(report.runs if profiled else (), profiled, strict=True)
        for case in part.cases["case"]
    ]


def case_keys(report: Report) -> list[str]:
    """What each row of the report's cases is called and linked by: its id, side, and run where several."""
    return [
        str(case) + (f" ({side})" if side else "") + (f" · run {number}" if len(report.runs) > 1 else "")
        for number, part in enumerate(report.runs, start=1)
        for case, side in zip(part.cases["case"], part.cases["side"], strict=True)
    ]


def _contests(report: Report, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Every contest's row and details, its evidence as keys of cases; what is known comes first.

    The key of a row is its place in `report.contests`.
    """
    left = iter(keys)
    key_of = [dict(zip(part.cases["case"], left, strict=False)) for part in report.runs]
    parts = zip(report.runs, key_of, strict=True)
    rows = [_contest(contest, of_run) for part, of_run in parts for contest in part.contests]
    for each in report.across:
        cases = report.runs[each.processor].cases
        on_processor = {
            case: key_of[each.processor][case] for case in cases["case"][cases["device"] == "cpu"]
        }
        rows.append(_contest(each.contest, key_of[each.accelerator] | on_processor))
    states = [contest.crossing.state for contest in report.contests]
    known_first = sorted(range(len(rows)), key=lambda position: UNKNOWN.get(states[position], 0))
    return [{"key": str(position), **rows[position]} for position in known_first]


def _contest(contest: Contest, keys: Mapping[str, str]) -> dict[str, Any]:
    crossing = contest.crossing
    return {
        "cells": sections.crossing_cells(contest),
        "suite": contest.suite,
        "axis": crossing.axis,
        "pair": [crossing.incumbent, crossing.challenger],
        "low": sortable(crossing.low or np.nan),
        "high": sortable(crossing.high or np.nan),
        "points": [
            [sortable(value) for value in point]
            for point in zip(contest.sizes, contest.ratio, contest.ratio_low, contest.ratio_high, strict=True)
        ],
        "reuses": [math.ceil(each) if math.isfinite(each) else None for each in contest.reuses],
        "evidence": [keys[case] for case in crossing.evidence],
    }


def _evidence(report: Report, answered: Sequence[Answer]) -> list[str]:
    """For each answer the key of its contest, which is its evidence."""
    sought = {id(contest): str(position) for position, contest in enumerate(report.contests)}
    return [sought[id(answer.contest)] for answer in answered]


def _gate(part: RunReport) -> dict[str, Any]:
    """A gate's decision: headline, warning, the table of cases, and what is said below it."""
    gate = words.summary(part)
    decision = gate.decision
    return {
        "headline": words.headline(gate),
        "passed": decision.exit_status == 0,
        "warning": words.warning(decision),
        "compared": f"{gate.base} → {gate.head}",
        "columns": words.COLUMNS,
        "rows": [(each.state, words.cells(each, decision), each.reason) for each in words.ordered(decision)],
        "sections": words.sections(gate),
    }

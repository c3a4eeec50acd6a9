"""The report as one HTML file that opens offline: answers first, every case's details on demand."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from bench import patterns
from bench.analyze.contests.contests import Contest
from bench.analyze.report import Report, RunReport
from bench.analyze.runs.history import CaseHistory
from bench.records import CrossingState
from bench.render import case_table, figures, history_page, sections
from bench.render.decisions.pitfalls import Told, told
from bench.render.decisions.rows import CONFIDENCES
from bench.render.decisions.table import decisions, differences
from bench.render.document import document, table
from bench.render.figures import Drawn
from bench.render.parts import matrix, trust
from bench.render.parts.warnings import Ranked, ranked
from bench.render.units import sortable
from bench.render.verdicts import words
from bench.storage.tables import parameters

UNKNOWN: dict[CrossingState, int] = {"inconclusive": 1, "not_measured": 2}
"""States of a crossing that come after the others, in this order."""

FIGURE = (
    '<figure><div class="picture" role="img" aria-label="{}" data-figure="{}" style="--wide: {}px">{}</div>'
    "</figure>"
)

Profiled = Sequence[Mapping[str, Mapping[str, Any]]]
"""For each run its profiled cases, as `bench.render.profile.entry` describes them."""


def render(report: Report, drawn: Mapping[str, Drawn] | None = None, profiled: Profiled = ()) -> str:
    """The page. `drawn` are the report's figures, if `figures.draw(report)` has made them already."""
    drawn = figures.draw(report) if drawn is None else drawn
    history, keys = report.history, case_keys(report)
    warned = [ranked(part.cases) for part in report.runs]
    address = {id(each): position for position, each in enumerate(report.contests)}
    data = _data(report, history, keys, warned) | {"profiles": _profiles(report, profiled)}
    data |= {"figures": _marks(report, drawn, keys)}
    return document(
        "page.html",
        data,
        report=report,
        decisions=decisions(report),
        address=lambda contest: address[id(contest)],
        confidences=CONFIDENCES,
        slow=_slow(report, keys),
        differences=differences(report),
        pictures={name: _picture(name, each) for name, each in drawn.items()},
        suites=sections.suites(report, drawn),
        matrices=matrix.matrices(report.choices),
        listed=sum(not matrix.placed(contest) for contest in report.contests),
        runs=_runs(report, keys, warned),
        gates=[_gate(part) for part in report.runs if part.gate],
        troubled=sections.troubled(report.cases.assign(case=keys)),
        profiled=[entry for of_run in profiled for entry in of_run.values()],
        counts=report.cases["status"].value_counts().to_dict(),
        day=sections.day,
        history=history,
        changes=history_page.places(history),
        shared=history_page.shared(history),
        projection=report.projection,
        means=sections.means(report.projection) if report.projection else "",
    )


def _slow(report: Report, keys: Sequence[str]) -> list[tuple[str, Told, list[tuple[str, str]]]]:
    """What is slow: the run's name where there are several, the words, and the cases' addresses."""
    slow, first = [], 0
    for part in report.runs:
        key_of = dict(zip(part.cases["case"], keys[first:], strict=False))
        for found in map(told, part.pitfalls):
            slow.append((part.name, found, [(patterns.name(case), key_of[case]) for case in found.cases]))
        first += len(part.cases)
    return slow


def _runs(report: Report, keys: Sequence[str], warned: Sequence[Ranked]) -> list[dict[str, Any]]:
    """What the page says of each run: its line at the top, and the details of trust; cases by their keys."""
    told, first = [], 0
    for part, known in zip(report.runs, warned, strict=True):
        said, of_run = sections.run(part), keys[first : first + len(part.cases)]
        warnings = [(kind, [of_run[row] for row in kind.rows]) for kind in known.kinds]
        remarks = [doubt for doubt in said["doubts"] if doubt not in said["alarms"]]
        told.append(said | {
            "line": trust.line(part), "remarks": remarks, "warnings": warnings,
            "trust": trust.facts(part, known), "spent": trust.spent(part), "checks": part.run.checks,
        })  # fmt: skip
        first += len(part.cases)
    return told


def _data(
    report: Report, history: Sequence[CaseHistory], keys: Sequence[str], warned: Sequence[Ranked]
) -> dict[str, Any]:
    """What the script draws tables and details from. Numbers are there twice: as text, and to sort by."""
    rows = report.cases.to_dict("records")
    cases = _cases(report, keys, rows, warned)
    budget = max(case_table.MAX_POINTS // max(len(cases), 1), 4)
    texts, facts = case_table.numbered(case_table.facts(report, rows))
    series, runs = history_page.series_table(history)
    projection = {"projection": sections.projection_table(report.projection)} if report.projection else {}
    return {
        "runs": runs,
        "tables": {
            "series": series,
            **projection,
            "case": table("cases", case_table.COLUMNS, cases, "time", "parameters"),
            "contest": table("crossovers", sections.CROSSING_COLUMNS, _contests(report, keys), "where"),
        },
        "families": {suite["name"]: suite["title"] for suite in sections.suites(report, {})},
        "accelerators": sorted({*report.cases["device"]} - {"cpu"}),
        "texts": texts,
        "facts": facts,
        "blocks": [each for part in report.runs for each in case_table.block_codes(part, budget)],
        "simulated": bool(report.simulated),
    }


def _cases(
    report: Report, keys: Sequence[str], rows: Sequence[Mapping[Any, Any]], warned: Sequence[Ranked]
) -> list[dict[str, Any]]:
    """Every case's row, with a "sign" where a reader should act on a warning; those without a time are
    folded: the page has them by their reasons.
    """
    names, several = parameters(report.cases), len(report.runs) > 1
    signs = [each for known in warned for each in known.acts]
    return [
        {"key": key, "suite": row["suite"], "cells": case_table.cells(row, names, several)}
        | ({"sign": 1} if sign else {})
        | ({} if row["blocks"] else {"folded": 1})
        for key, row, sign in zip(keys, rows, signs, strict=True)
    ]


def _picture(name: str, drawn: Drawn) -> Markup:
    """A figure as it stands on the page; `figures.js` makes it answer."""
    label = f"Figure {name}; the tables have its numbers, and arrow keys go through its points"
    return Markup(FIGURE).format(label, name, drawn.wide, Markup(drawn.svg.decode()))


def _marks(report: Report, drawn: Mapping[str, Drawn], keys: Sequence[str]) -> dict[str, list[list[Any]]]:
    """The points of every figure: where each stands, from 0 to 1, what it says, and the key of its case."""
    left = iter(keys)
    key_of = [dict(zip(part.cases["case"], left, strict=False)) for part in report.runs]
    return {
        name: [
            [round(mark.x, 4), round(mark.y, 4), mark.name, mark.told, key_of[each.run].get(mark.case, "")]
            for mark in each.marks
        ]
        for name, each in drawn.items()
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
        **({"folded": 1} if matrix.placed(contest) else {}),
        "note": crossing.reason,
        "axis": crossing.axis,
        "pair": sections.pair(contest),
        "low": sortable(crossing.low or np.nan),
        "high": sortable(crossing.high or np.nan),
        "points": [
            [sortable(value) for value in point]
            for point in zip(contest.sizes, contest.ratio, contest.ratio_low, contest.ratio_high, strict=True)
        ],
        "reuses": [math.ceil(each) if math.isfinite(each) else None for each in contest.reuses],
        "evidence": [keys[case] for case in crossing.evidence],
    }


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

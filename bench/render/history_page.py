"""Histories for people: what changed between which runs and commits, as lines, and as a page of courses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analyze.estimates.changes import DOUBLED, bounds, change
from bench.analyze.runs.history import CaseHistory, Shift
from bench.render.document import document, table
from bench.render.sections import day
from bench.render.units import percent, quantity, sortable

COLUMNS = ("case", "device", "runs", "latest", "since the first", "changes", "last change", "where")

WHEN = {"step": "step at", "creep": "creep until"}

MAX_POINTS = 60_000
"""Runs drawn in the whole page; beyond it every series keeps an evenly spread share of its own."""


@dataclass(frozen=True)
class Place:
    """A place in time at which series changed, with every case that changed there."""

    where: str
    cases: tuple[tuple[str, str], ...]


def lines(histories: Sequence[CaseHistory]) -> list[str]:
    """What changed, for a terminal."""
    if not histories:
        return ["No case was timed in two runs that are alike: there is no history yet."]
    changed = sum(bool(each.shifts) for each in histories)
    longest = max((len(series.runs) for series in histories), default=0)
    text = [f"{len(histories)} series of up to {longest} runs: {changed} changed.", *shared(histories)]
    for place in places(histories):
        text += ["", place.where, *(f"  {sentence}" for _, sentence in place.cases)]
    return text


def shared(histories: Sequence[CaseHistory]) -> list[str]:
    """What all cases of a run share, in a sentence; none where nothing was taken out."""
    found = [pair for each in histories for pair in zip(each.shared, each.runs, strict=True) if pair[0] != 1]
    if not found:
        return []
    ratio, run = max(found, key=lambda pair: abs(np.log(pair[0])))
    runs = len({run for _, run in found})
    return [f"Less what all cases of a run share, the machine's pace: in {runs} runs, at most "
            f"{change(float(ratio))}, in {run}."]  # fmt: skip


def page(histories: Sequence[CaseHistory], folder: str) -> str:
    """The page of a folder's history."""
    runs = len({run for each in histories for run in each.runs})
    series, names = series_table(histories)
    data = {"tables": {"series": series}, "runs": names, "simulated": False}
    facts: dict[str, Any] = {"folder": folder, "runs": runs, "series": len(histories)}
    facts |= {"changes": places(histories), "shared": shared(histories)}
    return document("history.html", data, **facts)


def places(histories: Sequence[CaseHistory]) -> list[Place]:
    """Every place with changes, the largest change first."""
    by_place: dict[str, list[tuple[float, str, str]]] = {}
    for key, series in _keyed(histories):
        for shift in series.shifts:
            sentences = by_place.setdefault(_where(series, shift), [])
            sentences.append((abs(np.log(shift.ratio)), key, f"{_name(series)} {_how(shift)}"))
    for sentences in by_place.values():
        sentences.sort(reverse=True)
    ordered = sorted(by_place.items(), key=lambda item: -item[1][0][0])
    return [Place(where, tuple(change[1:] for change in changes)) for where, changes in ordered]


def _keyed(histories: Sequence[CaseHistory]) -> Iterator[tuple[str, CaseHistory]]:
    """Every series with a key: its case, and a number where the case has several histories."""
    count: dict[str, int] = {}
    for series in histories:
        count[series.case] = number = count.get(series.case, 0) + 1
        yield series.case + (f" · {number}" if number > 1 else ""), series


def _name(series: CaseHistory) -> str:
    return series.case.partition("::")[2] or series.case


def _how(shift: Shift) -> str:
    """The change as "12 % slower (95 %: 9 % to 15 %)", or "3.2 × as long (95 %: 2.9 × to 3.6 ×)"."""
    if shift.ratio >= DOUBLED:
        return f"{change(shift.ratio)} as long (95 %: {bounds(shift.low, shift.high)})"
    ends = sorted(abs(ratio - 1) for ratio in (shift.low, shift.high))
    word = "slower" if shift.ratio > 1 else "faster"
    return f"{percent(abs(shift.ratio - 1))} {word} (95 %: {percent(ends[0])} to {percent(ends[1])})"


def _where(series: CaseHistory, shift: Shift) -> str:
    before, after = _run(series, shift.before), _run(series, shift.after)
    if shift.kind == "step":
        return f"Between {before} and {after}:"
    return f"Little by little, over {shift.after - shift.before} runs from {before} to {after}:"


def _run(series: CaseHistory, position: int) -> str:
    commit = series.commits[position][:10] or "unknown"
    return f"{series.runs[position]} (commit {commit}, {day(series.created[position]).partition(',')[0]})"


def series_table(histories: Sequence[CaseHistory]) -> tuple[dict[str, Any], list[list[str]]]:
    """The table of series as `document` takes it, and the runs that its points name: name, day, commit."""
    runs: dict[str, int] = {}
    named: list[list[str]] = []
    rows = []
    budget = max(MAX_POINTS // max(len(histories), 1), 10)
    for key, series in _keyed(histories):
        for run, created, commit in zip(series.runs, series.created, series.commits, strict=True):
            if run not in runs:
                runs[run] = len(named)
                named.append([run, day(created).partition(",")[0], commit[:10]])
        rows.append({"key": key, **_row(series, runs, budget)})
    return table("series", COLUMNS, rows, "last change"), named


def _row(series: CaseHistory, runs: dict[str, int], budget: int) -> dict[str, Any]:
    kept = _kept(series, budget)
    position = {each: number for number, each in enumerate(kept)}
    total = series.levels_s[-1] / series.levels_s[0]
    last = series.shifts[-1] if series.shifts else None
    return {
        "cells": [
            _name(series),
            series.device,
            [str(len(series.runs)), len(series.runs)],
            [quantity(series.median_s[-1], "s"), float(series.median_s[-1])],
            [change(total) if total != 1 else "", total],
            [str(len(series.shifts) or ""), len(series.shifts)],
            [change(last.ratio), last.ratio] if last else ["", None],
            f"{WHEN[last.kind]} {series.runs[last.after]}" if last else "",
        ],
        "told": [f"{_where(series, shift)} {_how(shift)}." for shift in series.shifts],
        "setting": list(series.setting.items()),
        "bars": [[position[shift.before], position[shift.after]] for shift in series.shifts],
        "points": [
            [runs[series.runs[each]], *(sortable(values[each]) for values in
             (series.median_s, series.low_s, series.high_s, series.levels_s))]
            for each in kept
        ],
    }  # fmt: skip


def _kept(series: CaseHistory, budget: int) -> list[int]:
    """Positions that are drawn: all, or an even share and both sides of every change."""
    count = len(series.runs)
    if count <= budget:
        return list(range(count))
    around = {each for shift in series.shifts for each in (shift.before, shift.after)}
    return sorted({*np.linspace(0, count - 1, budget).round().astype(int).tolist(), *around})

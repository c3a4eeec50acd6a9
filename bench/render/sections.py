"""The parts of a report in words: shared by the page and the summary."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from bench import patterns
from bench.analyze.contests.contests import Contest
from bench.analyze.estimates import changes
from bench.analyze.estimates.doubts import failed_checks, gist
from bench.analyze.report import Report, RunReport
from bench.analyze.runs.projection import Cell, Projection
from bench.events import End
from bench.records import CrossingState
from bench.render import contradictions
from bench.render.answers import circumstances, words
from bench.render.document import table
from bench.render.units import count, estimate, half_width, percent, quantity

MAX_NAMES = 3
"""Cases named in a line; the others are counted."""

SPENT = {"timed": "timed blocks", "warmup": "warm-up", "setup": "set-up", "other": "waiting and planning"}
"""What a run's time is spent on, where its name is not how people call it."""

CROSSING_COLUMNS = ("operation", "with", "from → to", "timed", "outcome", "where", "note")

OUTCOMES: dict[CrossingState, str] = {
    "crosses_at": "{challenger} overtakes", "multiple": "{challenger} overtakes, more than once",
    "always_faster": "{challenger} throughout", "never": "{incumbent} throughout",
    "equal": "no difference that matters", "inconclusive": "not settled", "not_measured": "not measured",
}  # fmt: skip


def suites(report: Report) -> list[dict[str, Any]]:
    """Every suite in the order collected: its name, its title and the figures that belong to it."""
    prefixes = [f"{i}-" for i in range(len(report.runs))] if len(report.runs) > 1 else [""]
    return [
        {"name": name, "title": _title(name), "figures": [f"{prefix}{name}" for prefix in prefixes]}
        for name in dict.fromkeys(report.cases["suite"])
    ]


def _title(suite: str) -> str:
    words = suite.removeprefix("test_").split("_")
    number = words.pop(0).lstrip("0") + ". " if words[0].isdigit() else ""
    return number + " ".join(words)


def crossing_cells(contest: Contest) -> list[Any]:
    """One row of the crossovers' table: text, or [text, what to sort by]."""
    crossing = contest.crossing
    timed = crossing.definition.replace("throughput", "back to back").replace("latency", "one call")
    return [
        words(crossing.operation),
        circumstances(crossing),
        f"{crossing.incumbent} → {crossing.challenger}",
        timed.replace("_", " "),
        OUTCOMES[crossing.state].format(incumbent=crossing.incumbent, challenger=crossing.challenger),
        [_where(contest), crossing.size],
        crossing.reason,
    ]


def _where(contest: Contest) -> str:
    crossing = contest.crossing
    if crossing.size is None or crossing.low is None or crossing.high is None:
        return "–"
    size, low, high = (count(float(f"{each:.3g}")) for each in (crossing.size, crossing.low, crossing.high))
    return f"{crossing.axis} ≈ {size} ({low} to {high})"


def projection_table(projection: Projection) -> dict[str, Any]:
    """Runs side by side as `document` takes a table: a time for each column, and the later ones' changes."""
    heads = [", ".join(projection.rows)]
    for position, name in enumerate(projection.column_names):
        heads += [name or "–", *(["against the first"] if position else [])]
    rows = zip(projection.row_names, projection.cells, strict=True)
    cells = [{"cells": [name, *projection_cells(row)]} for name, row in rows]
    return table("runs side by side", heads, cells)


def projection_cells(row: Sequence[Cell | None]) -> list[Any]:
    """A row's times and changes: each text and what to sort by."""
    cells: list[Any] = []
    for position, cell in enumerate(row):
        time = estimate(cell.median_s, cell.low_s, cell.high_s) if cell else "–"
        cells.append([time, cell.median_s if cell else None])
        if position:
            cells.append([change(cell.ratio), cell.ratio[0]] if cell and cell.ratio else ["–", None])
    return cells


def change(ratio: tuple[float, float, float]) -> str:
    """A ratio of times as a change, with half its interval; "~" where the interval holds no change."""
    middle, low, high = ratio
    if not low > 1 and not high < 1:
        return "~"
    return f"{changes.change(middle)} {half_width(low, high)}"


def means(projection: Projection) -> str:
    """The geometric means of the columns' ratios to the first."""
    means = zip(projection.column_names, projection.means, strict=True)
    ratios = [f"{name}: {mean:.3g} times" for name, mean in means if mean is not None]
    first = projection.column_names[0] if projection.column_names else ""
    return f"Geometric mean of the times against {first}: {', '.join(ratios)}." if ratios else ""


def troubled(cases: pd.DataFrame) -> dict[str, list[tuple[str, list[str]]]]:
    """Cases without a figure: for failed (and timed out) and for skipped ones, each reason and its cases.

    Reasons that differ in their numbers alone are one: the first stands for all.
    """
    by_heading: dict[str, list[tuple[str, list[str]]]] = {}
    for heading, states in {"failed": ["failed", "timeout"], "skipped": ["skipped"]}.items():
        of_state = cases[cases["status"].isin(states)]
        with_reason = of_state.assign(reason=of_state["reason"].astype("str").map(gist))
        alike = with_reason["reason"].str.replace(r"\d[\d.]*", "#", regex=True)
        by_heading[heading] = [
            (str(group["reason"].iat[0]) or "no reason given", list(group["case"]))
            for _, group in with_reason.groupby(alike, sort=False)
        ]
    return by_heading


def trouble_lines(by_heading: Mapping[str, list[tuple[str, list[str]]]]) -> tuple[str, ...]:
    """The same for a terminal, a line a reason, as in "failed: test_bad: KeyError: 'missing'"."""
    lines = []
    for heading, reasons in by_heading.items():
        for reason, cases in reasons:
            more = f" and {len(cases) - MAX_NAMES} more" if len(cases) > MAX_NAMES else ""
            lines.append(f"{heading}: {', '.join(map(patterns.name, cases[:MAX_NAMES]))}{more}: {reason}")
    return tuple(lines)


def run(part: RunReport) -> dict[str, Any]:
    """What a report says of a run beside its figures."""
    return {
        "name": part.run.name,
        "created": part.run.header.created,
        "machine": part.run.machine,
        "commit": _commit(part.run.header.commit),
        "preset": part.run.header.arguments.get("preset", ""),
        "doubts": _doubts(part),
        "trust": _trust(part),
        "spent": spent(part),
        "checks": part.run.checks,
        "environment": list(flat(part.run.environment)),
    }


def day(created: str) -> str:
    """An instant as people write it, in UTC."""
    return f"{datetime.fromisoformat(created):%-d %B %Y, %H:%M} UTC" if created else ""


def _commit(commit: Mapping[str, Any]) -> str:
    if not commit.get("id"):
        return ""
    return str(commit["id"])[:10] + (" with changes not committed" if commit.get("dirty") else "")


def _doubts(part: RunReport) -> list[str]:
    """What concerns the whole run: failed self-checks first, then notes, then what does not add up."""
    sentences = [
        f"self-check failed on {device}: {', '.join(names)}; its device columns are untrusted"
        for device, names in failed_checks(part.run).items()
    ]
    sentences += [note.text for note in part.run.notes if note.level != "info"]
    if part.run.end is None or not part.run.end.complete:
        sentences.append("the run was cut short: go on with it by --resume")
    sentences += [
        f"{each.operation} ({each.basis}): faster with {_moved(each.more)} at {each.axis} = {each.size:g} "
        f"than {_moved(each.less)}"
        for each in part.disorders
    ]
    return sentences + contradictions.sentences(part)


def _moved(form: str) -> str:
    return words(form) if form else "its data in place"


def _trust(part: RunReport) -> list[tuple[str, str]]:
    """How far the run can be trusted, in numbers."""
    quality, run = part.analyzed.quality, part.run
    half, end = quality.half_width, run.end or End()
    facts = [
        ("launches of each case", f"{quality.launches_of_case:g}" if quality.cases else "none"),
        ("launches", starts(part)),
        ("blocks timed", f"{count(quality.blocks)}, {percent(quality.disturbed_share)} of them disturbed"),
        ("blocks at another pace", _off_pace(quality.off_pace_share)),
        ("cases too noisy to know", f"{quality.noisy} of {quality.cases}"),
        ("cases with a warning", f"{quality.warned} of {quality.cases}"),
        ("interval of the median case", half_width(1 / (1 + half), 1 + half)),
        ("load before and after",
         " and ".join(_load(load) for load in (end.load_before, end.load_after) if load is not None)),
        ("priority of what was timed", _priority(run.environment.get("worker_nice"))),
        ("self-checks passed", f"{quality.passed_checks} of {quality.checks}"),
    ]  # fmt: skip
    facts += contradictions.facts(part)
    facts += [(note.name, note.text.removeprefix(f"{note.name}: ")) for note in run.notes if note.name]
    return [(name, text) for name, text in facts if text and text != "0 of 0"]


def _load(averages: float | Sequence[float]) -> str:
    """The load over the last minute, out of what the system tells of several spans."""
    return f"{averages if isinstance(averages, int | float) else averages[0]:.2g}"


def _priority(nice: int | None) -> str:
    """How urgent workers were, beside other programs; "" where an old run does not tell."""
    if nice is None:
        return ""
    return f"raised, nice {nice}: others wait" if nice < 0 else f"as other programs', nice {nice}"


def _off_pace(share: float | None) -> str:
    """How many blocks the processor made at another pace than most: a neighbour on its core, or its clock."""
    if share is None:
        return ""
    return percent(share) if math.isfinite(share) else "no pace prevailed"


def starts(part: RunReport) -> str:
    """How launches were started, and why not all were forked; "" where an old run does not tell."""
    seen = part.analyzed.starts
    forked = (
        [f"{seen.forked} forked from {seen.templates} template{'s' * (seen.templates != 1)}"]
        if seen.forked
        else []
    )
    return "; ".join([*forked, *(f"{number} started fresh: {why}" for why, number in seen.fresh.items())])


def spent(part: RunReport) -> list[tuple[str, str, float]]:
    """How the run's time was spent: what on, how long, and which share."""
    seconds = part.run.end.spent_s if part.run.end else {}
    total, some = sum(seconds.values()), {name: each for name, each in seconds.items() if each}
    return [(SPENT.get(name, name), quantity(each, "s"), each / total) for name, each in some.items()]


def flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as pairs of a dotted name and text."""
    pairs: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            pairs += flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            pairs += flat({str(position): each for position, each in enumerate(value)}, f"{prefix}{name}.")
        elif value not in (None, "", [], {}):
            pairs.append((prefix + name, quantity(value, "B") if name.endswith("_bytes") else str(value)))
    return pairs

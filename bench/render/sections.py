"""The parts of a report in words: shared by the page and the summary."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from bench import patterns
from bench.analyze.contests.contests import Contest
from bench.analyze.contests.order import Disorder
from bench.analyze.estimates import changes
from bench.analyze.estimates.doubts import failed_checks, gist
from bench.analyze.names import circumstances, contender, count, short, words
from bench.analyze.report import Report, RunReport
from bench.analyze.runs.projection import Cell, Projection
from bench.records import CrossingState
from bench.render import contradictions
from bench.render.document import table
from bench.render.figures import Drawn
from bench.render.units import estimate, half_width, quantity

BASES = {"latency": "one call and its wait", "throughput": "back to back"}
"""What is timed, as people call it."""

MAX_NAMES = 3
"""Cases named in a line; the others are counted."""

CROSSING_COLUMNS = ("operation", "with", "contenders", "timed", "outcome", "where")

OUTCOMES: dict[CrossingState, str] = {
    "crosses_at": "{challenger} overtakes", "multiple": "{challenger} overtakes, more than once",
    "always_faster": "{challenger} throughout", "never": "{incumbent} throughout",
    "equal": "no difference that matters", "inconclusive": "not settled", "not_measured": "not measured",
}  # fmt: skip


def suites(report: Report, drawn: Mapping[str, Drawn]) -> list[dict[str, Any]]:
    """Every suite in the order collected: its name, its title and its figures, those that answer first.

    A figure with the data moved shows what the one without it does, which is left to the folder `figures`.
    """
    shown = {name: each for name, each in drawn.items() if f"{name}_moved" not in drawn}
    return [
        {
            "name": suite,
            "title": title(suite),
            "figures": sorted(
                (name for name, each in shown.items() if each.suite == suite),
                key=lambda name: not shown[name].answer,
            ),
        }
        for suite in dict.fromkeys(report.cases["suite"])
    ]


def title(suite: str) -> str:
    words = suite.removeprefix("test_").split("_")
    number = words.pop(0).lstrip("0") + ". " if words[0].isdigit() else ""
    return number + " ".join(words)


def crossing_cells(contest: Contest) -> list[Any]:
    """One row of the crossovers' table: text, or [text, what to sort by]."""
    crossing = contest.crossing
    incumbent, challenger = pair(contest)
    timed = crossing.definition.replace("throughput", "back to back").replace("latency", "one call")
    return [
        words(crossing.operation),
        circumstances(crossing),
        f"{incumbent}, {challenger}",
        timed.replace("_", " "),
        OUTCOMES[crossing.state].format(incumbent=incumbent, challenger=challenger),
        [_where(contest), crossing.size],
    ]


def pair(contest: Contest) -> tuple[str, str]:
    """Incumbent and challenger as people call them."""
    crossing = contest.crossing
    return contender(contest.between, crossing.incumbent), contender(contest.between, crossing.challenger)


def _where(contest: Contest) -> str:
    crossing = contest.crossing
    if crossing.size is None or crossing.low is None or crossing.high is None:
        return "–"
    size, low, high = (count(float(f"{each:.3g}")) for each in (crossing.size, crossing.low, crossing.high))
    return f"{words(crossing.axis)} ≈ {size} ({low}–{high})"


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

    Reasons that differ in their numbers alone are one: the first stands for all, and that is said.
    """
    by_heading: dict[str, list[tuple[str, list[str]]]] = {}
    for heading, states in {"failed": ["failed", "timeout"], "skipped": ["skipped"]}.items():
        of_state = cases[cases["status"].isin(states)]
        with_reason = of_state.assign(reason=of_state["reason"].astype("str").map(gist))
        alike = with_reason["reason"].str.replace(r"\d[\d.]*", "#", regex=True)
        by_heading[heading] = [
            (_of_all(group["reason"]), list(group["case"]))
            for _, group in with_reason.groupby(alike, sort=False)
        ]
    return by_heading


def _of_all(alike: pd.Series) -> str:
    first = str(alike.iat[0]) or "no reason given"
    return f"{first} (other numbers in others)" if alike.nunique() > 1 else first


def trouble_lines(by_heading: Mapping[str, list[tuple[str, list[str]]]]) -> tuple[str, ...]:
    """The same for a terminal, a line a reason, as in "failed: test_bad: KeyError: 'missing'"."""
    lines = []
    for heading, reasons in by_heading.items():
        for reason, cases in reasons:
            more = f" and {len(cases) - MAX_NAMES} more" if len(cases) > MAX_NAMES else ""
            lines.append(f"{heading}: {', '.join(map(_named, cases[:MAX_NAMES]))}{more}: {reason}")
    return tuple(lines)


def _named(case: str) -> str:
    return short(patterns.name(case))


def run(part: RunReport) -> dict[str, Any]:
    """What a report says of a run beside its figures."""
    return {
        "name": part.run.name,
        "created": part.run.header.created,
        "machine": part.run.machine,
        "commit": _commit(part.run.header.commit),
        "preset": part.run.header.arguments.get("preset", ""),
        "alarms": alarms(part),
        "doubts": _doubts(part),
        "environment": list(flat(part.run.environment)),
    }


def day(created: str) -> str:
    """An instant as people write it, in UTC."""
    return f"{datetime.fromisoformat(created):%-d %B %Y, %H:%M} UTC" if created else ""


def _commit(commit: Mapping[str, Any]) -> str:
    if not commit.get("id"):
        return ""
    return str(commit["id"])[:10] + (" with changes not committed" if commit.get("dirty") else "")


def alarms(part: RunReport) -> list[str]:
    """What makes a whole device's numbers untrusted: failed self-checks."""
    return [
        f"self-check failed on {device}: {', '.join(names)}; its device columns are untrusted"
        for device, names in failed_checks(part.run).items()
    ]


def _doubts(part: RunReport) -> list[str]:
    """What concerns the whole run: failed self-checks first, then notes, then what does not add up."""
    sentences = alarms(part)
    sentences += [note.text for note in part.run.notes if note.level != "info"]
    if part.run.end is None or not part.run.end.complete:
        sentences.append("the run was cut short: go on with it by --resume")
    sentences += map(_disorder, part.disorders)
    return sentences + contradictions.sentences(part)


def _disorder(each: Disorder) -> str:
    where = f"{words(each.axis)} = {count(each.size)}"
    return (
        f"{words(each.operation)} ({BASES[each.basis]}): faster with {_moved(each.more)} at {where} "
        f"than {_moved(each.less)}"
    )


def _moved(form: str) -> str:
    return words(form) if form else "its data in place"


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

"""How far a run can be trusted: one line at the top of the page, and what it rests on further down."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.analyze.analyzed import Quality
from bench.analyze.names import count
from bench.analyze.report import RunReport
from bench.events import End
from bench.render import contradictions
from bench.render.parts.warnings import Ranked
from bench.render.units import half_width, percent, quantity

SPENT = {"timed": "timed blocks", "warmup": "warm-up", "setup": "set-up", "other": "waiting and planning"}
"""What a run's time is spent on, where its name is not how people call it."""

STEADY = 0.01
"""Share of blocks at another pace up to which the machine's pace is called steady."""


def line(part: RunReport) -> dict[str, Any]:
    """The line at the top: on what was measured and how, how well it is known, and what that rests on."""
    run, quality = part.run, part.analyzed.quality
    complete = run.end is not None and run.end.complete
    about = [
        run.machine or "unnamed machine",
        f"{run.header.arguments['preset']} preset" if run.header.arguments.get("preset") else "",
        duration(quality.spent_s) if complete else "cut short",
    ]
    return {
        "about": [text for text in about if text],
        "confidence": quality.confidence,
        "rests_on": [text for text in _rests_on(quality) if text] if quality.cases else ["nothing was timed"],
    }


def _rests_on(quality: Quality) -> list[str]:
    half, launches = quality.half_width, quality.launches_of_case
    width = half_width(1 / (1 + half), 1 + half)
    failed = quality.checks - quality.passed_checks
    return [
        f"{failed} self-check{'s' * (failed != 1)} failed" if failed else "",
        f"{percent(quality.counted_share)} of blocks counted" if quality.blocks else "",
        f"median case {width}" if math.isfinite(half) else "no interval for the median case",
        f"{percent(quality.solid_share)} of cases solid",
        f"{launches:g} launch{'es' * (launches != 1)} a case",
        _pace(quality.off_pace_share),
    ]


def _pace(share: float | None) -> str:
    """How steadily the machine ran, and that estimates are without it; "" where an old run does not tell."""
    if share is None:
        return ""
    if not math.isfinite(share):
        return "no steady pace: taken out"
    return "steady pace" if share <= STEADY else f"{percent(share)} of blocks at another pace: taken out"


def duration(seconds: float) -> str:
    """A run's length as people say it: "5 min 30 s"."""
    if seconds < 60:
        return quantity(seconds, "s", 2)
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" + (f" {rest} s" if rest else "")


def facts(part: RunReport, ranked: Ranked) -> list[tuple[str, str]]:
    """What the line rests on, and more, in numbers."""
    quality, run = part.analyzed.quality, part.run
    half, end = quality.half_width, run.end or End()
    pairs = [
        ("launches of each case", f"{quality.launches_of_case:g}" if quality.cases else "none"),
        ("launches", starts(part)),
        ("blocks timed", f"{count(quality.blocks)}, {percent(quality.disturbed_share)} of them disturbed"),
        ("blocks that count", percent(quality.counted_share)),
        ("blocks at another pace", _off_pace(quality.off_pace_share)),
        ("cases too noisy to know", f"{quality.noisy} of {quality.cases}"),
        ("cases with a warning of their own", f"{sum(ranked.acts)} of {quality.cases}"),
        ("interval of the median case", half_width(1 / (1 + half), 1 + half)),
        ("load before and after",
         " and ".join(_load(load) for load in (end.load_before, end.load_after) if load is not None)),
        ("priority of what was timed", _priority(run.environment.get("worker_nice"))),
        ("self-checks passed", f"{quality.passed_checks} of {quality.checks}"),
    ]  # fmt: skip
    pairs += contradictions.facts(part)
    pairs += [(note.name, note.text.removeprefix(f"{note.name}: ")) for note in run.notes if note.name]
    return [(name, text) for name, text in pairs if text and text != "0 of 0"]


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
    seconds: Mapping[str, float] = part.run.end.spent_s if part.run.end else {}
    total, some = sum(seconds.values()), {name: each for name, each in seconds.items() if each}
    return [(SPENT.get(name, name), quantity(each, "s"), each / total) for name, each in some.items()]

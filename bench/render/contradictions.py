"""What in a run contradicts itself, in words: what was checked, and what did not hold."""

from bench import patterns
from bench.analyze.estimates.beaten import Beaten
from bench.analyze.estimates.contradictions import Checking, Name
from bench.analyze.report import RunReport
from bench.render.units import quantity

MAX_NAMES = 3
"""Cases named in a sentence; the others are counted."""

CHECKS: dict[Name, str] = {
    "latency": "one call and its wait take no less than a call back to back",
    "identical": "the same call takes the same in every test",
    "ceilings": "no case beats a ceiling",
}

NOTHING = "not checked: nothing to compare"

UNITS = {"compute": "flop/s", "memory": "B/s", "transfer": "B/s", "launch": "s"}


def facts(part: RunReport) -> list[tuple[str, str]]:
    """Each check and in how many of how many figures it held."""
    order = f"{part.ordered - len(part.disorders)} of {part.ordered}" if part.ordered else NOTHING
    moved = ("the more is moved in each call, the longer it takes", order)
    return [moved, *((CHECKS[check.name], _held(check)) for check in part.analyzed.checkings)]


def _held(check: Checking) -> str:
    if not check.compared:
        return NOTHING
    odd = len({row for each in check.contradictions for row in each.rows[:1]})
    if check.name == "ceilings":
        odd = len({row for each in check.contradictions for row in each.rows})
    farthest = f"; farthest off: {check.farthest:.2f} times" if check.farthest > 1 else ""
    return f"{check.compared - odd} of {check.compared}{farthest}"


def sentences(part: RunReport) -> list[str]:
    """What did not hold: a sentence a check, and one a ceiling."""
    by_name = {check.name: check for check in part.analyzed.checkings}
    found = []
    if quicker := by_name["latency"].contradictions:
        names = _names([each.cases[0] for each in quicker])
        least = min(each.ratio for each in quicker)
        found.append(
            "one call and its wait read shorter than a call back to back, "
            f"down to {least:.2f} times, in {names}: the host's pace changed between the two"
        )
    found += [
        f"the same call took {each.ratio:.2f} times as long in {patterns.name(each.cases[0])} "
        f"as in {patterns.name(each.cases[-1])}"
        for each in by_name["identical"].contradictions
    ]
    return found + [_of_ceiling(part, each) for each in part.analyzed.beaten]


def _of_ceiling(part: RunReport, each: Beaten) -> str:
    unit = UNITS[each.kind]
    measured, seen = quantity(each.measured, unit), quantity(each.seen, unit)
    names = " ".join(dict.fromkeys(filter(None, (each.name.replace("_", " "), each.kind))))
    cases = part.cases["case"]
    beat = _names([each.case, *(str(cases.iat[row]) for row in each.rows if cases.iat[row] != each.case)])
    ceiling = f"the {names} ceiling of {each.device}, measured as {measured}, is beaten with {seen} by {beat}"
    if each.raised:
        return f"{ceiling}: it was measured too low and is raised to that"
    return f"{ceiling}: it stays, as more work is declared than done, or the precision is not on record"


def _names(cases: list[str]) -> str:
    more = f" and {len(cases) - MAX_NAMES} more" if len(cases) > MAX_NAMES else ""
    return ", ".join(map(patterns.name, cases[:MAX_NAMES])) + more

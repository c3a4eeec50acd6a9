"""Patterns over cases: only `*` and `?` are special, so that ids with brackets mean what they say."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

ACCELERATORS = ("cuda", "mps", "xpu")
"""Devices that a pattern may name on a machine without one: there the case goes by `accelerator`."""


def matches(pattern: str, case: str) -> bool:
    """True where the pattern fits the case's name; its whole id where the pattern itself holds `::`."""
    return _compiled(pattern).fullmatch(case if "::" in pattern else name(case)) is not None


def matching(pattern: str, cases: Iterable[str]) -> list[str]:
    """The cases that the pattern fits, in their order."""
    return [case for case in cases if matches(pattern, case)]


def aliases(case: str) -> list[str]:
    """The case's id, and what it would be where there is the accelerator that this machine lacks."""
    path, bracket, parameters = case.partition("[accelerator")
    return [case, *(f"{path}[{device}{parameters}" for device in ACCELERATORS if bracket)]


def name(case: str) -> str:
    """The part of a case's id after the `::` that comes last before any `[`."""
    path, bracket, parameters = case.partition("[")
    return path.rpartition("::")[2] + bracket + parameters


def moved_to(gone: Iterable[str], come: Iterable[str]) -> dict[str, str]:
    """Where cases that went seem to have been moved to: to the one that came with that name alone."""
    went, here = [*gone], [*come]
    counts = Counter(map(name, went)), Counter(map(name, here))
    new = {name(case): case for case in here}
    return {case: new[name(case)] for case in went if [count[name(case)] for count in counts] == [1, 1]}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    special = {"*": ".*", "?": "."}
    return re.compile("".join(special.get(each) or re.escape(each) for each in pattern), re.DOTALL)

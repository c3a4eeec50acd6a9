"""Which cases of two sides are the same benchmark: by their ids, and by the names that were changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.patterns import matches, name


@dataclass(frozen=True)
class Matching:
    """The cases of two sides, as ids.

    `names` maps the id of each common case, which is head's, to base's. `edited` are common cases whose
    test has another text on head; `missing` are on base only, without being listed as `removed`.
    """

    names: Mapping[str, str]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def renamed(self) -> dict[str, str]:
        """Base's id to head's, where they differ."""
        return {old: new for new, old in self.names.items() if old != new}


def match(
    base: Mapping[str, str], head: Mapping[str, str], renamed: Mapping[str, str], removed: Iterable[str]
) -> Matching:
    """Matches two sides' cases, given as the text of the test by id.

    `renamed` maps names on base to names on head, with or without their parameters; `removed` are patterns.
    """
    names: dict[str, str] = {}
    for case in base:
        new = case if case in head else _new_name(case, renamed)
        if new in head and new not in names:
            names[new] = case
    gone = [case for case in base if case not in names.values()]
    on_purpose = tuple(case for case in gone if any(matches(pattern, case) for pattern in removed))
    return Matching(
        names={case: names[case] for case in head if case in names},
        added=tuple(case for case in head if case not in names),
        removed=on_purpose,
        missing=tuple(case for case in gone if case not in on_purpose),
        edited=tuple(case for case in head if case in names and head[case] != base[names[case]]),
    )


def _new_name(case: str, renamed: Mapping[str, str]) -> str:
    """The id that a case of base has on head."""
    for old, new in renamed.items():
        whole = case if "::" in old else name(case)
        function, bracket, parameters = whole.partition("[")
        if old not in (whole, function):
            continue
        renewed = new if old == whole else new + bracket + parameters
        return renewed if "::" in new else case.removesuffix(name(case)) + renewed
    return case

"""What a user may have meant: names near one that is not there."""

import difflib
import re
from collections.abc import Collection, Iterable

CUTOFF = 0.6
"""How alike two names are at least, as difflib counts it: its own default."""

MAX_NAMES = 2

CLOSE = 0.15
"""How much less alike than the nearest name another may be, to be named as well."""

SHARED = "test_"
"""How the names of tests begin, which makes none of them like another."""


def did_you_mean(seen: str, known: Iterable[str]) -> str:
    """The end of a message about `seen`, as "; did you mean quick?"; "" where nothing is near it."""
    by_core = {_core(name): name for name in known}
    alike = {core: difflib.SequenceMatcher(None, core, _core(seen)).ratio() for core in by_core}
    least = max(CUTOFF, max(alike.values(), default=0.0) - CLOSE)
    near = sorted((core for core in alike if alike[core] >= least), key=lambda core: -alike[core])[:MAX_NAMES]
    return f"; did you mean {' or '.join(by_core[core] for core in near)}?" if near else ""


def case_meant(wanted: str, cases: Collection[str]) -> str:
    """The same of a test or a pattern, by tests' names; of a case with parameters by its whole id first."""
    whole = did_you_mean(wanted, cases) if "[" in wanted else ""
    return whole or did_you_mean(_test(wanted), map(_test, cases))


def keyword_meant(expression: str, cases: Collection[str]) -> str:
    """The same of an expression of -k, by those of its words that are in no case's name."""
    text = "\n".join(cases).lower()
    words = {word for case in cases for word in (_test(case), *re.findall(r"[^\W_]+", case))}
    asked = [word for word in re.findall(r"[\w-]+", expression) if word not in ("and", "or", "not")]
    hints = (did_you_mean(word, sorted(words)) for word in asked if word.lower() not in text)
    return next(filter(None, hints), "")


def _core(name: str) -> str:
    return name.lower().removeprefix(SHARED)


def _test(case: str) -> str:
    """The name of a case's test: after the last `::`, without parameters and the signs of patterns."""
    return case.partition("[")[0].rpartition("::")[2].strip("*?")

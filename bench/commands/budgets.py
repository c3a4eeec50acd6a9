"""Write budgets into pyproject.toml from a run: what each case took there, with a margin.

Budgets that are there already and fit a case are updated, other cases get one of their own. Comments and
order stay; the difference is shown.
"""

import argparse
import difflib
import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.app.problems import UserError

if TYPE_CHECKING:
    import pandas as pd
    import tomlkit

    from bench.analyze.gate.settings import Budget

DIGITS = 3
"""Of a time that is written: rounding up adds less than 1 %."""

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["set"], help="set max_time")
    parser.add_argument("run", type=Path, metavar="RUN", help="the run whose times are taken")
    parser.add_argument(
        "-k", dest="keyword", default="", metavar="EXPR", help="only cases that match, as in pytest"
    )
    parser.add_argument(
        "--margin",
        default="20%",
        metavar="P",
        help="what is added to each interval's upper end (default: 20%%)",
    )
    parser.add_argument(
        "--file", type=Path, default=Path("pyproject.toml"), metavar="F", help="default: pyproject.toml here"
    )


def command(options: argparse.Namespace) -> int:
    """Writes the file and prints the difference; exit status 0, or 2 where nothing can be set."""
    import tomlkit

    from bench.analyze.estimates.estimate import estimates
    from bench.analyze.gate.budgets import of_head
    from bench.app import configuration
    from bench.commands.compare import one_run

    run = one_run(options.run)
    if not run.machine:
        raise UserError(
            f"{options.run} does not say on which machine it was measured; a time holds on one alone"
        )
    try:
        budgets = configuration.read(options.file).budgets
        margin = configuration.parse_share(options.margin)
        text = options.file.read_text("utf-8")
    except configuration.ConfigurationError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(
            f"{options.file} cannot be read ({error.strerror}); name the file by --file"
        ) from None
    cases = of_head(estimates(run))
    known = cases[(cases["status"] == "ok") & cases["high_s"].notna()]
    wanted = _selected(options.keyword, cases["case"])
    chosen = [case for case in known["case"] if case in wanted]
    if not chosen:
        raise UserError(f"no case of {options.run} that is well measured matches -k {options.keyword!r}")
    document = tomlkit.parse(text)
    for pattern, seconds in _limits(known, chosen, budgets).items():
        _set(document, pattern, max_time=_text(seconds * (1 + margin)), machine=run.machine)
    written = tomlkit.dumps(document)
    options.file.write_text(written, "utf-8")
    print(_difference(text, written) or "nothing to change")
    for row in cases[cases["case"].isin(wanted) & ~cases["case"].isin(known["case"])].to_dict("records"):
        print(f"not set: {row['case']} is {row['status']}")
    return 0


def _difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "now", lineterm="", n=1)
    return "\n".join(lines)


def _selected(expression: str, cases: Iterable[str]) -> set[str]:
    """The cases that a pytest expression matches; all of them for none."""
    if not expression:
        return set(cases)
    from bench.measure import compat

    try:
        selects = compat.selects(expression)
    except ValueError as error:
        raise UserError(
            f"-k {expression!r} cannot be understood ({error}); expected words, and, or, not"
        ) from None
    return {case for case in cases if selects(_holds(case))}


def _holds(case: str) -> Callable[..., bool]:
    return lambda word, **_: word.lower() in case.lower()


def _limits(known: "pd.DataFrame", chosen: list[str], budgets: "tuple[Budget, ...]") -> dict[str, float]:
    """Pattern to seconds: for budgets that hold a chosen case the longest time of all cases they hold."""
    from bench.analyze.gate.budgets import selects
    from bench.patterns import name

    rows = list(known[["case", "device", "high_s"]].itertuples(index=False))
    limits: dict[str, float] = {}
    covered: set[str] = set()
    for budget in budgets:
        held = {case: high_s for case, device, high_s in rows if selects(budget, case, device)}
        if budget.max_time_s is not None and held.keys() & set(chosen):
            limits[budget.pattern] = max(held.values())
            covered |= held.keys()
    names = Counter(name(case) for case in known["case"])
    for case, _, high_s in rows:
        if case in chosen and case not in covered:
            limits[name(case) if names[name(case)] == 1 else case] = high_s
    return limits


def _set(document: "tomlkit.TOMLDocument", pattern: str, **values: str) -> None:
    """Sets the values of one budget, in the tables that are there or new ones."""
    import tomlkit

    table: Any = document
    for key in ("tool", "bench", "budgets"):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=key != "budgets")
        table = table[key]
    if pattern not in table:
        table[pattern] = tomlkit.inline_table()
    for key, value in values.items():
        if table[pattern].get(key) != value:
            table[pattern][key] = value


def _text(seconds: float) -> str:
    """A time as it is written into the file, rounded up: "2.41 ms"."""
    step = 10.0 ** (math.floor(math.log10(seconds)) - DIGITS + 1)
    rounded = math.ceil(seconds / step) * step
    unit = next((unit for unit, size in UNITS.items() if rounded >= size), "ns")
    return f"{rounded / UNITS[unit]:.{DIGITS}g} {unit}"

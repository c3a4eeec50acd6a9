"""Budgets written into pyproject.toml from a run: what each case took there, with a margin."""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import tomlkit

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.budgets import of_head, selects
from bench.analyze.gate.settings import Budget
from bench.app import UserError, configuration
from bench.app.stored import one_run
from bench.app.suggestions import keyword_meant
from bench.patterns import name

DIGITS = 3
"""Of a time that is written: rounding up adds less than 1 %."""

UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
"""Units in which a file's times are written."""


def set_max_times(folder: Path, file: Path, keyword: str, margin: str) -> list[str]:
    """Writes the limits of a run's cases into `file`; the difference in lines, and what could not be set.

    Raises UserError where nothing can be set, StoreError where there is no run.
    """
    run = one_run(folder)
    if not run.machine:
        raise UserError(f"{folder} does not say on which machine it was measured; a time holds on one alone")
    budgets, share = configuration.read(file).budgets, configuration.parse_share(margin)
    try:
        text = file.read_bytes().decode("utf-8")  # with its line ends as they are
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); name the file by --file") from None
    cases = of_head(AnalyzedRun(run).cases)
    measured = cases[(cases["status"] == "ok") & cases["high_s"].notna()]
    wanted = selected(keyword, cases["case"])
    chosen = [case for case in measured["case"] if case in wanted]
    if not chosen:
        meant = keyword_meant(keyword, list(measured["case"]))
        raise UserError(f"no case of {folder} that is well measured matches -k {keyword!r}{meant}")
    document = tomlkit.parse(text)
    for pattern, seconds in _limits(measured, chosen, budgets).items():
        _set(document, pattern, max_time=_text(seconds * (1 + share)), machine=run.machine)
    written = tomlkit.dumps(document)
    if text.count("\r\n") == text.count("\n"):
        written = re.sub("\r?\n", "\r\n", written)
    try:
        new = file.with_name(f".{file.name}.new")  # so that a full disk leaves the file as it was
        new.write_bytes(written.encode("utf-8"))
        new.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); it is as it was") from None
    changes = difflib.unified_diff(text.splitlines(), written.splitlines(), "before", "now", lineterm="", n=1)
    left = cases[cases["case"].isin(wanted) & ~cases["case"].isin(measured["case"])]
    return [
        *(list(changes) or ["nothing to change"]),
        *(f"not set: {case} is {status}" for case, status in zip(left["case"], left["status"], strict=True)),
    ]


def selected(expression: str, cases: Iterable[str]) -> set[str]:
    """The cases that an expression as of pytest's -k matches: words, `and`, `or`, `not` and parentheses.

    A word matches a case that it is a part of, in capitals or not. Raises UserError for no expression.
    """
    code = re.sub(
        r"[^\s()]+",
        lambda word: word[0] if word[0] in ("and", "or", "not") else f"({word[0].lower()!r} in case)",
        expression,
    )
    try:
        # Only words in quotes and these operators are left of what the user typed. pytest evaluates it alike.
        return {case for case in cases if not code.strip() or eval(code, {"case": case.lower()})}
    except (SyntaxError, TypeError):
        raise UserError(f"-k {expression!r} cannot be understood; expected words, and, or, not") from None


def _limits(measured: pd.DataFrame, chosen: list[str], budgets: Sequence[Budget]) -> dict[str, float]:
    """Pattern to seconds: for budgets that fit a chosen case the longest time of all cases that they fit."""
    rows = list(measured[["case", "device", "high_s"]].itertuples(index=False))
    limits: dict[str, float] = {}
    covered: set[str] = set()
    for budget in budgets:
        fitting = {case: high_s for case, device, high_s in rows if selects(budget, case, device)}
        if budget.max_time_s is not None and fitting.keys() & set(chosen):
            limits[budget.pattern] = max(fitting.values())
            covered |= fitting.keys()
    names = Counter(name(case) for case in measured["case"])
    for case, _, high_s in rows:
        if case in chosen and case not in covered:
            limits[name(case) if names[name(case)] == 1 else case] = high_s
    return limits


def _set(document: tomlkit.TOMLDocument, pattern: str, **values: str) -> None:
    """Sets the values of one budget, in the tables that are there or new ones."""
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
    return f"{float(f'{rounded / UNITS[unit]:.{DIGITS}g}'):g} {unit}"

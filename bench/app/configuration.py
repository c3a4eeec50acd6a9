"""What pyproject.toml asks of the gate: `[tool.bench.gate]` and `[tool.bench.budgets]`.

Whatever is not understood is an error with its line: a budget that is silently ignored guards nothing.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.analyze.gate.settings import Budget, Settings
from bench.app import UserError
from bench.patterns import aliases, matching

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
BYTES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
LIMITS = ("max_time", "max_memory", "max_regression", "min_ceiling_share", "max_ratio")


class ConfigurationError(UserError):
    """Where in the file, what was seen there, and what was expected."""


def read(file: Path) -> Settings:
    """The settings in a pyproject.toml; the defaults where it has none or is not there."""
    if not file.exists():
        return Settings()
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read ({error}); expected TOML in UTF-8") from None
    return parse(text, str(file))


def parse(text: str, file: str = "pyproject.toml") -> Settings:
    """The settings in the text of a pyproject.toml. Raises ConfigurationError for what it cannot use."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is no TOML: {error}") from None
    table = _Table(file, _lines(text))
    table.check_keys(("tool", "bench"), table.of(document, "tool", "bench"), ("gate", "budgets"))
    gate, budgets = (table.of(document, "tool", "bench", name) for name in ("gate", "budgets"))
    table.check_keys(("tool", "bench", "gate"), gate, GATE)
    values = {key: GATE[key](table, ("tool", "bench", "gate", key), value) for key, value in gate.items()}
    read_budgets = tuple(_budget(table, pattern, entry) for pattern, entry in budgets.items())
    return Settings(**values, budgets=read_budgets)


def check_patterns(settings: Settings, cases: Iterable[str], file: str = "pyproject.toml") -> None:
    """Raises ConfigurationError for a budget that no case matches; `cases` before any is left out.

    A case that lacks an accelerator here also goes by the name that it has where there is one.
    """
    named = [case for each in cases for case in aliases(each)]
    for budget in settings.budgets:
        for key, pattern in (("", budget.pattern), ("to = ", budget.to)):
            if pattern and not matching(pattern, named):
                tests = [case.rpartition("::")[2] for case in named]
                near = difflib.get_close_matches(pattern, tests, 1, 0.4)
                hint = f"; the nearest is {near[0]}" if near else ""
                raise ConfigurationError(
                    f"{file}, line {budget.line}: no benchmark matches {key}{pattern!r}{hint}; only * and ? "
                    "are special, and the whole name must match"
                )


class _Table:
    """The file's name and lines, for messages."""

    def __init__(self, file: str, lines: Mapping[tuple[str, ...], int]) -> None:
        self.file, self.lines = file, lines

    def line(self, path: tuple[str, ...]) -> int:
        """The line of a key, or of the nearest table around it; 0 where neither is found."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 0)

    def error(self, path: tuple[str, ...], text: str) -> ConfigurationError:
        return ConfigurationError(f"{self.file}, line {self.line(path)}: {text}")

    def of(self, document: dict[str, Any], *path: str) -> dict[str, Any]:
        """The table at `path`; empty where there is none."""
        table = document
        for depth, key in enumerate(path, start=1):
            table = table.get(key, {})
            if not isinstance(table, dict):
                raise self.error(path[:depth], f"{'.'.join(path[:depth])} is no table")
        return table

    def check_keys(self, path: tuple[str, ...], entry: Mapping[str, Any], keys: Iterable[str]) -> None:
        for key in entry:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise self.error((*path, key), f"unknown key {key!r}; {hint}expected {', '.join(keys)}")


Reader = Callable[[_Table, tuple[str, ...], Any], Any]
"""Reads the value at a path of the table. Raises ConfigurationError for one that is not as expected."""


def parse_share(text: str) -> float:
    """A percentage as a share: "5%" is 0.05. Raises ConfigurationError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if not match or not float(match[1]) > 0:
        raise ConfigurationError(f'{text!r}; expected a percentage above 0, such as "5%"')
    return float(match[1]) / 100


def _share(table: _Table, path: tuple[str, ...], value: Any) -> float:
    try:
        return parse_share(str(value))
    except ConfigurationError as error:
        raise table.error(path, f"{path[-1]} = {error}") from None


def _amount(sizes: Mapping[str, float], what: str) -> Reader:
    """Reads a number with one of these units, above 0."""

    def read(table: _Table, path: tuple[str, ...], value: Any) -> float:
        form = r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµμ]+)\s*"
        match = re.fullmatch(form, value) if isinstance(value, str) else None
        if not match or match[2] not in sizes or not float(match[1]) > 0:
            raise table.error(path, f"{path[-1]} = {value!r}; expected {what}")
        return float(match[1]) * sizes[match[2]]

    return read


def _value(fits: Callable[[Any], bool], kept_as: Callable[[Any], Any], what: str) -> Reader:
    """Reads values that fit, and raises an error that says what was expected for others."""

    def read(table: _Table, path: tuple[str, ...], value: Any) -> Any:
        if not fits(value):
            raise table.error(path, f"{path[-1]} = {value!r}; expected {what}")
        return kept_as(value)

    return read


def _number(low: float, high: float, what: str) -> Reader:
    def fits(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low < value < high

    return _value(fits, float, what)


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) and value for value in values)


TEXT = _value(lambda value: _are_texts([value]), str, "text in quotes")
TEXTS = _value(lambda value: isinstance(value, list) and _are_texts(value), tuple, "a list of texts")
PASS_OR_FAIL = _value(lambda value: value in ("pass", "fail"), str, '"pass" or "fail"')
NAMES = _value(
    lambda value: isinstance(value, Mapping) and _are_texts(value.values()), dict,
    'a table of "old case" = "new case"',
)  # fmt: skip

GATE: dict[str, Reader] = {
    "max_regression": _share,
    "confidence": _number(0.5, 1, "a number between 0.5 and 1, such as 0.99"),
    "undecided": PASS_OR_FAIL,
    "faster": PASS_OR_FAIL,
    "install": TEXTS,
    "renamed": NAMES,
    "removed": TEXTS,
}
BUDGET: dict[str, Reader] = {
    "max_time": _amount(SECONDS, 'a time in ns, µs (or us), ms, s or min, such as "2 ms"'),
    "max_memory": _amount(BYTES, 'memory in B, kB, MB, GB, KiB, MiB or GiB, such as "64 MB"'),
    "max_regression": _share,
    "min_ceiling_share": _number(0, 1, "a share between 0 and 1, such as 0.5"),
    "max_ratio": _number(0, float("inf"), "a number above 0, such as 1.2"),
    "to": TEXT,
    "device": TEXT,
    "machine": TEXT,
}


def _budget(table: _Table, pattern: str, entry: Any) -> Budget:
    path = ("tool", "bench", "budgets", pattern)
    if not isinstance(entry, Mapping):
        raise table.error(path, f'{pattern!r} = {entry!r}; expected a table, such as {{ max_time = "2 ms" }}')
    table.check_keys(path, entry, BUDGET)
    for given, needed in (("max_ratio", "to"), ("to", "max_ratio"), ("machine", "max_time")):
        if given in entry and needed not in entry:
            raise table.error((*path, given), f"{pattern!r} has {given} without {needed}")
    if not any(limit in entry for limit in LIMITS):
        raise table.error(path, f"{pattern!r} limits nothing; expected one of {', '.join(LIMITS)}")
    values = {key: BUDGET[key](table, (*path, key), value) for key, value in entry.items()}
    max_time_s, max_memory_bytes = values.pop("max_time", None), values.pop("max_memory", None)
    return Budget(
        pattern, max_time_s=max_time_s, max_memory_bytes=max_memory_bytes, **values, line=table.line(path)
    )


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of every table and key, by its path; tomllib keeps none."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if path := _path(line, r"\s*(\[[^\[].*\])\s*(?:#.*)?"):
            table = path
            lines.setdefault(table, number)
        elif path := _path(
            line, r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"))*\s*=).*", "0"
        ):
            lines.setdefault((*table, *path), number)
    return lines


def _path(line: str, form: str, value: str = "") -> tuple[str, ...]:
    """The keys that a line of this form names, one within the other; none where it has another."""
    match = re.fullmatch(form, line)
    try:
        inner: Any = tomllib.loads(match[1] + value) if match else {}
    except tomllib.TOMLDecodeError:
        return ()
    path = []
    while isinstance(inner, dict) and inner:
        key, inner = next(iter(inner.items()))
        path.append(key)
    return tuple(path)

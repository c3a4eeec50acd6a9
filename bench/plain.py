"""The border to a suite's own values: text made valid, numbers made to fit, objects made text.

Whatever a suite brings goes through here before it is written: ids, messages, docs, parameters, extra_info
and groups. So no value of one case costs another, or a run, what can be written. Nothing here raises.
"""

import math
import os
import re
import unicodedata
from contextlib import suppress
from typing import Any

from bench.records import Scalar

WHOLE = range(-(2**63), 2**63)
"""The whole numbers that a column of a table holds."""

PLACE = re.compile(
    r'^(?:E? +File "(?P<file>[^"]+)", line (?P<line>\d+)|(?P<path>\S[^:]*):(?P<number>\d+): )', re.MULTILINE
)
"""How pytest names a file and a line of what was raised while a file was imported."""

LIBRARY = re.compile(r"/(site|dist)-packages/|/lib/python\d|^<")
"""What paths have of files that are installed, or of none."""

MOST_NUMBERS = 1000
"""Numbers of a list that is kept as one."""


def text(value: object) -> str:
    """A value as text that every encoding takes: half a surrogate pair, as in the name of a file that is no
    UTF-8, is written out. An object that cannot be written down is named by its type."""
    try:
        written = str.__str__(value) if issubclass(type(value), str) else str(value)
    except Exception as error:  # a suite's __str__ raises what it likes
        written = f"<{type(value).__name__}, which cannot be written: {type(error).__name__}>"
    return written if written.isascii() else written.encode("utf-8", "backslashreplace").decode()


def visible(line: str) -> str:
    """Text as a terminal shows it: what would steer the terminal, or turn the reading direction, is written
    out. Files and pages keep it as it is."""
    return "".join(
        ascii(each)[1:-1] if each != "\n" and unicodedata.category(each)[0] == "C" else each for each in line
    )


def placed(message: str) -> str:
    """A message of pytest's, its last line with where the project's code raised: it stands further up."""
    places = [
        (each["file"] or each["path"], each["line"] or each["number"]) for each in PLACE.finditer(message)
    ]
    own = [(file, line) for file, line in places if not LIBRARY.search(file)]
    if not own or not message.strip().rpartition("\n")[2].startswith("E "):
        return message
    file, line = own[-1]
    with suppress(OSError):  # the working directory may be gone
        file = file.removeprefix(f"{os.getcwd()}/")
    return f"{message.rstrip()} ({file}, line {line})"


def whole(value: int) -> int | float | None:
    """A whole number, as the nearest float where a column cannot hold it, None where that cannot either."""
    number = int.__int__(value)
    if number in WHOLE:
        return number
    try:
        return float(number)
    except OverflowError:
        return None


def scalar(value: Any) -> Scalar:
    """A value as JSON holds it: a scalar, made to fit; the number in a numpy or torch scalar; else its text.

    JSON has neither NaN nor infinity: they are None.
    """
    type_ = type(value)  # isinstance would believe what an object says of itself, such as a mock
    if value is None or type_ is bool:
        return value  # type: ignore[no-any-return]  # narrowed by its exact type
    if issubclass(type_, str):
        return text(value)
    if issubclass(type_, int):
        return whole(value)
    if issubclass(type_, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else None
    try:
        item = value.item()
    except Exception:  # most have none; others raise what they like
        return text(value)
    return scalar(item) if type(item) in (bool, int, float, str) else text(value)


def fact(value: Any) -> Scalar | list[Scalar]:
    """A value of extra_info: a short list of numbers as such, such as a course over time; else a scalar."""
    if (
        type(value) is list
        and len(value) <= MOST_NUMBERS
        and all(type(each) in (int, float) for each in value)
    ):
        return [scalar(each) for each in value]
    return scalar(value)


def facts(extra_info: object) -> dict[str, Scalar | list[Scalar]]:
    """What a test left in `extra_info`, made to fit; nothing where it cannot be read as a mapping."""
    try:
        named = dict(extra_info)  # type: ignore[call-overload]  # what is no mapping raises
        return {text(name): fact(value) for name, value in named.items()}
    except Exception:  # so may a suite's own mapping, with what it likes
        return {}


def fits(value: Any) -> bool:
    """True for a scalar that is written as it is, and None."""
    type_ = type(value)
    if issubclass(type_, int):
        return int.__int__(value) in WHOLE
    return value is None or issubclass(type_, str) or (issubclass(type_, float) and math.isfinite(value))


def valid(json_value: Any) -> Any:
    """A value that JSON gave, all of its text made valid: a file may hold what this never writes."""
    if isinstance(json_value, dict):
        return {text(key): valid(item) for key, item in json_value.items()}
    if isinstance(json_value, list):
        return [valid(item) for item in json_value]
    return text(json_value) if isinstance(json_value, str) else json_value

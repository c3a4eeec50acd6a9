"""Whatever a suite brings can be written down, read back and put into a table."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import plain
from bench.events import EVENTS, Visit

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
NUMBERS = st.integers() | st.integers(2**62, 2**70) | st.floats() | st.just(10**400)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | ANY_TEXT | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def raising(*_: object) -> str:
    raise RuntimeError("no")


SYNTAX = """ImportError while importing test module
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
suites/test_it.py:2: in <module>
    import broken
E     File "/elsewhere/broken.py", line 7
E       def (
E           ^
E   SyntaxError: invalid syntax"""


@pytest.mark.parametrize(
    ("message", "last"),
    [
        (SYNTAX, "E   SyntaxError: invalid syntax (/elsewhere/broken.py, line 7)"),
        (
            "test_it.py:3: in <module>\n    1 / 0\nE   ZeroDivisionError: no",
            "E   ZeroDivisionError: no (test_it.py, line 3)",
        ),
        (
            "test_it.py:3: in <module>\n    version('a')\n"
            "/v/lib/python3.11/importlib/x.py:9: in version\nE   OSError",
            "E   OSError (test_it.py, line 3)",
        ),
        ("SystemExit: no licence", "SystemExit: no licence"),
        ("E   OSError: full", "E   OSError: full"),
    ],
)
def test_what_was_raised_while_a_file_was_imported_is_told_with_its_place(message: str, last: str) -> None:
    assert plain.placed(message).splitlines()[-1] == last


HOSTILE: list[Callable[[], Any]] = [
    lambda: type("Silent", (), {"__str__": raising})(),
    lambda: type("Closed", (), {"__getattr__": raising, "__repr__": raising})(),
    lambda: type("Text", (str,), {"__str__": raising})("quiet"),
    lambda: type("Number", (float,), {"__float__": raising, "__str__": raising})(0.5),
    lambda: type("Whole", (int,), {"__int__": raising, "__str__": raising})(5),
    lambda: type("Array", (), {"item": raising})(),
    lambda: type("Odd", (), {"item": lambda self: self})(),
    lambda: type("Unequal", (), dict.fromkeys(("__eq__", "__hash__", "__bool__", "__len__"), raising))(),
    lambda: type("Unpickled", (), dict.fromkeys(("__reduce__", "__reduce_ex__", "__copy__"), raising))(),
    lambda: type("Classless", (), {"__class__": property(raising)})(),
    lambda: Mock(spec=str),
    lambda: Mock(spec=int),
    MagicMock,
]


@given(ANYTHING)
def test_any_value_is_written_so_that_tables_take_it(value: Any) -> None:
    line = EVENTS.encode(Visit("a", 0, extra_info={"mine": value}, message=plain.text(value)))
    read = EVENTS.decode(line)
    assert EVENTS.encode(read) == line
    pa.array([json.dumps(read.extra_info, ensure_ascii=False)])
    pa.array([plain.scalar(value), None])


def test_what_cannot_be_read_as_a_mapping_says_nothing() -> None:
    closed = type("Closed", (), {"keys": raising})()
    assert [plain.facts(each) for each in (None, 3, [1], closed)] == [{}] * 4
    assert plain.facts({1: 2, "kept": float("nan")}) == {"1": 2, "kept": None}


@pytest.mark.parametrize("make", HOSTILE)
def test_an_object_that_raises_is_named_by_its_type_or_its_value(make: Callable[[], Any]) -> None:
    value = make()
    assert plain.scalar(value) in (0.5, 5, "quiet") or type(value).__name__ in str(plain.scalar(value))
    EVENTS.decode(EVENTS.encode(Visit("a", 0, extra_info={"mine": value}, message=plain.text(value))))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("caf\udce9.csv", "caf\\udce9.csv"),
        ("é\u2028\U0001f600", "é\u2028\U0001f600"),
        (2**63 - 1, 2**63 - 1),
        (2**64, 2.0**64),
        (10**400, None),
        (float("inf"), None),
        (True, True),
    ],
)
def test_scalars_stay_what_they_are_where_they_fit(value: Any, expected: Any) -> None:
    assert plain.scalar(value) == expected
    assert type(plain.scalar(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32("nan"), None),
        (np.float64(0.5), 0.5),
        (np.int64(-(2**63)), -(2**63)),
        (np.uint64(2**64 - 1), 2.0**64),
        (np.bool_(True), True),
        (np.str_("a\x00b"), "a\x00b"),
        (np.complex128(1j), "1j"),
        (1j, "1j"),
        (np.datetime64("NaT"), "NaT"),
        (np.zeros(0), "[]"),
        (np.array(3), 3),
        (2**70, 2.0**70),
    ],
)
def test_numbers_of_others_are_numbers(value: Any, expected: Any) -> None:
    assert plain.scalar(value) == expected
    assert type(plain.scalar(value)) is type(expected)


def test_what_holds_itself_is_text() -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    assert plain.scalar(loop) == "[{'again': [...]}]"


def test_a_number_too_long_to_be_written_is_none_and_has_a_text() -> None:
    assert plain.scalar(10**5000) is None
    assert plain.text(10**5000) == "<int, which cannot be written: ValueError>"


def test_what_others_wrote_is_made_to_fit_where_it_is_read() -> None:
    line = b'{"event":"visit","case":"a\\ud800","launch":0,"extra_info":{"n":18446744073709551615,"x":NaN}}'
    read = EVENTS.decode(line)
    assert (read.case, read.extra_info) == ("a\\ud800", {"n": 2.0**64, "x": None})


def test_what_steers_a_terminal_is_written_out() -> None:
    shown = plain.visible("caf\u00e9 14\u202f000 \x1b[31mred\x00\u202e\nend")
    assert shown == "caf\u00e9 14\u202f000 \\x1b[31mred\\x00\\u202e\nend"

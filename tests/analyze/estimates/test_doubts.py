"""What is said of a case that was not measured, or whose figure is in doubt."""

import pytest

from bench.analyze.estimates.doubts import gist


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("def test():\n>   1 / 0\nE   ZeroDivisionError: division\n\ntest_m.py:2: ZeroDivisionError", "Zero"),
        ("the process died of SIGSEGV\ntest_m.py .", "the process died of SIGSEGV"),
        ("fixture function has more than one 'yield':\n\ndef it():\n\n/project/test m.py:3", "fixture fun"),
        ("Failed: no data", "Failed: no data"),
        ("", ""),
    ],
)
def test_the_line_of_a_failure_that_says_most(message: str, line: str) -> None:
    assert gist(message).startswith(line)
    assert bool(gist(message)) == bool(line)

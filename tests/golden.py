"""Golden files: what commands printed once, and what they print now is compared with."""

import difflib

import pytest

from tests import RECORDED


def golden(name: str, text: str) -> None:
    """Compares with a file; on a difference the text is left beside it as `.got-…`, to look at."""
    file = RECORDED / name
    expected = file.read_text("utf-8") if file.exists() else ""
    if text == expected:
        return
    got = file.with_name(f".got-{name}")
    got.write_text(text, "utf-8")
    lines = difflib.unified_diff(expected.splitlines(), text.splitlines(), name, got.name, lineterm="")
    pytest.fail("\n".join(lines))

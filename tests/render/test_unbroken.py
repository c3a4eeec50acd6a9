"""Numbers whose groups of digits a terminal keeps together."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from bench.analyze.names import count
from bench.render.unbroken import Unbroken, whole


@pytest.mark.parametrize("width", range(12, 40))
def test_a_large_number_stands_on_one_line(width: int) -> None:
    table = Table(box=None)
    table.add_row(whole(f"share at every n measured, 64 to {count(16_777_216)} (back to back)"))
    Console(file=(out := io.StringIO()), width=width, color_system=None).print(Unbroken(table))
    assert "16\u202f777\u202f216" in out.getvalue()
    assert all(len(line) <= width for line in out.getvalue().splitlines())

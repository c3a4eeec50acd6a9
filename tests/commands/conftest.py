"""A suite of three cases for every test of the command line."""

from pathlib import Path

import pytest

from tests.commands.commanded import SUITE


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "test_it.py").write_text(SUITE)
    return tmp_path / "test_it.py"

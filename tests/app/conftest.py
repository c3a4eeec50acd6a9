"""Fixtures that several tests of commands from end to end share."""

from pathlib import Path

import pytest

from tests.app.sides.gated_project import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "project")

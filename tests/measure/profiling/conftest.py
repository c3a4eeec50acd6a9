"""Fixtures that several tests of profiling share."""

import pytest

from bench.measure.drive import profile_run


@pytest.fixture
def no_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would only take their time."""
    monkeypatch.setattr(profile_run, "py_spy", lambda: None)

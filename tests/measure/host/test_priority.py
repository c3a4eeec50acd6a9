"""Who is urgent, and for how long."""

import os

import pytest

from bench.measure.host import priority


@pytest.mark.parametrize(("asked", "given"), [("-20", -20), ("-5", -5), ("7", 0), ("no number", 0)])
def test_the_coordinator_is_as_urgent_as_its_workers_and_then_as_before(
    monkeypatch: pytest.MonkeyPatch, asked: str, given: int
) -> None:
    """It is never less urgent than it was: it could not go back."""
    set_to: list[int] = []
    monkeypatch.setenv(priority.VARIABLE, asked)
    monkeypatch.setattr(priority, "nice", lambda: 0)
    monkeypatch.setattr(os, "setpriority", lambda _which, _who, nice: set_to.append(nice))
    with priority.urgent():
        now = set_to[-1] if set_to else 0
        assert now == given
    assert set_to[-1] == 0


def test_a_system_that_allows_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    with priority.urgent():
        pass

"""What is read of others around the calls of a block."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bench.disturbance import disturbed, disturbs_itself
from bench.measure.devices import available
from bench.measure.host.interference import Interference
from bench.measure.worker import calls
from bench.measure.worker.protocol import TimeBlock
from bench.measure.worker.timing import CaseTimer
from bench.records import Block


def block(
    others_share: float | None, made: calls.Calls | None = None, expected_s: float = 0.2, children: int = 2
) -> Block:
    """Three calls of 10 ms that wait for two children of their own on two processors, with a set-up each."""
    taken = Interference(0.004, None, None, 2e-6, threads=1, children=children, processors=2)
    stretch: Callable[[], Callable[[], float | None]] = lambda: lambda: others_share  # noqa: E731
    readings: Any = SimpleNamespace(before=lambda _s: None, after=lambda: taken, stretch=stretch)
    pedantic = calls.PedanticCalls(lambda: None, setup=lambda: None, rounds=3)
    return CaseTimer(None, readings, "cpu", 0.0).block(
        available.get("cpu"), made or pedantic, TimeBlock("wall", 3, expected_s)
    )


@pytest.mark.parametrize(("others_share", "is_disturbed"), [(0.01, False), (0.2, True), (None, True)])
def test_calls_beside_workers_of_their_own_are_judged_by_what_others_held(
    monkeypatch: pytest.MonkeyPatch, others_share: float | None, is_disturbed: bool
) -> None:
    """None of them is long enough to tell by itself, and their own delay comes from their own workers."""
    now = iter([0.0, 0.01, 1.0, 1.01, 2.0, 2.01])
    monkeypatch.setattr("bench.measure.devices.device.clock", lambda: next(now))
    timed = block(others_share)
    assert timed.wall_s == pytest.approx(0.03)
    assert timed.foreign_s == (None if others_share is None else pytest.approx(others_share * 0.03 * 2))
    assert disturbs_itself(timed, 2)
    assert disturbed(timed, True) == is_disturbed


def test_calls_of_one_thread_wait_for_no_such_reading() -> None:
    assert block(0.5, children=0).foreign_s is None


def test_calls_in_one_stretch_and_short_ones_cost_no_such_reading() -> None:
    assert block(0.5, calls.PlainCalls(lambda: None, (), {})).foreign_s is None
    assert block(0.5, expected_s=1e-4).foreign_s is None

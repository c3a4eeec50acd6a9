"""What a benchmark calls reaches its function as it was handed over, however many times."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.measure.devices import available
from bench.measure.devices.device import Timed
from bench.measure.drive.entry import Timing
from bench.measure.host.interference import Interference
from bench.measure.worker.calls import TWICE_EVERY, PedanticCalls, PlainCalls, leading, period, slowed
from bench.measure.worker.timing import together


@pytest.mark.parametrize("args", [(), (1,), (1, 2), tuple(range(7))])
@pytest.mark.parametrize(
    "kwargs", [{}, {"a": 3}, {"value_0": 4, "function": 5, "calls": 6}, {"not a name": 7}]
)
def test_calls_hand_over_their_arguments(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    seen: list[Any] = []

    def takes(*args: int, **kwargs: int) -> int:
        seen.append((args, kwargs))
        return len(seen)

    calls = PlainCalls(takes, args, kwargs)
    calls.run(3)
    calls.run(2)
    assert seen == [(args, kwargs)] * 5
    assert calls.result == 1


def test_pedantic_calls_without_a_setup_are_the_plain_ones() -> None:
    seen: list[int] = []
    calls = PedanticCalls(seen.append, args=(7,), rounds=3, iterations=4)
    assert calls.left == 12
    calls.time(available.get("cpu"), "wall", 5)
    assert (seen, calls.left, calls.result) == ([7] * 5, 7, None)
    bare: Any = calls.bare
    assert isinstance(bare, PlainCalls)
    assert PedanticCalls(seen.append, setup=list).bare is None


def test_readings_stand_around_the_timed_calls_alone() -> None:
    seen: list[str] = []

    def watched(time: Callable[[], Timed]) -> Timed:
        seen.append("before")
        timed = time()
        seen.append("after")
        return timed

    calls = PedanticCalls(lambda: seen.append("call"), setup=lambda: seen.append("set-up"), rounds=2)
    calls.time(available.get("cpu"), "wall", 2, watched)
    assert seen == ["set-up", "before", "call", "after"] * 2
    seen.clear()
    PlainCalls(lambda: seen.append("call"), (), {}).time(available.get("cpu"), "wall", 3, watched)
    assert seen == ["before", "call", "call", "call", "after"]


def test_what_was_taken_from_calls_one_by_one_adds_up() -> None:
    parts = [
        Interference(0.1, None, 0.0, 1e-6, 1, 0, 2),
        Interference(0.2, 0.5, 0.1, 3e-6, 2, 1, 1, ("team",)),
    ]
    added = together(parts, 0.3, lambda: None)
    assert added.delay_s == pytest.approx(0.3)
    assert added == Interference(added.delay_s, None, 0.1, 3e-6, 2, 1, 1, ("team",))


def test_long_blocks_are_led_in_by_a_twentieth_and_short_ones_by_one_call_or_none() -> None:
    assert [leading(calls, 1e-4) for calls in (1, 2, 4, 20, 59, 1000)] == [0, 1, 1, 1, 2, 50]


def test_a_call_as_long_as_a_block_leads_in_none_of_a_few() -> None:
    assert [leading(calls, 0.3) for calls in (1, 2, 4, 20, 59)] == [0, 0, 0, 1, 2]


def test_injected_slowdown_makes_every_twentieth_call_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    assert slowed(calls.append) == calls.append
    monkeypatch.setenv(TWICE_EVERY, str(period(0.05)))
    append = slowed(calls.append)
    for number in range(100):
        append(number)
    assert len(calls) == 105
    assert Timing(multiple=period(0.05), fastest_s=1e-3).calls_per_block == 20

"""A pytest plugin for workers: each call that a case hands over is also timed by our peers.

Same process, same call, same memory. What they read by their own rules, just before us, goes into the case's
`extra_info` under `peers`, as JSON: for each the seconds per call, how long it took, and its series with the
moments at which each entry was there. They then run at the priority that they have when a user starts them,
which is any program's.

Our first blocks follow each other as they would for a user. After each of the others blocked_autorange has
another turn, of a block's length and at our priority: what it reads there, and how long it took, is under
`near`, one pair a block. A machine's pace changes within a second; whether two tools agree shows in
neighbours.
"""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure import compat
from bench.measure.drive.entry import BLOCK_S
from bench.measure.drive.policy import relative_width
from bench.measure.host import priority

WIDTH = 0.02
"""Half-width, relative to the median, that every tool is asked for."""

PATIENCE_S = 1.0
"""How much longer blocked_autorange may go on where its usual 0.2 s do not make it so narrow."""

ALONE = 80
"""Blocks of ours after which nobody has a turn: about a second, as blocked_autorange may take."""

TURN_S = 10.0
"""When a peer is stopped. They mean to take 0.2 s and a second, but fix how many calls they make by the first
few: beside a competitor, for which each call may wait for milliseconds, tens of thousands take minutes."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    result = yield
    if isinstance(result, BenchmarkFixture):
        steered = type(result)

        class WithPeers(steered):  # type: ignore[misc, valid-type]  # whatever class steers it
            def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                timer = _timer(function, args, kwargs)
                with _as_any_program():
                    peers = {
                        "blocked_autorange": _blocked_autorange(timer),
                        "pytest-benchmark": _pytest_benchmark(self, function, args, kwargs),
                    }
                self.extra_info["peers"] = json.dumps(peers)
                with _between_blocks(self.timer, timer) as near:
                    returned = super().__call__(function, *args, **kwargs)
                self.extra_info["near"] = json.dumps(near)
                return returned

        result.__class__ = WithPeers
    return result


@contextmanager
def _as_any_program() -> Iterator[None]:
    """Lends every thread of this process, and its session, the usual niceness."""
    ours = priority.nice()
    _be(0)
    try:
        yield
    finally:
        _be(ours)


def _be(nice: int) -> None:
    with suppress(OSError):  # it was never raised
        for task in os.listdir("/proc/self/task"):
            os.setpriority(os.PRIO_PROCESS, int(task), nice)
        priority.AUTOGROUP.write_text(str(nice))


def _timer(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The statement as a user would write it: to unpack arguments makes a small product 2 % slower."""
    import torch
    from torch.utils.benchmark import Timer

    given = {f"argument_{place}": value for place, value in enumerate(args)}
    named = [f"{name}={name}" for name in kwargs]
    return Timer(
        f"function({', '.join([*given, *named])})",
        globals={**kwargs, **given, "function": function},
        num_threads=torch.get_num_threads(),
    )


def _blocked_autorange(timer: Any) -> dict[str, Any]:
    """What it reads, how long that took, and its series; not a number, and for ever, where it was stopped."""
    series: list[tuple[float, float]] = []
    begun_s = time.perf_counter()
    seconds, took_s = math.nan, math.inf

    def note(number: int, seconds: float) -> None:
        series.append((time.perf_counter() - begun_s, seconds / number))

    with suppress(_StoppedError), _no_longer_than(TURN_S):
        usual = timer.blocked_autorange(callback=note)
        seconds, took_s = usual.median, time.perf_counter() - begun_s
        if relative_width([seconds for _, seconds in series]) > WIDTH:
            timer.blocked_autorange(callback=note, min_run_time=PATIENCE_S)
    return {"seconds": seconds, "took_s": took_s, "series": series}


@contextmanager
def _between_blocks(case_timer: Any, timer: Any) -> Iterator[list[tuple[float, float]]]:
    """What blocked_autorange reads after each wall block, and how long it took; not a number without a turn.

    Once it had to be stopped it gets no further turn in the visit.
    """
    near: list[tuple[float, float]] = []
    block_of, stopped = case_timer.block, False

    def block_and_peer(target: Any, calls: Any, command: Any) -> Any:
        nonlocal stopped
        block = block_of(target, calls, command)
        if command.kind == "wall":
            begun_s, seconds = time.perf_counter(), math.nan
            if len(near) >= ALONE and not stopped:
                stopped = True
                with suppress(_StoppedError), _no_longer_than(TURN_S):
                    seconds = timer.blocked_autorange(min_run_time=BLOCK_S).mean  # as a block is one
                    stopped = False
            near.append((seconds, time.perf_counter() - begun_s))
        return block

    case_timer.block = block_and_peer
    try:
        yield near
    finally:
        del case_timer.block


def _pytest_benchmark(fixture: Any, function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """What it reads, and how long that took; not a number, and for ever, where it was stopped."""
    begun_s = time.perf_counter()
    measure: Any = BenchmarkFixture.__call__  # pytest-benchmark is untyped
    try:
        with _no_longer_than(TURN_S):
            measure(fixture, function, *args, **kwargs)
    except _StoppedError:
        return {"seconds": math.nan, "median_s": math.nan, "took_s": math.inf}
    else:
        took_s = time.perf_counter() - begun_s
        stats = fixture.stats.stats
        return {"seconds": stats.mean, "median_s": median(stats.sorted_data), "took_s": took_s}
    finally:
        compat.unuse(fixture)


class _StoppedError(Exception):
    """A peer's turn was over."""


@contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    """Raises `_StoppedError` in the main thread when so many seconds are over."""

    def stop(*_: object) -> None:
        raise _StoppedError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

"""A pytest plugin for workers: each call that a case hands over is also timed by our peers, just before.

Same process, same call, same memory, within a second of each other. What the peers read goes into the case's
`extra_info` under `peers`, as JSON: for each the seconds per call by its own rule, how long it took by its
own rule, and its series with the moments at which each entry was there. They run at the priority that they
have when a user starts them, which is any program's.
"""

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measure import priority

WIDTH = 0.02
"""Half-width, relative to the median, that every tool is asked for."""

PATIENCE_S = 1.0
"""How much longer blocked_autorange may go on where its usual 0.2 s do not make it so narrow."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    result = yield
    if isinstance(result, BenchmarkFixture):
        steered = type(result)

        class WithPeers(steered):  # type: ignore[misc, valid-type]  # whatever class steers it
            def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                with _as_any_program():
                    peers = {
                        "blocked_autorange": _blocked_autorange(function, args, kwargs),
                        "pytest-benchmark": _pytest_benchmark(self, function, args, kwargs),
                    }
                self.extra_info["peers"] = json.dumps(peers)
                return super().__call__(function, *args, **kwargs)

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


def _blocked_autorange(function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    import torch
    from torch.utils.benchmark import Timer

    from bench.measure.schedule import relative_width

    timer = Timer(
        "function(*args, **kwargs)",
        globals={"function": function, "args": args, "kwargs": kwargs},
        num_threads=torch.get_num_threads(),
    )
    series: list[tuple[float, float]] = []
    begun_s = time.perf_counter()

    def note(number: int, seconds: float) -> None:
        series.append((time.perf_counter() - begun_s, seconds / number))

    usual = timer.blocked_autorange(callback=note)  # type: ignore[arg-type]  # a callback may return
    took_s = time.perf_counter() - begun_s
    if relative_width([seconds for _, seconds in series]) > WIDTH:
        timer.blocked_autorange(callback=note, min_run_time=PATIENCE_S)  # type: ignore[arg-type]  # likewise
    return {"seconds": usual.median, "took_s": took_s, "series": series}


def _pytest_benchmark(fixture: Any, function: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    begun_s = time.perf_counter()
    measure: Any = BenchmarkFixture.__call__  # pytest-benchmark is untyped
    measure(fixture, function, *args, **kwargs)
    took_s = time.perf_counter() - begun_s
    rounds = fixture.stats.stats.sorted_data
    found = {
        "seconds": fixture.stats.stats.mean,
        "median_s": median(rounds),
        "took_s": took_s,
        "rounds": len(rounds),
    }
    fixture._mode, fixture.stats = None, None  # as good as new for the one that steers it
    return found

"""What a benchmark calls: `benchmark(fn, ...)` or `benchmark.pedantic(...)`, ready to be timed."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from keyword import iskeyword
from typing import Any, Protocol

from bench.measure.devices.device import Device, Timed
from bench.measure.worker.identity import of_call
from bench.records import Kind

LEAD = 20
"""Calls of a block to each that is made untimed just before it: what comes between blocks leaves caches cold
and threads asleep. See docs/measurements.md, "Calls that lead a block in"."""

MIN_LED = 2
"""Calls of the shortest block that is led in: a single call, of 10 ms or more, would cost as much again."""

LONG_CALL_S = 0.01
"""From here on a call leads in no block of fewer than LEAD: of two it would cost half as much again.
See docs/measurements.md, "Calls that lead a block in"."""

LOOP = """
def loop_of(function{values}):
    def loop(calls):
        for _ in repeat(None, calls):
            function({call})
    return loop
"""


TWICE_EVERY = "BENCH_TWICE_EVERY"
"""The environment variable that slows a worker down: of how many calls one is made twice; unset: none is.
Both sides of a comparison set it, since the wrapper itself costs a tenth of a microsecond a call."""

NEVER = 1 << 30
"""The period of a side that is not slowed down."""


Watch = Callable[[Callable[[], Timed]], Timed]
"""Times what it is given, with readings just before and after it."""


def alone(time: Callable[[], Timed]) -> Timed:
    """Nothing is read."""
    return time()


class Calls(Protocol):
    """Calls to be timed. `left` is how many may still be made in this visit, None for any number."""

    left: int | None
    result: Any

    @property
    def one_by_one(self) -> bool: ...

    def run(self, calls: int) -> object: ...

    def forget(self) -> None: ...

    def identity(self) -> str: ...

    def time(self, device: Device, kind: Kind, calls: int, watched: Watch = alone) -> Timed: ...


def leading(calls: int, call_s: float) -> int:
    """How many calls lead a block of so many in, each of which takes about `call_s`."""
    if calls < MIN_LED or call_s >= LONG_CALL_S:
        return calls // LEAD
    return max(calls // LEAD, 1)


class PlainCalls:
    """The calls of `benchmark(fn, *args, **kwargs)`; the first one's value is the result."""

    left: int | None = None
    one_by_one = False

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.result: Any = None
        self._called = False
        self._once: Callable[[], Any] = partial(function, *args, **kwargs)
        self._many = _loop(function, args, kwargs)
        self._parts = function, args, kwargs

    def forget(self) -> None:
        """Lets go of the result, which takes memory; the next call's stands for it."""
        self.result, self._called = None, False

    def identity(self) -> str:
        """What the call is, in a line; "" where that cannot be told."""
        return of_call(*self._parts)

    def run(self, calls: int) -> None:
        if self._called:
            self._many(calls)
        else:
            self.result = self._once()
            self._called = True
            self._many(calls - 1)

    def time(self, device: Device, kind: Kind, calls: int, watched: Watch = alone) -> Timed:
        run = self._many if self._called else self.run  # the loop itself, without one more frame around it
        return watched(lambda: device.time(kind, run, calls))


def _loop(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Callable[[int], None]:
    """A loop of calls that names every argument, as timeit's: unpacking takes 35 to 120 ns more a call.

    Around each call go 16 ns.
    """
    values = {f"value_{place}": value for place, value in enumerate([*args, *kwargs.values()])}
    keywords = [*[""] * len(args), *(f"{name}=" for name in kwargs)]
    call = ", ".join(keyword + value for keyword, value in zip(keywords, values, strict=True))
    if not all(name.isidentifier() and not iskeyword(name) for name in kwargs):
        values, call = {"args": args, "kwargs": kwargs}, "*args, **kwargs"
    source = LOOP.format(values=", ".join(["", *values]), call=call)
    names: dict[str, Any] = {"repeat": repeat}
    exec(compile(source, __file__, "exec"), names)  # stacks show this file's name
    loop: Callable[[int], None] = names["loop_of"](function, **values)
    return loop


@dataclass
class PedanticCalls:
    """The calls of `benchmark.pedantic`: never more in a visit than its rounds times iterations.

    It takes pytest-benchmark's arguments, and raises ValueError where that would. With `setup` or `teardown`
    each call is timed by itself, with them outside; without, they are made as plain calls are.
    """

    target: Callable[..., Any]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    setup: Callable[[], Any] | None = None
    teardown: Callable[..., Any] | None = None
    rounds: int = 1
    warmup_rounds: int = 0
    iterations: int = 1
    left: int | None = field(init=False)
    result: Any = field(init=False, default=None)
    bare: "PlainCalls | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name, least in (("iterations", 1), ("rounds", 1), ("warmup_rounds", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ValueError(f"Must have positive int for `{name}`.")
        if self.iterations > 1 and self.setup:
            raise ValueError("Can't use more than 1 `iterations` with a `setup` function.")
        self.left = (self.rounds + self.warmup_rounds) * self.iterations
        if self.setup is None and self.teardown is None:
            self.bare = PlainCalls(self.target, tuple(self.args), self.kwargs or {})

    def forget(self) -> None:
        """Lets go of the result."""
        self.result = None
        if self.bare:
            self.bare.forget()

    @property
    def one_by_one(self) -> bool:
        """Whether each call is timed by itself."""
        return self.bare is None

    def identity(self) -> str:
        """What the call is; "" with a set-up, which may make each call another."""
        return self.bare.identity() if self.bare else ""

    def run(self, calls: int) -> None:
        """Untimed calls, outside the count."""
        if self.bare:
            self.bare.run(calls)
            self.result = self.bare.result
            return
        for _ in repeat(None, calls):
            args, kwargs = self._arguments()
            self.result = self.target(*args, **kwargs)
            if self.teardown:
                self.teardown(*args, **kwargs)

    def time(self, device: Device, kind: Kind, calls: int, watched: Watch = alone) -> Timed:
        assert self.left is not None
        self.left -= calls
        if self.bare:
            timed = self.bare.time(device, kind, calls, watched)
            self.result = self.bare.result
            return timed
        return _sum([self._one(device, kind, watched) for _ in range(calls)])

    def _one(self, device: Device, kind: Kind, watched: Watch) -> Timed:
        args, kwargs = self._arguments()

        def call(_calls: int) -> None:
            self.result = self.target(*args, **kwargs)

        timed = watched(lambda: device.time(kind, call, 1))
        if self.teardown:
            self.teardown(*args, **kwargs)
        return timed

    def _arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        from_setup: tuple[Sequence[Any], Mapping[str, Any]] | None = self.setup() if self.setup else None
        if not from_setup:
            return self.args, self.kwargs or {}
        if self.args or self.kwargs:
            raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
        return from_setup


def _sum(parts: list[Timed]) -> Timed:
    """One block of calls that were timed one by one."""

    def total(values: list[float | None]) -> float | None:
        read = [value for value in values if value is not None]
        return sum(read) if len(read) == len(values) else None

    host_s, device_s = total([part.host_s for part in parts]), total([part.device_s for part in parts])
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Timed(sum(part.wall_s for part in parts), host_s, device_s, tuple(notes))


def period(slowdown: float) -> int:
    """Of how many calls one is made twice for a slowdown, a share such as 0.05."""
    return round(1 / slowdown) if slowdown else NEVER


def slowed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, slowed down as this process's environment says."""
    asked = os.environ.get(TWICE_EVERY)
    if asked is None:
        return function
    every, calls = int(asked), 0

    def calling(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % every == 0:
            function(*args, **kwargs)
        return function(*args, **kwargs)

    return calling

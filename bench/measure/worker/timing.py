"""What happens at `benchmark(...)` in a worker: blocks are timed as the coordinator asks."""

import inspect
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import plain
from bench.disturbance import TELLING_S
from bench.measure import compat
from bench.measure.devices import available, device
from bench.measure.devices.device import Device, Loop, Timed
from bench.measure.host.interference import Interference, Readings
from bench.measure.originals import time
from bench.measure.worker import memory, protocol
from bench.measure.worker.calls import Calls, PedanticCalls, PlainCalls, leading, slowed
from bench.measure.worker.profiling import profiler
from bench.measure.worker.settings import of_torch
from bench.records import Block


@dataclass
class CaseTimer:
    """Times the blocks of one visit, which began at `started_s`; all of them within `while_timed`.

    `before` is the memory that was in use when it began, `peak_bytes` the most that a call was seen to need.
    A test may call `benchmark` in a thread of its own: `called` says that it did, `over` that its visit has
    ended, which waits until all blocks are timed.
    """

    channel: protocol.Channel
    readings: Readings
    device: str
    started_s: float
    while_timed: Callable[[], AbstractContextManager[object]] = nullcontext
    before: memory.Before = field(default_factory=memory.Before)
    peak_bytes: int | None = None
    called: bool = False
    over: bool = False
    _timing: threading.Lock = field(default_factory=threading.Lock)

    def time(self, calls: Calls, extra_info: object) -> list[Block]:
        """Announces the calls and obeys until the coordinator is done; all blocks that it asked for.

        Raises RuntimeError where the visit has ended.
        """
        target = available.get(self.device)
        setup_s = device.clock() - self.started_s
        with self._timing, self.while_timed():
            if self.over:
                raise RuntimeError("benchmark(...) was called in a thread that outlives its test: join it")
            self.called = True
            self.channel.send(protocol.Announced(setup_s, calls.left))
            return self._obeyed(target, calls, extra_info)

    def end(self) -> None:
        """Ends the visit: what another thread still times is waited for, and nothing is timed any more."""
        with self._timing:
            self.over = True

    def _obeyed(self, target: Device, calls: Calls, extra_info: object) -> list[Block]:
        blocks: list[Block] = []
        for command in iter(self.channel.receive, protocol.Done()):
            match command:
                case protocol.Record("work"):
                    self.channel.send(
                        recorded_work(target, calls, extra_info, blocks, self.before, self.peak_bytes)
                    )
                case protocol.Record():
                    self.channel.send(profiler.record(target, calls, command))
                case protocol.TimeBlock():
                    time_ = self.block_and_peak if command.peak else self.block
                    blocks.append(time_(target, calls, command))
                    self.channel.send(blocks[-1])
                case protocol.Exit():  # in the middle of a case, as on Ctrl-C
                    os._exit(0)
        return blocks

    def block_and_peak(self, target: Device, calls: Calls, command: protocol.TimeBlock) -> Block:
        """One block, while the most memory that it needs is seen, where that can be."""
        blocks: list[Block] = []
        calls.forget()
        self.peak_bytes = memory.peak_bytes(
            lambda _: blocks.append(self.block(target, calls, command)), target, self.before
        )
        return blocks[0] if blocks else self.block(target, calls, command)

    def block(self, target: Device, calls: Calls, command: protocol.TimeBlock) -> Block:
        """One block, with what others took from it."""
        if command.kind == "wall" and not target.is_accelerator and calls.left is None:
            calls.run(leading(command.calls, command.expected_s / command.calls))
        allocations = target.allocator_counts()
        start_s = time.monotonic()
        parts: list[Interference] = []

        def watched(time_: Callable[[], Timed]) -> Timed:
            self.readings.before(command.expected_s)
            timed = time_()
            parts.append(self.readings.after())
            return timed

        apart = calls.one_by_one and command.calls > 1 and command.expected_s >= TELLING_S
        others_share = self.readings.stretch() if apart else lambda: None
        timed = calls.time(target, command.kind, command.calls, watched)
        taken = asdict(parts[0] if len(parts) == 1 else together(parts, timed.wall_s, others_share))
        notes = [*timed.notes, *taken.pop("notes")]
        if allocations != target.allocator_counts():
            notes.append("allocated")
        times_s = timed.wall_s, timed.host_s, timed.device_s
        return Block(command.kind, start_s, command.calls, *times_s, notes=tuple(notes), **taken)


def together(
    parts: Sequence[Interference], wall_s: float, others_share: Callable[[], float | None]
) -> Interference:
    """What others took from calls that were timed one by one, with a set-up between them that does not count.

    Processor time of others is told of half a second and more alone: of such calls none tells. Where their
    own delay says nothing, since they are a crowd's, they have the share that others held while they and
    their set-ups were made.
    """

    def total(values: Sequence[float | None]) -> float | None:
        read = [value for value in values if value is not None]
        return sum(read) if len(read) == len(values) else None

    number = min(part.processors for part in parts)
    foreign_s = total([part.foreign_s for part in parts])
    if foreign_s is None and any(part.is_crowd for part in parts) and (share := others_share()) is not None:
        foreign_s = share * wall_s * number
    return Interference(
        delay_s=total([part.delay_s for part in parts]),
        foreign_s=foreign_s,
        throttled_s=total([part.throttled_s for part in parts]),
        pace_s=max(part.pace_s for part in parts),
        threads=max(part.threads for part in parts),
        children=max(part.children for part in parts),
        processors=number,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def recorded_work(
    target: Device,
    calls: Calls,
    extra_info: object,
    timed: Sequence[Block],
    before: memory.Before,
    peak_bytes: int | None = None,
) -> protocol.Recorded:
    """What timing would disturb: what a call is, memory needed and kept, FLOPs where the case declares them.

    Of calls that take long memory is not traced: that slows them down further, and needs several. Where
    `peak_bytes` was seen while they were warmed up, none is made for it.
    """
    facts: dict[str, int | str | None] = {"call": calls.identity() or None}
    if not timed or timed[-1].wall_s / timed[-1].calls <= memory.MOST_S:
        facts |= memory.of_calls(calls.run, target.allocated)
    if peak_bytes is None:
        calls.forget()
        peak_bytes = memory.peak_bytes(calls.run, target, before)
    peaks = facts.get("peak_memory_bytes"), peak_bytes
    # Python's allocators are exact where the system counts pages, and do not see torch's tensors.
    facts["peak_memory_bytes"] = max((peak for peak in peaks if peak is not None), default=None)
    if calls.result is None:  # memory was not told of, so that no call has made it anew
        calls.run(1)
    if plain.facts(extra_info).get("flops"):
        facts["counted_flops"] = counted_flops(calls.run)
    return protocol.Recorded(facts={name: value for name, value in facts.items() if value is not None})


def counted_flops(run: Loop) -> int | None:
    """What torch's `FlopCounterMode` counts in one call; None where torch is not there or cannot say.

    It knows products, convolutions and attention; of elementwise work, or outside torch, it counts nothing.
    """
    if not of_torch.is_loaded():
        return None
    from torch.utils.flop_counter import FlopCounterMode

    try:
        with FlopCounterMode(display=False) as counter:
            run(1)
    except (RuntimeError, NotImplementedError, TypeError, AssertionError):  # not every call can be looked at
        return None
    return int(counter.get_total_flops()) or None


NAP_S, NAPS = 0.003, 3
"""How long a timer is watched, some thousand times what reading two clocks takes; and how often, since others
may keep this process from reading the second one."""


def runs_with_the_clock(timer: Callable[[], float]) -> bool:
    """Whether a timer counts the seconds of a nap, as a wall clock does; processor time has none."""
    known = timer is time.perf_counter or isinstance(getattr(timer, "__self__", None), Device)
    return known or any(_counts_a_nap(timer) for _ in range(NAPS))


def _counts_a_nap(timer: Callable[[], float]) -> bool:
    start_s, started_s = device.clock(), timer()
    time.sleep(NAP_S)
    wall_s, counted_s = device.clock() - start_s, timer() - started_s
    return 0.9 <= counted_s / wall_s <= 1.1


def _refuse_coroutines(function: object) -> None:
    """Skips the test whose calls would only make coroutines, which nobody awaits."""
    if inspect.iscoroutinefunction(function):
        pytest.skip(
            "its call makes a coroutine that nobody awaits: time one that runs it, such as "
            "lambda: asyncio.run(work())"
        )


class SteeredFixture(BenchmarkFixture):
    """pytest-benchmark's fixture, made to obey the coordinator. Set on finished fixtures only."""

    timer: CaseTimer
    raised: BaseException | None = None

    def __call__(self, function_to_benchmark: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_coroutines(function_to_benchmark)
        return self._obey("benchmark(...)", PlainCalls(slowed(function_to_benchmark), args, kwargs))

    def pedantic(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_coroutines(target)
        return self._obey("benchmark.pedantic(...)", PedanticCalls(slowed(target), *args, **kwargs))

    def _obey(self, mode: str, calls: Calls) -> Any:
        compat.use(self, mode)
        if not runs_with_the_clock(asked := compat.timer(self)):
            pytest.skip(f"it asks for the timer {compat.name_of(asked)}; bench times by the wall clock alone")
        try:
            blocks = self.timer.time(calls, self.extra_info)
        except Exception as error:
            self.has_error, self.raised = True, error
            raise
        timed = [block for block in blocks if block.kind == "wall"] or blocks
        compat.fill_stats(self, [block.wall_s / block.calls for block in timed])
        return calls.result

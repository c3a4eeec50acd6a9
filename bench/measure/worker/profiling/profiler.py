"""What a worker records of a case beside its time: operators, Python stacks, and what surrounds a call.

Each is a recording of its own, in a visit of its own, after the timing: none disturbs another.

    watch      plain calls: how long one takes, processes and threads meanwhile, optimizer steps in it
    operators  torch.profiler: a trace with operators, shapes, FLOPs and memory; ONNX Runtime's own profile
    stacks     py-spy samples the Python stacks of the worker and its children

Within a trace every call is marked `call`; where only some optimizer steps of a call are recorded, torch's
own `ProfilerStep#N` marks them.
"""

import json
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import compat
from bench.measure.devices.device import Device, Loop, Timed
from bench.measure.worker.calls import Calls
from bench.measure.worker.profiling import onnx_profile, stacks, watching
from bench.measure.worker.protocol import Record, Recorded
from bench.records import Kind

CALL = "call"
"""The mark around each call in a trace."""

PROFILING = "BENCH_PROFILING"
"""Set in the environment while operators are recorded: suites then mark the phases of their work."""

RAW_TRACE, EXTRAS = "raw.json", "extras.json"
"""What a recording leaves in its folder: torch's trace as exported, and what is to be added to it."""


def record(target: Device, calls: Calls, command: Record) -> Recorded:
    """Makes one recording of a case that is set up; says what came of it, with files in `folder`."""
    recorder = {"watch": watching.watch, "operators": _operators, "stacks": stacks.sample}[command.what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the profiler's own; a suite may have made warnings errors
        return recorder(target, calls, command)


@dataclass(frozen=True)
class Marking(Device):
    """A device that marks each call in the trace where it would time them."""

    def time(self, kind: Kind, run: Loop, calls: int) -> Timed:
        from torch.profiler import record_function

        def marked(calls: int) -> None:
            for _ in range(calls):
                with record_function(CALL):
                    run(1)

        return super().time(kind, marked, calls)


def _operators(target: Device, calls: Calls, command: Record) -> Recorded:
    """Records calls under torch.profiler; of one call only `active` of its steps, where that is given."""
    from torch.profiler import profile, schedule

    folder, active = Path(command.folder), command.active
    trace = _Trace(folder, command.max_events)
    window = schedule(wait=command.skip, warmup=1, active=active, repeat=1) if active else None
    with _no_words_on_stderr():
        profiler = profile(
            activities=activities(target.name),
            schedule=window,
            on_trace_ready=trace.take,
            record_shapes=True,
            profile_memory=True,
            with_flops=True,
        )
        stepping = watching.each_optimizer_step(profiler.step) if active else nullcontext()
        with onnx_profile.read() as onnx_events, own_timeline(target) as queued, profiler, stepping:
            os.environ[PROFILING] = "1"
            try:
                timed = calls.time(Marking(target.name), "wall", command.calls)
            finally:
                del os.environ[PROFILING]
    if trace.events <= command.max_events:
        extras = {"flops": trace.flops, "onnxruntime": onnx_events, "device": queued, "name": target.name}
        (folder / EXTRAS).write_text(json.dumps(extras), "utf-8")
    return Recorded(timed.wall_s, command.calls, events=trace.events)


def activities(device: str) -> list[Any]:
    """What torch.profiler can record for a device: the processor, and the device where Kineto knows it."""
    from torch.profiler import ProfilerActivity, supported_activities

    kind = device.partition(":")[0].upper()
    own = getattr(ProfilerActivity, kind, None)
    supported = supported_activities()  # type: ignore[no-untyped-call]  # torch's function has no types
    return [ProfilerActivity.CPU, *([own] if kind != "CPU" and own in supported else [])]


@dataclass
class _Trace:
    """Exports a trace when the profiler has one; one of more than `max_events` is only counted."""

    folder: Path
    max_events: int
    events: int = 0
    flops: dict[int, int] = field(default_factory=dict)

    def take(self, profiler: Any) -> None:
        recorded = compat.recorded_events(profiler)
        self.events += len(recorded)
        if self.events > self.max_events:
            return
        # torch leaves an operator's FLOPs out of the trace, which has its correlation id as "External id".
        self.flops = {event.correlation_id(): event.flops() for event in recorded if event.flops()}
        profiler.export_chrome_trace(str(self.folder / RAW_TRACE))


@contextmanager
def own_timeline(target: Device) -> Iterator[list[dict[str, Any]]]:
    """What a device says that it ran, for one that Kineto does not know.

    Its module may offer `observe_queue(observer)`: from then on `observer(name, start_s, end_s)` is called
    for each piece of work when it is queued, with when the device works on it. `observe_queue(None)` ends
    it.
    """
    observe = getattr(target.module, "observe_queue", None)
    queued: list[dict[str, Any]] = []
    if observe is None:
        yield queued
        return

    def observer(name: str, start_s: float, end_s: float) -> None:
        queued.append({"name": name, "queued_ns": time.time_ns(), "start_s": start_s, "end_s": end_s})

    observe(observer)
    try:
        yield queued
    finally:
        observe(None)


@contextmanager
def _no_words_on_stderr() -> Iterator[None]:
    """Keeps Kineto's chatter, written by C++, out of a worker's last words."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

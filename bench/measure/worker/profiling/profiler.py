"""What a worker records of a case beside its time: operators, Python stacks, and what surrounds a call.

Each is a recording of its own, in a visit of its own, after the timing: none disturbs another.

    watch      plain calls: how long one takes, processes and threads meanwhile, optimizer steps in it
    operators  torch.profiler: a trace with operators, shapes, FLOPs and memory; ONNX Runtime's own profile
    stacks     py-spy samples the Python stacks of the worker and its children

Within a trace every call is marked `call`; where only some optimizer steps of a call are recorded, torch's
own `ProfilerStep#N` marks them.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import compat
from bench.measure.devices.device import Device, Loop, Timed
from bench.measure.host import environment
from bench.measure.host.interference import descendants_run_s
from bench.measure.worker.calls import Calls
from bench.measure.worker.profiling import onnx_profile
from bench.measure.worker.protocol import Record, Recorded
from bench.records import Kind

CALL = "call"
"""The mark around each call in a trace."""

PROFILING = "BENCH_PROFILING"
"""Set in the environment while operators are recorded: suites then mark the phases of their work."""

RAW_TRACE, EXTRAS, STACKS = "raw.json", "extras.json", "stacks.speedscope.json"
"""What a recording leaves in its folder: torch's trace as exported, what is to be added to it, stacks."""

WATCH_S = 0.01
"""How often living children and threads are counted: a worker of a DataLoader lives far longer."""

SAMPLES_PER_S = 200
"""py-spy's samples a second: a few hundred of them in the shortest recording, a load of a few percent."""

STACKS_S = 1.5
"""The least time that stacks are sampled for."""

PY_SPY_START_S = 10.0
"""Patience with py-spy's first word and its last; it takes 0.03 s and, to write, about as long."""


def record(target: Device, calls: Calls, command: Record) -> Recorded:
    """Makes one recording of a case that is set up; says what came of it, with files in `folder`."""
    recorder = {"watch": _watch, "operators": _operators, "stacks": _stacks}[command.what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the profiler's own; a suite may have made warnings errors
        return recorder(target, calls, command)


# Plain calls, watched.


def _watch(target: Device, calls: Calls, command: Record) -> Recorded:
    steps: list[None] = []
    with _highest_counts() as counts, _each_optimizer_step(lambda: steps.append(None)):
        allocations = target.allocator_counts()
        timed = calls.time(target, "wall", command.calls)
        allocated = target.allocator_counts()
    onnx_profile.watch_sessions()
    grown = (after - before for before, after in zip(allocations, allocated, strict=True))
    return Recorded(
        timed.wall_s,
        command.calls,
        steps=len(steps),
        facts=facts() | counts,
        allocator=dict(zip(("device_allocations", "retries"), grown, strict=False)),
    )


def facts() -> dict[str, Any]:
    """What decides how fast the same code runs here: versions, variables, torch's threads and flags."""
    versions: dict[str, Any] = {
        "python": environment.python()["version"],
        "packages": environment.packages(),
        "variables": environment.variables(os.environ),
    }
    if torch := sys.modules.get("torch"):
        versions["torch"] = environment.torch_facts() | {
            "default_dtype": str(torch.get_default_dtype()),
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
        }
        versions["torch"].pop("build")
    return versions


@contextmanager
def _highest_counts() -> Iterator[dict[str, int]]:
    """The most children and threads of this process that lived at one time while this is open."""
    counts = {"processes": 0, "process_threads": 0}
    over = threading.Event()

    def count() -> None:
        counts["processes"] = max(counts["processes"], len(descendants_run_s()))
        with suppress(OSError):  # only Linux lists them there
            threads = len(os.listdir("/proc/self/task")) - 1  # without the one that counts
            counts["process_threads"] = max(counts["process_threads"], threads)

    def count_until_over() -> None:
        while not over.wait(WATCH_S):
            count()

    thread = threading.Thread(target=count_until_over, daemon=True)
    thread.start()
    try:
        yield counts
    finally:
        count()
        over.set()
        thread.join()


@contextmanager
def _each_optimizer_step(then: Callable[[], None]) -> Iterator[None]:
    """Calls `then` after each step of any of torch's optimizers."""
    if "torch" not in sys.modules:
        yield
        return
    from torch.optim.optimizer import register_optimizer_step_post_hook

    hook = register_optimizer_step_post_hook(lambda *_: then())
    try:
        yield
    finally:
        hook.remove()


# Operators.


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
        stepping = _each_optimizer_step(profiler.step) if active else nullcontext()
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


# Stacks.


def _stacks(target: Device, calls: Calls, command: Record) -> Recorded:
    """Lets py-spy sample this process and its children during calls; `missing` says why it could not."""
    file = Path(command.folder) / STACKS
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_let_be_read)
        _let_be_read()
    spy = subprocess.Popen(
        [command.py_spy, "record", "--pid", str(os.getpid()), "--subprocesses", "--nonblocking",
         "--rate", str(SAMPLES_PER_S), "--format", "speedscope", "--output", str(file)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert spy.stdout is not None
        first_words = spy.stdout.readline()
        if "Sampling" not in first_words:
            return Recorded(missing=_why_not(first_words + _rest_of(spy)))
        _call_repeatedly(target, calls, command.calls)
        spy.send_signal(signal.SIGINT)  # it writes its file then
        last_words = _rest_of(spy)
    finally:
        spy.kill()
        spy.wait()
    return Recorded(missing="" if file.is_file() else _why_not(last_words))


def _call_repeatedly(target: Device, calls: Calls, at_once: int) -> None:
    """Calls, for as long as stacks are to be sampled, and as often as the test allows."""
    until_s = time.monotonic() + STACKS_S
    calls.time(target, "wall", at_once)
    while time.monotonic() < until_s and (calls.left is None or calls.left >= at_once):
        calls.time(target, "wall", at_once)


def _rest_of(spy: "subprocess.Popen[str]") -> str:
    try:
        return spy.communicate(timeout=PY_SPY_START_S)[0]
    except subprocess.TimeoutExpired:
        return "it did not end"


def _why_not(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"py-spy could not read this process: {lines[-1] if lines else 'it said nothing'}"


def _let_be_read() -> None:
    """Lets py-spy read this process, where Linux would let only ancestors (Yama)."""
    pr_set_ptracer, any_process = 0x59616D61, ctypes.c_ulong(-1)  # <linux/prctl.h>
    ctypes.CDLL(None).prctl(pr_set_ptracer, any_process, 0, 0, 0)

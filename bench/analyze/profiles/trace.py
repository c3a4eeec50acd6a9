"""A profile's trace as frames: spans with their own time, what launched them and their phase; allocations.

The trace is in the trace-event format (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU),
as torch's Kineto exports it, with what `bench.analyze.profiles.merge` adds.
Times in it are microseconds; in the frames they are seconds from the first event that counts.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Event = dict[str, Any]

CALL = "call"
STEP = "ProfilerStep#"
"""What marks a call in a trace, and a step where only some of a call's steps were recorded."""

PHASES = ("data", "transfer", "forward", "loss", "backward", "optimizer", "wait", "test")
"""Marks that a training loop makes by `torch.profiler.record_function`."""

TORCHS_PHASES = {
    "enumerate(DataLoader)": "data",
    "Optimizer.step#": "optimizer",
    "Optimizer.zero_grad#": "optimizer",
    "autograd::engine::evaluate_function": "backward",
}
"""How torch marks by itself what a loop without such marks does; its rest is then forward pass and loss."""

REST = "forward, loss"

ONNXRUNTIME = "onnxruntime"

KINDS = {
    "cpu_op": "operator", "user_annotation": "mark", ONNXRUNTIME: ONNXRUNTIME,
    "kernel": "kernel", "device_work": "kernel", "gpu_memcpy": "copy", "gpu_memset": "copy",
    "cuda_runtime": "runtime", "cuda_driver": "runtime", "xpu_runtime": "runtime",
    "privateuse1_runtime": "runtime",
}  # fmt: skip
"""Categories of the trace that take time, by what they are here. `kernel` and `copy` run on the device."""

ON_DEVICE = ("kernel", "copy")

DEVICE_TYPES = {0: "cpu", 1: "cuda", 12: "xpu", 13: "mps", 20: "privateuseone"}
"""c10::DeviceType, as allocations name their device (torch: c10/core/DeviceType.h)."""


@dataclass(frozen=True)
class Trace:
    """A trace that was read: `spans`, `memory`, and the seconds that its calls (or steps) took.

    `spans` has a row a span: name, kind, track, start_s, duration_s, self_s, device_s (of what it launched),
    depth, parent (row, -1 for none), shapes, types, flops, allocated_bytes, phase. `memory` has a row an
    allocation or a return: at_s, device, bytes (negative: returned), allocated_bytes (afterwards).
    """

    spans: pd.DataFrame
    memory: pd.DataFrame
    wall_s: float
    calls: int


def read(trace: Mapping[str, Any]) -> Trace:
    """The frames of a merged trace. Raises ValueError where no call is marked in it."""
    taking = [event for event in trace["traceEvents"] if event.get("ph") == "X" and event.get("cat") in KINDS]
    marks = _marks(taking)
    if not marks:
        raise ValueError("the trace marks no call; expected one that `bench profile` recorded")
    counted = list(_counted(taking, marks))
    begin_us = marks[0]["ts"]
    spans = _with_phases(_spans(counted, begin_us))
    memory = _memory(trace["traceEvents"], counted, spans, begin_us)
    on_device = spans[spans["kind"].isin(ON_DEVICE)]
    late_s = (on_device["start_s"] + on_device["duration_s"]).max() - (_end(marks[-1]) - begin_us) / 1e6
    wall_s = sum(mark["dur"] for mark in marks) / 1e6 + (late_s if late_s > 0 else 0.0)
    return Trace(spans, memory, wall_s, len(marks))


def _end(event: Event) -> float:
    return float(event["ts"] + event["dur"])


def _counted(events: Iterable[Event], marks: list[Event]) -> Iterable[Event]:
    """What happens within the marks, and on the device what was launched there: set-ups lie between them.

    What was still open when the recording ended is cut there. A step's mark lies across what it marks, since
    steps end within the optimizer: it is no span itself.
    """
    starts = [mark["ts"] for mark in marks]

    def within(moment_us: float) -> bool:
        at = bisect_right(starts, moment_us) - 1
        return at >= 0 and moment_us <= _end(marks[at])

    on_host = [
        {**event, "dur": min(event["dur"], _end(marks[-1]) - event["ts"])}
        for event in events
        if KINDS[event["cat"]] not in ON_DEVICE and within(event["ts"]) and not event["name"].startswith(STEP)
    ]
    yield from on_host
    launching = {event.get("args", {}).get("External id") for event in on_host}
    for event in events:
        if KINDS[event["cat"]] in ON_DEVICE:
            args = event.get("args", {})
            if within(args["queued"]) if "queued" in args else args.get("External id") in launching:
                yield event


def _marks(events: Iterable[Event]) -> list[Event]:
    marks = [event for event in events if event["cat"] == "user_annotation"]
    calls = [event for event in marks if event["name"] == CALL]
    steps = [event for event in marks if event["name"].startswith(STEP)]
    return sorted(calls or steps, key=lambda event: event["ts"])


def _spans(events: list[Event], begin_us: float) -> pd.DataFrame:
    """The spans, each after the one it lies in."""
    places = {id(event): place for place, event in enumerate(events)}

    def outer_first(event: Event) -> tuple[Any, ...]:
        begun = str(event["pid"]), str(event["tid"]), event["ts"]
        if event["cat"] == ONNXRUNTIME:  # in whole microseconds, and written as it ends: the outer ones last
            return (*begun, 0.0, -places[id(event)])
        return (*begun, -event["dur"], 0)

    events.sort(key=outer_first)
    parents, depths, own_us = _nested(events)
    spans = pd.DataFrame(
        {
            "name": [event["name"] for event in events],
            "kind": pd.Categorical([KINDS[event["cat"]] for event in events]),
            "track": [f"{event['pid']}/{event['tid']}" for event in events],
            "start_s": (np.array([event["ts"] for event in events], float) - begin_us) / 1e6,
            "duration_s": np.array([event["dur"] for event in events], float) / 1e6,
            "self_s": np.array(own_us, float) / 1e6,
            "depth": depths,
            "parent": parents,
            "shapes": [_shapes(event.get("args", {}).get("Input Dims")) for event in events],
            "types": [_types(event.get("args", {}).get("Input type")) for event in events],
            "flops": [int(event.get("args", {}).get("flops", 0)) for event in events],
        }
    )
    launcher = _launchers(events, spans)
    device_s = np.zeros(len(spans))
    launched = launcher >= 0
    np.add.at(device_s, launcher[launched], spans["duration_s"].to_numpy()[launched])
    spans["device_s"] = device_s
    spans["launcher"] = launcher
    return spans


def _nested(events: list[Event]) -> tuple[list[int], list[int], list[float]]:
    """For events sorted by track and start: what each lies in, how deep, and the time that is its own."""
    parents, depths = [-1] * len(events), [0] * len(events)
    own = [float(event["dur"]) for event in events]
    open_: list[int] = []
    track: Any = None
    for row, event in enumerate(events):
        if (event["pid"], event["tid"]) != track:
            track, open_ = (event["pid"], event["tid"]), []
        while open_ and events[open_[-1]]["ts"] + events[open_[-1]]["dur"] <= event["ts"]:
            open_.pop()
        if open_:
            parents[row], depths[row] = open_[-1], len(open_)
            own[open_[-1]] -= event["dur"]
        open_.append(row)
    return parents, depths, [max(each, 0.0) for each in own]


def _shapes(dimensions: Any) -> str:
    """Shapes of inputs as "64x784, 512x784"; what is no tensor is left out."""
    named = ("x".join(map(str, each)) if isinstance(each, list) else "" for each in dimensions or ())
    return ", ".join(filter(None, named))


def _types(types: Any) -> str:
    """Types of inputs, each once, as "float, long int"; plain numbers are left out."""
    return ", ".join(dict.fromkeys(each for each in types or () if each and "Scalar" not in each))


def _launchers(events: list[Event], spans: pd.DataFrame) -> np.ndarray:
    """For each span on the device the row of the operator that launched it; -1 for none."""
    by_id = {
        event["args"]["External id"]: row
        for row, event in enumerate(events)
        if event["cat"] in ("cpu_op", "user_annotation") and "External id" in event.get("args", {})
    }
    launcher = np.full(len(events), -1)
    by_time: list[tuple[float, int]] = []
    for row, event in enumerate(events):
        args = event.get("args", {})
        if event["cat"] == "device_work":
            by_time.append((args["queued"], row))
        elif KINDS[event["cat"]] in ON_DEVICE:
            launcher[row] = by_id.get(args.get("External id"), -1)
    for moment, row in by_time:
        launcher[row] = _innermost(events, spans, moment)
    return launcher


def _innermost(events: list[Event], spans: pd.DataFrame, moment_us: float) -> int:
    """The innermost operator, of whatever track, that runs at a moment; -1 for none.

    `aten::mul` is an operator; `PythonSubclass`, around a kernel that is written in Python, is none.
    """
    deepest = -1
    for rows in spans.groupby("track", sort=False).indices.values():
        if KINDS[events[rows[0]]["cat"]] in ON_DEVICE:
            continue
        at = bisect_right(rows, moment_us, key=lambda row: events[row]["ts"]) - 1
        row = int(rows[at]) if at >= 0 else -1
        while row >= 0 and (_end(events[row]) < moment_us or "::" not in events[row]["name"]):
            row = int(spans["parent"].iat[row])
        if row >= 0 and (deepest < 0 or spans["depth"].iat[row] > spans["depth"].iat[deepest]):
            deepest = row
    return deepest


def _with_phases(spans: pd.DataFrame) -> pd.DataFrame:
    """The spans with the phase that each belongs to, "" for none: the loop's marks, else torch's own.

    What another thread does, such as autograd's for a device, belongs to the phase that goes on meanwhile;
    what the device does, to the phase that launched it.
    """
    outer, rest = _outermost(spans, {name: name for name in PHASES}), ""
    if not outer:
        outer = _outermost(spans, TORCHS_PHASES)
        rest = REST if any(phase == "backward" for _, _, phase in outer) else ""
    starts = [start for start, _, _ in outer]

    def phase_at(moment_s: float) -> str:
        at = bisect_right(starts, moment_s) - 1
        return outer[at][2] if at >= 0 and moment_s <= outer[at][1] else rest

    phases = np.array([phase_at(start) for start in spans["start_s"]], dtype=object)
    launcher = spans["launcher"].to_numpy()
    on_device = spans["kind"].isin(ON_DEVICE).to_numpy()
    phases[on_device] = np.where(launcher[on_device] >= 0, phases[launcher[on_device]], "")
    return spans.assign(phase=phases)


def _outermost(spans: pd.DataFrame, names: Mapping[str, str]) -> list[tuple[float, float, str]]:
    """Start, end and phase of the outermost spans whose name begins with one of `names`, in time order."""
    outermost: list[tuple[float, float, str]] = []
    by_loop = (spans["kind"] == "mark") & spans["name"].isin(list(names))
    candidates = spans[by_loop if names.keys() <= set(PHASES) else spans["name"].str.startswith(tuple(names))]
    table = candidates.sort_values("start_s")[["name", "start_s", "duration_s"]]
    for name, start, duration in table.itertuples(index=False):
        if not outermost or start >= outermost[-1][1]:
            phase = next(phase for prefix, phase in names.items() if name.startswith(prefix))
            outermost.append((start, start + duration, phase))
    return outermost


def _memory(
    trace_events: Iterable[Event], counted: list[Event], spans: pd.DataFrame, begin_us: float
) -> pd.DataFrame:
    """Allocations and returns in time order; what an operator allocated itself goes into its span."""
    changes = [event for event in trace_events if event.get("name") == "[memory]"]
    by_track: dict[str, list[int]] = defaultdict(list)
    for row, event in enumerate(counted):
        by_track[f"{event['pid']}/{event['tid']}"].append(row)
    allocated = np.zeros(len(spans))
    parents, ends = spans["parent"].to_numpy(), [_end(event) for event in counted]
    kept = []
    for event in sorted(changes, key=lambda event: event["ts"]):
        args = event["args"]
        rows = by_track.get(f"{event['pid']}/{event['tid']}", [])
        at = bisect_right(rows, event["ts"], key=lambda row: counted[row]["ts"]) - 1
        row = rows[at] if at >= 0 else -1
        while row >= 0 and ends[row] < event["ts"]:
            row = int(parents[row])
        if row < 0:
            continue
        allocated[row] += max(args["Bytes"], 0)
        device = DEVICE_TYPES.get(args["Device Type"], str(args["Device Type"]))
        kept.append(((event["ts"] - begin_us) / 1e6, device, args["Bytes"], args["Total Allocated"]))
    spans["allocated_bytes"] = allocated
    return pd.DataFrame(kept, columns=["at_s", "device", "bytes", "allocated_bytes"])

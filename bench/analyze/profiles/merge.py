"""A profile's trace completed: what torch's own lacks is merged in, before it is stored and read."""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.analyze.profiles.trace import Event


def merged(raw: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """Torch's trace with what it lacks: FLOPs, ONNX Runtime's events, the device's own timeline."""
    flops = {int(number): count for number, count in extras.get("flops", {}).items()}
    base_us = int(raw.get("baseTimeNanoseconds", 0)) / 1e3
    trace_events: list[Event] = list(raw["traceEvents"])
    for event in trace_events:
        if event.get("cat") == "cpu_op" and (count := flops.get(event["args"].get("External id"))):
            event["args"]["flops"] = count
    process = next((event["pid"] for event in trace_events if event.get("cat") == "user_annotation"), 0)
    trace_events += _of_onnxruntime(extras.get("onnxruntime", ()), process, base_us)
    trace_events += _of_device(extras.get("device", ()), extras.get("name", ""), base_us)
    return {**raw, "traceEvents": trace_events}


def _of_onnxruntime(events: Iterable[Event], process: Any, base_us: float) -> Iterable[Event]:
    for event in events:
        args = {name: event[name] for name in event.keys() - {"name", "dur", "tid", "start_ns"}}
        start_us = event["start_ns"] / 1e3 - base_us
        track = {"pid": process, "tid": event["tid"]}
        yield _complete("onnxruntime", event["name"], track, start_us, event["dur"], args)


def _of_device(work: Iterable[Event], device: str, base_us: float) -> Iterable[Event]:
    """The device's clock may be any; it stood nearest to ours when its queue was empty: where work began
    as soon as it was queued."""
    work = list(work)
    if not work:
        return
    queued_us = [each["queued_ns"] / 1e3 - base_us for each in work]
    ahead_us = max(queued - each["start_s"] * 1e6 for queued, each in zip(queued_us, work, strict=True))
    yield {"ph": "M", "name": "process_name", "pid": device, "tid": 0, "ts": 0,
           "args": {"name": f"{device} (its own timeline)"}}  # fmt: skip
    track = {"pid": device, "tid": 0}
    for each, queued in zip(work, queued_us, strict=True):
        start_us, duration_us = each["start_s"] * 1e6 + ahead_us, (each["end_s"] - each["start_s"]) * 1e6
        yield _complete("device_work", each["name"], track, start_us, duration_us, {"queued": queued})


def _complete(category: str, name: str, track: Event, ts: float, dur: float, args: Event) -> Event:
    """What the trace-event format calls a complete event; `ts` and `dur` are its start and duration in µs."""
    return {"ph": "X", "cat": category, "name": name, **track, "ts": ts, "dur": dur, "args": args}

"""Traces and profiles made by hand, as Kineto and py-spy write them on a GPU machine."""

from pathlib import Path
from typing import Any

from bench.analyze.profiles import operators, trace
from bench.storage import profiles

MAIN, AUTOGRAD, STREAM = (100, 100), (100, 101), (0, 7)

Event = dict[str, Any]


def span(cat: str, name: str, track: tuple[int, int], ts: float, dur: float, **args: Any) -> Event:
    pid, tid = track
    return {"ph": "X", "cat": cat, "name": name, "pid": pid, "tid": tid, "ts": ts, "dur": dur, "args": args}


def mark(name: str, ts: float, dur: float, number: int) -> Event:
    return span("user_annotation", name, MAIN, ts, dur, **{"External id": number})


def operator(
    name: str, ts: float, dur: float, number: int, track: tuple[int, int] = MAIN, **args: Any
) -> Event:
    args |= {"External id": number, "Input Dims": [[4, 4], []], "Input type": ["float", "Scalar"]}
    return span("cpu_op", name, track, ts, dur, **args)


def kernel(name: str, ts: float, dur: float, number: int, cat: str = "kernel") -> Event:
    return span(
        cat, name, STREAM, ts, dur, **{"External id": number, "correlation": 1000 + number, "stream": 7}
    )


def cuda_step() -> list[Event]:
    """One call of 100 µs: a copy to the device, a product, its backward pass on autograd's thread, a wait.

    The device works from 15 to 25, from 40 to 60 and from 65 to 120: 20 µs behind the call's end.
    """
    return [
        operator("aten::before", 0, 5, 1),
        kernel("before", 2, 5, 1),
        mark("call", 10, 90, 2),
        mark("transfer", 11, 9, 3),
        operator("aten::copy_", 12, 6, 4),
        span("cuda_runtime", "cudaMemcpyAsync", MAIN, 13, 2, **{"External id": 4, "correlation": 1004}),
        kernel("Memcpy HtoD", 15, 10, 4, "gpu_memcpy"),
        mark("forward", 20, 20, 5),
        operator("aten::mm", 22, 10, 6, flops=128),
        kernel("gemm", 40, 20, 6),
        mark("backward", 42, 30, 7),
        operator("MmBackward0", 45, 20, 8, AUTOGRAD),
        operator("aten::mm", 46, 10, 9, AUTOGRAD),
        kernel("gemm", 65, 55, 9),
        {"ph": "i", "name": "[memory]", "pid": 100, "tid": 100, "ts": 23, "s": "t",
         "args": {"Bytes": 512, "Total Allocated": 2048, "Device Type": 1, "Device Id": 0}},
        {"ph": "i", "name": "[memory]", "pid": 100, "tid": 100, "ts": 95, "s": "t",
         "args": {"Bytes": -512, "Total Allocated": 1536, "Device Type": 1, "Device Id": 0}},
    ]  # fmt: skip


def profile_of(events: list[Event], **facts: Any) -> profiles.Profile:
    """A profile of this trace, with names that are markup."""
    read = trace.read({"traceEvents": events})
    about = {
        "case": "test_it.py::test_<b>",
        "device": "cuda",
        "pieces": 1,
        "piece": "call",
        "plain_s": 1e-4,
        "wall_s": read.wall_s,
        "device_use": operators.device_use(read),
        "allocator": facts.pop("allocator", {}),
        "facts": {"packages": {"torch": "2.15"}, "torch": {"version": "2.15", "threads": 2}, **facts},
        "notes": ["a <b> note"],
    }
    table, phases = operators.operators(read), operators.phases(read)
    return profiles.Profile(Path("nowhere"), about, table, read.memory, phases, STACKS)


STACKS = {
    "shared": {
        "frames": [
            {"name": "run", "file": "/x/bench/measure/worker/calls.py", "line": 1},
            {"name": "step", "file": "/x/test_it.py", "line": 2},
            {"name": "<collate>", "file": "/x/collate.py", "line": 3},
            {"name": "between calls", "file": "/x/bench/measure/worker/profiling/profiler.py", "line": 4},
        ]
    },
    "profiles": [
        {
            "name": "main",
            "type": "sampled",
            "samples": 50 * [[0, 1], [0, 1, 2], [0, 1, 2], [0], [3, 2]],
            "weights": 50 * [1, 1, 1, 5, 5],
        }
    ],
}

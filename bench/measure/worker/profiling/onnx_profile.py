"""ONNX Runtime's own profile of every session that a worker starts, while it profiles."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SAME_CLOCK_NS = 60e9
"""A session's start on another clock than ours differs by years; on ours by the time it takes to start."""

SHAPE_TYPES = {"float": "float", "double": "double", "int64": "long", "float16": "c10::Half"}
"""ONNX Runtime's names of types, as torch's trace has them."""


_sessions: list[tuple[Any, int]] = []
"""The sessions that were started, each with its start in nanoseconds since 1970."""

_unwatched: list[Any] = []
"""`InferenceSession.__init__` as it was, while sessions are watched."""


def watch_sessions() -> None:
    """From now until `read` every session that is started records its own profile.

    For processes that have ONNX Runtime loaded; elsewhere nothing is to be watched.
    """
    onnxruntime: Any = sys.modules.get("onnxruntime")
    if onnxruntime is None or _unwatched:
        return
    start = onnxruntime.InferenceSession.__init__
    _unwatched.append(start)

    def start_profiled(self: Any, path: Any, sess_options: Any = None, *args: Any, **kwargs: Any) -> None:
        options = sess_options or onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(tempfile.mkdtemp(prefix="bench-onnx-")) / "profile")
        started_ns = time.time_ns()
        start(self, path, options, *args, **kwargs)
        own_ns = self.get_profiling_start_time_ns()
        near = abs(own_ns - started_ns) < SAME_CLOCK_NS
        _sessions.append((self, own_ns if near else started_ns))

    onnxruntime.InferenceSession.__init__ = start_profiled


@contextmanager
def read() -> Iterator[list[dict[str, Any]]]:
    """Trace events of what watched sessions do while this is open: `start_ns` since 1970, `dur` in µs.

    A session's profile ends with it: it can be read once.
    """
    events: list[dict[str, Any]] = []
    begun_ns = time.time_ns()
    try:
        yield events
    finally:
        while _unwatched:
            sys.modules["onnxruntime"].InferenceSession.__init__ = _unwatched.pop()
        while _sessions:
            session, session_start_ns = _sessions.pop()
            file = Path(session.end_profiling())
            for event in json.loads(file.read_text("utf-8")):
                start_ns = session_start_ns + int(event.get("ts", 0)) * 1000
                if event.get("ph") == "X" and start_ns >= begun_ns:
                    events.append({**_like_torch(event), "start_ns": start_ns})
            shutil.rmtree(file.parent, ignore_errors=True)


def _like_torch(event: dict[str, Any]) -> dict[str, Any]:
    """An event with its operator as name, and shapes and types as torch's trace has them."""
    args = event.get("args") or {}
    node = event.get("cat") == "Node"
    inputs = [next(iter(type_shape.items())) for type_shape in args.get("input_type_shape") or []]
    return {
        "name": f"onnx::{args['op_name']}" if node and "op_name" in args else event["name"],
        "dur": event["dur"],
        "tid": event["tid"],
        "node": event["name"] if node else "",
        "Input Dims": [shape for _, shape in inputs],
        "Input type": [SHAPE_TYPES.get(kind, kind) for kind, _ in inputs],
        "provider": args.get("provider", ""),
        "output_bytes": int(args.get("output_size") or 0),
    }

"""Sampled Python stacks: a flame graph's tree, and which functions the samples ended in.

In speedscope's format (https://www.speedscope.app/file-format-schema.json), as py-spy writes it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

HARNESS = ("_pytest/", "pluggy/", "bench/measure/", "pytest_benchmark/")
CALLER = "bench/measure/worker/calls.py"
"""Parts of the path of what runs a case; and of what calls it, directly above the case itself."""

PROCESS = "process "
"""How the frame begins that py-spy puts above all of a process's own: its number and its command line."""

MIN_SAMPLES = 100
"""Samples that shares of them need: a share of a third then has a standard error of 5 %."""


@dataclass
class Frame:
    """One function in a flame graph, with the seconds or samples spent in it, and what it called."""

    name: str
    weight: float = 0.0
    inner: "dict[str, Frame]" = field(default_factory=dict)

    def called(self, name: str) -> "Frame":
        return self.inner.setdefault(name, Frame(name))


def flame(stacks: Mapping[str, Any]) -> Frame:
    """The samples of all threads and processes as a tree; what runs the case is left out."""
    root = Frame("all")
    for _, names, weight in samples(stacks):
        root.weight += weight
        frame = root
        for name in names:
            frame = frame.called(name)
            frame.weight += weight
    return root


def self_shares(stacks: Mapping[str, Any]) -> dict[str, float]:
    """The share of samples that end in each function, over all threads and processes that were at work.

    Empty where there are too few samples to tell. Lines are left out: they move when code above them does.
    """
    counts = Counter(re.sub(r":\d+\)$", ")", names[-1]) for _, names, _ in samples(stacks))
    return {name: count / counts.total() for name, count in counts.items() if counts.total() >= MIN_SAMPLES}


def samples(stacks: Mapping[str, Any]) -> Iterator[tuple[str, list[str], float]]:
    """Each sample of the case: its thread's name, its functions from the outermost in, and its weight."""
    frames = stacks["shared"]["frames"]
    for thread in stacks["profiles"]:
        weights = thread.get("weights") or [1.0] * len(thread["samples"])
        for sample, weight in zip(thread["samples"], weights, strict=True):
            names = list(_of_case([frames[number] for number in sample]))
            if names:
                yield thread["name"], names, weight


def _of_case(frames: list[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the functions below what calls the case; none where that is not being called.

    Threads and processes of the case itself may have no such caller.
    """
    files = [str(frame.get("file")) for frame in frames]
    last = max((at for at, file in enumerate(files) if any(part in file for part in HARNESS)), default=-1)
    if last >= 0 and CALLER not in files[last]:
        return
    for frame in frames[last + 1 :]:
        file = frame.get("file") or ""
        if not file and frame["name"].startswith(PROCESS):
            continue
        yield f"{frame['name']} ({PurePath(file).name}:{frame.get('line')})" if file else str(frame["name"])

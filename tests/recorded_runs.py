"""Journals of runs that never happened: known times, seeded noise, every kind of trouble. For tests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.events import (
    CeilingsMeasured,
    Checked,
    End,
    Event,
    Header,
    Initialized,
    Launch,
    Note,
    Outcome,
    Skip,
    Visit,
)
from bench.records import Block, Case, Kind
from bench.storage.journal import Journal

BLOCK_S = 0.010
LINK = {"latency_s": 8e-6, "bytes_per_s": 2.5e10}


@dataclass(frozen=True)
class Made:
    """A made case: its identity, its true seconds per call, its work, and what goes wrong with it."""

    suite: str
    operation: str
    params: dict[str, Any]
    seconds: float
    device: str = "cpu"
    axis: str = ""
    between: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    isolate: str = ""
    disturbed: float = 0.05
    children: int = 0
    outcome: Outcome = "passed"
    message: str = ""
    skip: str = ""
    doc: str = ""
    first_factor: float = 20.0

    @property
    def id(self) -> str:
        values = "-".join(str(value) for value in (self.device, *self.params.values()))
        return f"suites/{self.suite}.py::test_{self.operation}[{values}]"

    @property
    def accelerated(self) -> bool:
        return self.device != "cpu"


def powers(first: int, last: int, step: int = 4) -> list[int]:
    sizes = [first]
    while sizes[-1] * step <= last:
        sizes.append(sizes[-1] * step)
    return sizes


def course(accelerator: str | None = "cuda") -> list[Made]:
    """Cases of all seven families, with times as a small server's would be."""
    devices = ["cpu"] + ([accelerator] if accelerator else [])
    return [
        *_bridge(),
        *_transfer(accelerator),
        *_matmul(devices),
        *_loader(),
        *_network(devices),
        *_epoch(devices),
        *_engines(),
        *_troubled(),
    ]


def _bridge() -> Iterator[Made]:
    for n in powers(64, 2**24, 8):
        for how, seconds in {
            "from_numpy": 6e-7,
            "as_tensor": 7e-7,
            "tensor": 1.5e-6 + n * 4e-10,
            "clone": 1.2e-6 + n * 3.6e-10,
        }.items():
            extra = {"bytes": 8 * n if how in ("tensor", "clone") else 0}
            doc = "An array becomes a tensor: shared memory or a copy."
            yield Made(
                "test_01_bridge", "bridge", {"how": how, "n": n}, seconds, "cpu", "n", "how", extra, doc=doc
            )


def _transfer(accelerator: str | None) -> Iterator[Made]:
    if accelerator is None:
        yield Made(
            "test_02_transfer", "to_device", {}, 0, "accelerator", skip="no accelerator on this machine"
        )
        return
    for n in powers(2**10, 2**28):
        for direction in ("to_device", "to_host"):
            seconds = LINK["latency_s"] + n / LINK["bytes_per_s"]
            extra = {"bytes": n, "link": direction}
            yield Made("test_02_transfer", direction, {"size": n}, seconds, accelerator, extra=extra)


def _matmul(devices: Sequence[str]) -> Iterator[Made]:
    for n in powers(16, 4096):
        flops, moved = 2 * n**3, 12 * n**2
        size = {"input_bytes": 8 * n**2, "output_bytes": 4 * n**2}
        for device in devices:
            fixed, rate = (1e-6, 6e10) if device == "cpu" else (9e-6, 1.4e13)
            extra = {"flops": flops, "bytes": moved, **size}
            params = {"n": n, "dtype": "float32"}
            yield Made("test_03_matmul", "matmul", params, fixed + flops / rate, device, "n", "device", extra)
            bandwidth = 1.1e10 if device == "cpu" else 1.3e12
            mul = {"flops": n**2, "bytes": moved, **size}
            yield Made("test_03_matmul", "mul", params, fixed + moved / bandwidth, device, "n", "device", mul)
        for threads in (1, 2):
            seconds = 1.2e-6 * threads**3 + flops / (3.1e10 * threads)
            params = {"n": n, "threads": threads}
            yield Made(
                "test_03_matmul", "matmul_threads", params, seconds, "cpu", "n", "threads", {"flops": flops}
            )


def _loader() -> Iterator[Made]:
    for batch in powers(16, 1024):
        for workers in (0, 1, 2, 4):
            seconds = 3.0 / max(workers * 0.8, 1) + 60000 / batch * (1e-4 + 5e-4 * (workers > 0))
            yield Made(
                "test_04_loader",
                "load_epoch",
                {"num_workers": workers, "batch_size": batch},
                seconds / 20,
                "cpu",
                "batch_size",
                "num_workers",
                {"items": 3000, "start_method": "fork"},
                isolate="loader",
                children=workers,
                doc="A twentieth of FashionMNIST, batch by batch.",
            )


def _network(devices: Sequence[str]) -> Iterator[Made]:
    for batch in powers(1, 1024):
        for device in devices:
            fixed, each = (2e-5, 2.2e-5) if device == "cpu" else (1.6e-4, 4e-8)
            for operation, times in {"forward": 1, "backward": 2.1, "step": 3.4}.items():
                extra = {
                    "items": batch,
                    "flops": 1.34e6 * batch * times,
                    "input_bytes": 3136 * batch,
                    "output_bytes": 40 * batch,
                }
                yield Made(
                    "test_05_network",
                    operation,
                    {"batch": batch},
                    times * (fixed + each * batch),
                    device,
                    "batch",
                    "device",
                    extra,
                    doc="The course's 784-512-512-10 network.",
                )


def _epoch(devices: Sequence[str]) -> Iterator[Made]:
    for device in devices:
        seconds = 4.2 if device == "cpu" else 1.9
        extra = {"items": 60000, "accuracy": 0.842, "data": "generated", "wait_share": 0.31}
        yield Made(
            "test_06_epoch", "train_epoch", {"batch": 64}, seconds, device, extra=extra, first_factor=1.2
        )


def _engines() -> Iterator[Made]:
    for batch in powers(1, 1024):
        for engine, (fixed, each) in {"torch": (4.1e-5, 2.0e-6), "onnxruntime": (1.4e-5, 2.6e-6)}.items():
            yield Made(
                "test_07_engines",
                "infer",
                {"engine": engine, "batch": batch},
                fixed + each * batch,
                "cpu",
                "batch",
                "engine",
                {"items": batch},
                isolate=engine,
            )


def _troubled() -> Iterator[Made]:
    suite = "test_08_troubled"
    yield Made(suite, "noisy", {}, 3e-4, disturbed=0.995)
    yield Made(suite, "raises", {}, 1e-4, outcome="failed", message="ValueError: shapes do not match")
    yield Made(suite, "hangs", {}, 1e-4, outcome="timeout", message="no answer for 60 s")
    yield Made(suite, "<script>alert(1)</script>", {"text": "</script><b>"}, 2e-4)


def events(
    cases: Sequence[Made],
    seed: int = 1,
    launches: int = 5,
    passes: int = 3,
    per_visit: int = 4,
    launch_noise: float = 0.01,
) -> Iterator[Event]:
    """Everything a journal holds after its header."""
    random = np.random.default_rng(seed)
    for case in cases:
        yield Case(
            case.id,
            case.suite,
            case.operation,
            case.device,
            case.params,
            case.axis or None,
            case.between or None,
            case.isolate or None,
            case.doc,
        )
        if case.skip:
            yield Skip(case.id, case.skip)
    devices = sorted({case.device for case in cases if not case.skip})
    for device in devices:
        yield CeilingsMeasured(device, ceilings(device))
    for device in devices[1:]:
        yield Initialized(device, 0.41)
        for name in ("holds_linear", "events_match_wall", "transfer_order"):
            yield Checked(device, name, True, "ratio 2.003")
    clock = 1000.0
    for launch in range(launches):
        for device in devices:
            yield Launch(launch, device, round=launch, collect_s=0.3, elapsed_s=clock)
        factors = np.exp(random.normal(0, launch_noise, len(cases)))
        for number in range(passes):
            for case, factor in zip(cases, factors, strict=True):
                if case.skip or (case.seconds >= 1 and number):
                    continue
                visit = _visit(case, case.seconds * factor, launch, number, per_visit, clock, random)
                clock += 0.01 + sum(block.wall_s for block in visit.blocks)
                yield visit
    yield Note("warning", "the processor's governor is powersave: clocks vary")
    spent = {"timed": 0.6 * clock, "warmup": 0.1 * clock, "setup": 0.1 * clock, "imports": 20.0, "other": 9.0}
    yield End(spent, 0.2, 1.1)


def _visit(
    case: Made,
    seconds: float,
    launch: int,
    number: int,
    per_visit: int,
    clock: float,
    random: np.random.Generator,
) -> Visit:
    blocks: list[Block] = []
    if case.outcome == "passed":
        calls = max(1, round(BLOCK_S / seconds))
        kinds: list[Kind] = ["first"] if number == 0 else []
        kinds += ["warmup"] if number == 0 and seconds < 1 else []
        kinds += ["wall"] * (per_visit if seconds < 1 else 1)
        kinds += ["latency", "device"] if case.accelerated else []
        for kind in kinds:
            blocks.append(_block(case, kind, seconds, 1 if kind == "first" else calls, clock, random))
            clock += blocks[-1].wall_s
    return Visit(
        case.id,
        launch,
        number,
        setup_s=0.01,
        outcome=case.outcome,
        message=case.message,
        extra_info=case.extra,
        blocks=tuple(blocks),
    )


def _block(
    case: Made, kind: Kind, seconds: float, calls: int, clock: float, random: np.random.Generator
) -> Block:
    wall = seconds * calls * float(np.exp(random.normal(0, 0.006)))
    wall *= case.first_factor if kind == "first" else 1
    wall += 6e-6 * calls if kind == "latency" else 0
    disturbed = random.random() < case.disturbed
    stolen = wall * (float(random.uniform(0.05, 0.9)) if disturbed else float(random.uniform(0, 0.004)))
    block = Block(
        kind,
        clock,
        calls,
        wall + stolen * disturbed,
        delay_s=None if case.children else stolen,
        foreign_s=2 * stolen if case.children else None,
        threads=2,
        children=case.children,
        processors=2,
    )
    if not case.accelerated:
        return block
    device_s = max(wall - 6e-6 * calls, 0.6 * wall) if kind == "device" else None
    return replace(block, host_s=min(7e-6 * calls, wall), device_s=device_s)


def ceilings(device: str) -> dict[str, Any]:
    if device == "cpu":
        return {
            "copy_bytes_per_s": {"L1": 2e11, "L2": 9e10, "L3": 4e10, "memory": 2.5e10},
            "flops_per_s": {"float32": 7e10, "float64": 3.5e10},
            "launch_s": 5e-7,
        }
    return {
        "copy_bytes_per_s": {"L2": 3e12, "memory": 1.4e12},
        "launch_s": 5e-6,
        "synchronize_s": 4e-6,
        "event_s": 2e-6,
        "flops_per_s": {"float32": 1.9e13, "float64": 9e12, "bfloat16": 2.4e14},
        "to_device": LINK,
        "to_host": LINK,
    }


def header(name: str = "20260105T101500-attic-0a1b2c3", simulated: bool = False) -> Header:
    return Header(
        run=name,
        created="2026-01-05T10:15:00+00:00",
        arguments={
            "paths": ["suites"],
            "k": "",
            "devices": [],
            "preset": "default",
            "launches": 5,
            "seed": 1,
        },
        environment={
            "machine": "attic",
            "os": "Linux 6.1",
            "python": "3.12.4",
            "cpu": {"model": "Example 3000", "cores": 2},
            "packages": {"torch": "2.12.0", "numpy": "2.2.0"},
            "variables": {"OMP_NUM_THREADS": "2"},
            "devices": [
                {
                    "device": "cuda",
                    "name": "Example Accelerator",
                    "memory_bytes": 24e9,
                    "simulated": simulated,
                }
            ],
        },
        commit={
            "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
            "branch": "main",
            "dirty": False,
            "time": None,
        },
    )


def write(folder: Path, cases: Sequence[Made], simulated: bool = False, **options: Any) -> Path:
    """A whole run's journal in `folder`."""
    with Journal.create(folder, header(folder.name, simulated)) as journal:
        for event in events(cases, **options):
            journal.append(event)
    return folder


def curve(
    operation: str,
    seconds: dict[str, Callable[[float], float]],
    sizes: Sequence[float],
    between: str = "engine",
) -> list[Made]:
    """Cases of contenders along an axis `n`, their true times given as functions of size."""
    return [
        replace(
            Made("test_curves", operation, {between: name, "n": size}, time(size)), axis="n", between=between
        )
        for name, time in seconds.items()
        for size in sizes
    ]

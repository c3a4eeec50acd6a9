"""Journals of runs that never happened: made cases, seeded noise, every kind of trouble. For tests."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.events import CeilingsMeasured, Checked, End, Event, Header, Initialized, Launch, Note, Skip, Visit
from bench.records import Block, Case, Kind
from bench.storage.journal import Journal
from bench.storage.store import read_run
from bench.storage.tables import Run
from tests.made_cases import LINK, Made

BLOCK_S = 0.010


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


def unpacked(journal: Path, folder: Path) -> Run:
    """The run of a compressed journal, unpacked into a folder of its own."""
    (folder / "journal.jsonl").write_bytes(gzip.decompress(journal.read_bytes()))
    return read_run(folder)

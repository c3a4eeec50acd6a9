"""The file between measuring and reading: a run's journal as frames, and its tables for other programs."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench.benchmark_json import benchmark_json
from bench.journal import (
    JOURNAL,
    Event,
    Journal,
    StoreError,
    events,
    find_runs,
    new_run_folder,
    unfinished,
)
from bench.tables import Run, merge

__all__ = [
    "Journal",
    "Run",
    "StoreError",
    "events",
    "find_runs",
    "load",
    "new_run_folder",
    "read_run",
    "unfinished",
    "write_report",
    "write_tables",
]

READINGS = ("start_s", "wall_s", "host_s", "device_s", "delay_s", "foreign_s", "throttled_s")
COUNTS = {"calls": 1, "threads": 1, "children": 0, "processors": 1}
KINDS = ("first", "warmup", "wall", "latency", "device", "cold")

JOURNAL_BYTES = b"journal_bytes"
"""Key in blocks.parquet's metadata: how long the journal was that it was made from."""

COUNTED = ("extra", "visits", "failed_visits", "outcome", "message")

CHUNK = 50_000
"""Blocks held as dictionaries at a time: 50 MB of them, where a million would take a gigabyte."""


def read_run(folder: str | Path) -> Run:
    """The run in `folder`, finished or not. Raises StoreError where it is no run or damaged.

    Blocks come from Parquet where that was written from the whole journal: ten times as fast.
    """
    folder = Path(folder)
    visits, blocks = _tabled_visits(folder)
    parsed = _Blocks()
    rest: dict[str, list[Event]] = defaultdict(list)
    for event in events(folder, without="visit" if blocks is not None else ""):
        if event["event"] == "visit":
            parsed.add(event)
            _count_visit(visits, event)
        else:
            rest[event["event"]].append(event)
    return Run(
        path=folder,
        header=rest["header"][0],
        cases=_cases(rest["case"], rest["skip"], visits),
        blocks=parsed.frame() if blocks is None else blocks,
        launches=tuple(rest["launch"]),
        ceilings={event["device"]: event["ceilings"] for event in rest["ceilings"]},
        checks=tuple(rest["check"]),
        gpu=tuple(rest["gpu"]),
        initializations=tuple(rest["initialize"]),
        notes=tuple(rest["note"]),
        end=rest["end"][-1] if rest["end"] else None,
    )


def load(path: str | Path | Sequence[str | Path], estimates: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    """The cases frame of every run at `path`: from Parquet where it was written, else by `estimates`."""
    paths = [path] if isinstance(path, str | Path) else list(path)
    folders = [folder for each in paths for folder in find_runs(Path(each))]
    return merge([_cases_of(folder, estimates) for folder in folders])


def write_tables(folder: Path, cases: pd.DataFrame, blocks: pd.DataFrame) -> None:
    """Writes a run's tables beside its journal. Raises StoreError where the disk refuses."""
    header = next(events(folder))
    documents = {
        "benchmark.json": benchmark_json(header, cases, blocks),
        "environment.json": {
            key: header.get(key) for key in ("run", "created", "arguments", "commit", "environment")
        },
    }
    try:
        cases.to_parquet(folder / "cases.parquet", index=False)
        table = pa.Table.from_pandas(blocks, preserve_index=False)
        size = {JOURNAL_BYTES: str((folder / JOURNAL).stat().st_size)}
        parquet.write_table(
            table.replace_schema_metadata(table.schema.metadata | size), folder / "blocks.parquet"
        )
        cases.to_csv(folder / "cases.csv", index=False)
        for name, document in documents.items():
            (folder / name).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_report(folder: Path, html: str, summary: str, figures: Mapping[str, Mapping[str, bytes]]) -> Path:
    """Writes report.html, summary.md and figures/; the path of the page. Raises StoreError."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name, forms in figures.items():
            for suffix, data in forms.items():
                (folder / "figures" / f"{name}.{suffix}").write_bytes(data)
        (folder / "summary.md").write_text(summary, "utf-8")
        (folder / "report.html").write_text(html, "utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder / "report.html"


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder} cannot be written ({error.strerror}); the journal is kept: make room, then "
        f"`bench report {folder}`."
    )


def _cases_of(folder: Path, estimates: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    table = folder / "cases.parquet"
    if not table.is_file():
        return estimates(read_run(folder))
    try:
        return pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{table} cannot be read ({error}); delete it, and it is made again from the journal."
        ) from error


def _tabled_visits(folder: Path) -> tuple[dict[tuple[str, str], Event], pd.DataFrame | None]:
    """What the tables know of every case's visits, and the blocks; nothing where they are not up to date."""
    try:
        table = parquet.read_table(folder / "blocks.parquet")
        cases = pd.read_parquet(folder / "cases.parquet", columns=["case", "side", *COUNTED])
        written = int(table.schema.metadata[JOURNAL_BYTES])
        if written != (folder / JOURNAL).stat().st_size:
            return {}, None
    except (OSError, ValueError, KeyError):
        return {}, None
    visited = cases[cases["visits"] > 0].to_dict("records")
    visits = {(row["case"], row["side"]): {name: row[name] for name in COUNTED} for row in visited}
    for known in visits.values():
        known["extra"] = json.loads(known["extra"])
    return visits, table.drop_columns(["disturbed", "counted"]).to_pandas()


def _count_visit(visits: dict[tuple[str, str], Event], visit: Event) -> None:
    """Joins a visit to what is known of its case: the last extra_info, and the last failure."""
    key = (visit["case"], visit.get("side", ""))
    known = visits.setdefault(
        key, {"extra": {}, "visits": 0, "failed_visits": 0, "outcome": "passed", "message": ""}
    )
    known["visits"] += 1
    known["extra"] |= visit.get("extra_info") or {}
    if visit.get("outcome", "passed") != "passed":
        known["failed_visits"] += 1
        known["outcome"], known["message"] = visit["outcome"], visit.get("message") or ""


def _cases(
    identities: Sequence[Event], skips: Sequence[Event], visits: Mapping[tuple[str, str], Event]
) -> pd.DataFrame:
    sides: dict[str, list[str]] = defaultdict(list)
    for case, side in visits:
        sides[case].append(side)
    reasons = {skip["case"]: skip.get("reason") or "" for skip in skips}
    never = {"extra": {}, "visits": 0, "failed_visits": 0, "outcome": "", "message": ""}
    rows = []
    for identity in {event["id"]: event for event in identities}.values():
        case = identity["id"]
        for side in sides.get(case) or [""]:
            seen = dict(visits.get((case, side), never))
            if not seen["visits"] and case in reasons:
                seen |= {"outcome": "skipped", "message": reasons[case]}
            rows.append({"case": case, "side": side, **_identity(identity), **seen})
    columns = ["case", "side", *_identity({}), *never]
    return pd.DataFrame(rows, columns=columns)


def _identity(event: Event) -> Event:
    return {
        "suite": event.get("suite", ""),
        "operation": event.get("operation", ""),
        "device": event.get("device", "cpu"),
        "params": event.get("params") or {},
        "axis": event.get("axis") or "",
        "between": event.get("between") or "",
        "isolate": event.get("isolate") or "",
        "doc": event.get("doc") or "",
    }


class _Blocks:
    """Blocks on their way from dictionaries into columns, a chunk at a time."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, int]] = {"case": {}, "side": {"": 0}}
        self.chunks: list[dict[str, Any]] = []
        self.pending: list[Event] = []
        self.visits: list[tuple[int, int, int, int, int]] = []

    def add(self, visit: Event) -> None:
        found = visit.get("blocks") or []
        if not found:
            return
        case, side = (codes.setdefault(visit.get(name, ""), len(codes)) for name, codes in self.codes.items())
        self.visits.append((case, side, visit.get("launch", 0), visit.get("pass", 0), len(found)))
        self.pending += found
        if len(self.pending) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        of_visit = np.array(self.visits, dtype=np.int32).reshape(-1, 5)
        lengths = of_visit[:, 4]
        chunk: dict[str, Any] = {
            name: np.repeat(of_visit[:, column], lengths)
            for column, name in enumerate(("case", "side", "launch", "pass"))
        }
        blocks = self.pending
        chunk["kind"] = np.array([KINDS.index(block["kind"]) for block in blocks], dtype=np.int8)
        for name in READINGS:
            chunk[name] = np.array([block.get(name) for block in blocks], dtype=float)
        for name, default in COUNTS.items():
            chunk[name] = np.array([block.get(name, default) for block in blocks], dtype=np.int64)
        notes = [",".join(block.get("notes") or ()) for block in blocks]
        chunk["notes"] = np.array(notes, dtype=object)
        self.chunks.append(chunk)
        self.pending, self.visits = [], []

    def frame(self) -> pd.DataFrame:
        self._flush()
        joined = {name: np.concatenate([chunk[name] for chunk in self.chunks]) for name in self.chunks[0]}
        for name, codes in self.codes.items():
            joined[name] = pd.Categorical.from_codes(joined[name], categories=list(codes))
        joined["kind"] = pd.Categorical.from_codes(joined["kind"], categories=list(KINDS))
        joined["notes"] = pd.array(joined["notes"], dtype="str")
        order = ("case", "side", "launch", "pass", "kind", "start_s", "calls", *READINGS[1:])
        counts = ("threads", "children", "processors", "notes")
        return pd.DataFrame({name: joined[name] for name in (*order, *counts)})

"""The file between measuring and reading: a run's journal as frames, and its tables for other programs."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench.storage.blocks import COLUMNS, Visits
from bench.storage.formats.pytest_benchmark import benchmark_json
from bench.storage.journal import (
    JOURNAL,
    Event,
    Journal,
    StoreError,
    events,
    find_runs,
    new_run_folder,
    unfinished,
)
from bench.storage.tables import Run, merge

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

JOURNAL_BYTES = b"journal_bytes"
"""Key in blocks.parquet's metadata: how long the journal was that it was made from."""

COUNTED = ("extra", "visits", "failed_visits", "outcome", "message")


def read_run(folder: str | Path) -> Run:
    """The run in `folder`, finished or not. Raises StoreError where it is no run or damaged.

    Blocks come from Parquet where that was written from the whole journal: ten times as fast.
    """
    folder = Path(folder)
    rest: dict[str, list[Event]] = defaultdict(list)
    for event in events(folder, without="visit"):
        rest[event["event"]].append(event)
    visits, blocks = _tabled(folder) or _recorded(folder)
    return Run(
        path=folder,
        header=rest["header"][0],
        cases=_cases(rest["case"], rest["skip"], visits),
        blocks=blocks,
        launches=tuple(rest["launch"]),
        ceilings={event["device"]: event["ceilings"] for event in rest["ceilings"]},
        checks=tuple(rest["check"]),
        gpu=tuple(rest["gpu"]),
        initializations=tuple(rest["initialize"]),
        notes=tuple(rest["note"]),
        explained=tuple(rest["explained"]),
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
            # Without indent json has its fast encoder, which ten thousand cases need.
            indent = 1 if name == "environment.json" else None
            (folder / name).write_text(json.dumps(document, indent=indent, allow_nan=False) + "\n", "utf-8")
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


def _recorded(folder: Path) -> tuple[dict[tuple[str, str], Event], pd.DataFrame]:
    """What the journal tells of every case's visits, and the blocks."""
    visits = Visits(folder)
    return visits.cases, visits.frame()


def _tabled(folder: Path) -> tuple[dict[tuple[str, str], Event], pd.DataFrame] | None:
    """The same from the tables; None where they are older than the journal or this code."""
    try:
        table = parquet.read_table(folder / "blocks.parquet")
        cases = pd.read_parquet(folder / "cases.parquet", columns=["case", "side", *COUNTED])
        written = int(table.schema.metadata[JOURNAL_BYTES])
        if written != (folder / JOURNAL).stat().st_size or not {*COLUMNS} <= {*table.column_names}:
            return None
    except (OSError, ValueError, KeyError):
        return None
    visited = cases[cases["visits"] > 0].to_dict("records")
    visits = {(row["case"], row["side"]): {name: row[name] for name in COUNTED} for row in visited}
    for known in visits.values():
        known["extra"] = json.loads(known["extra"])
    return visits, table.select(COLUMNS).to_pandas()


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

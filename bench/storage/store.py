"""The file between measuring and reading: a run's journal as frames, and its tables for other programs."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench import events as kinds
from bench.records import Case
from bench.storage.blocks import COLUMNS, UNVISITED, VISIT, Visits
from bench.storage.formats.pytest_benchmark import benchmark_json
from bench.storage.journal import StoreError, events, find_runs, header, journal_file
from bench.storage.tables import Run, merge

JOURNAL_BYTES = b"journal_bytes"
"""Key in blocks.parquet's metadata: how long the journal was that it was made from."""

E = TypeVar("E")


def read_run(folder: str | Path) -> Run:
    """The run in `folder`, finished or not. Raises StoreError where it is no run or damaged.

    Blocks come from Parquet where that was written from the whole journal: ten times as fast.
    """
    folder = Path(folder)
    rest = list(events(folder, without=VISIT))
    visits, blocks = _tabled(folder) or Visits(folder).read()

    def of(kind: type[E]) -> tuple[E, ...]:
        return tuple(event for event in rest if isinstance(event, kind))

    return Run(
        path=folder,
        header=of(kinds.Header)[0],
        cases=_cases(of(Case), of(kinds.Skip), visits),
        blocks=blocks,
        launches=of(kinds.Launch),
        ceilings={event.device: event.ceilings for event in of(kinds.CeilingsMeasured)},
        checks=of(kinds.Checked),
        gpu=of(kinds.GpuSample),
        initializations=of(kinds.Initialized),
        notes=of(kinds.Note),
        explained=of(kinds.Explained),
        end=next(iter(of(kinds.End)[-1:]), None),
    )


def load(path: str | Path | Sequence[str | Path], estimates: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    """The cases frame of every run at `path`: from Parquet where it was written, else by `estimates`."""
    return merge([_table_of(folder, "cases", estimates) for folder in _folders(path)])


def load_contests(
    path: str | Path | Sequence[str | Path], contests: Callable[[Run], pd.DataFrame]
) -> pd.DataFrame:
    """The contests' frame of every run at `path`, indexed by the run: from Parquet, else by `contests`."""
    frames = {folder.name: _table_of(folder, "contests", contests) for folder in _folders(path)}
    return pd.concat(frames, names=["run"]).droplevel(1)


def _folders(path: str | Path | Sequence[str | Path]) -> list[Path]:
    paths = [path] if isinstance(path, str | Path) else list(path)
    return [folder for name in paths for folder in find_runs(Path(name))]


def write_tables(folder: Path, cases: pd.DataFrame, blocks: pd.DataFrame, contests: pd.DataFrame) -> None:
    """Writes a run's tables beside its journal. Raises StoreError where the disk refuses."""
    run = header(folder)
    about = {key: getattr(run, key) for key in ("run", "created", "arguments", "commit", "environment")}
    # Without indent json has its fast encoder, which ten thousand cases need.
    benchmark = json.dumps(benchmark_json(run, cases, blocks), allow_nan=False)
    try:
        cases.to_parquet(folder / "cases.parquet", index=False)
        table = pa.Table.from_pandas(blocks, preserve_index=False)
        size = {JOURNAL_BYTES: str(journal_file(folder).stat().st_size)}
        parquet.write_table(
            table.replace_schema_metadata(table.schema.metadata | size), folder / "blocks.parquet"
        )
        cases.to_csv(folder / "cases.csv", index=False)
        contests.to_parquet(folder / "contests.parquet", index=False)
        contests.to_csv(folder / "contests.csv", index=False)
        (folder / "benchmark.json").write_text(benchmark + "\n", "utf-8")
        environment = json.dumps(about, indent=1, allow_nan=False)
        (folder / "environment.json").write_text(environment + "\n", "utf-8")
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


def _table_of(folder: Path, name: str, made: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    table = folder / f"{name}.parquet"
    if not table.is_file():
        return made(read_run(folder))
    try:
        return pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{table} cannot be read ({error}); delete it, and it is made again from the journal."
        ) from error


def _tabled(folder: Path) -> tuple[dict[tuple[str, str], dict[str, Any]], pd.DataFrame] | None:
    """Visits and blocks from the tables; None where they are older than the journal or this code."""
    try:
        table = parquet.read_table(folder / "blocks.parquet")
        cases = pd.read_parquet(folder / "cases.parquet", columns=["case", "side", *UNVISITED])
        written = int(table.schema.metadata[JOURNAL_BYTES])
        if written != journal_file(folder).stat().st_size or not {*COLUMNS} <= {*table.column_names}:
            return None
    except (OSError, ValueError, KeyError):
        return None
    visited = cases[cases["visits"] > 0].to_dict("records")
    visits = {(row["case"], row["side"]): {name: row[name] for name in UNVISITED} for row in visited}
    for counted in visits.values():
        counted["extra"] = json.loads(counted["extra"])
    return visits, table.select(COLUMNS).to_pandas()


def _cases(
    identities: Sequence[Case], skips: Sequence[kinds.Skip], visits: Mapping[tuple[str, str], dict[str, Any]]
) -> pd.DataFrame:
    sides: dict[str, list[str]] = defaultdict(list)
    for name, side in visits:
        sides[name].append(side)
    reasons = {skip.case: skip.reason for skip in skips}
    never = {**UNVISITED, "extra": {}}
    rows = []
    for case in {case.id: case for case in identities}.values():
        for side in sides.get(case.id) or [""]:
            counted = dict(visits.get((case.id, side), never))
            if not counted["visits"] and case.id in reasons:
                counted |= {"outcome": "skipped", "message": reasons[case.id]}
            rows.append({"case": case.id, "side": side, **_identity(case), **counted})
    columns = ["case", "side", *_identity(Case("", "", "")), *never]
    return pd.DataFrame(rows, columns=columns)


def _identity(case: Case) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in vars(case).items() if name != "id"}

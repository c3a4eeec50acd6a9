"""Recorded runs as frames: from a run's journal, from the tables made of it, or from other tools' files."""

import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench import events as kinds
from bench.events import EVENTS, Event
from bench.records import Case
from bench.storage import remote
from bench.storage.blocks import COLUMNS, UNVISITED, VISIT, Visits
from bench.storage.formats import reader
from bench.storage.journal import StoreError, events, find_runs, has_runs, journal_file, lines, size
from bench.storage.tables import BLOCKS, FURTHER, JOURNAL_BYTES, MEASURED, Run, merge

E = TypeVar("E")


def read_run(folder: str | Path) -> Run:
    """The run in `folder`, finished or not. Raises StoreError where it is no run or damaged.

    Blocks come from Parquet where that was written from the whole journal: ten times as fast.
    """
    folder = Path(folder)
    end = size(folder)  # while it is written it grows, and is read twice
    rest = list(events(folder, without=VISIT, end=end))
    read = _run(folder, rest, *(_tabled(folder, end) or Visits(folder, lines(folder, end)).read()))
    return replace(read, journal_bytes=end)


def foreign_runs(file: Path) -> list[Run]:
    """The runs that another tool recorded in a file, each under its own name. Raises StoreError."""
    return [_of_events(file, run) for run in reader.recorded(file)]


def _of_events(file: Path, run: Sequence[Event]) -> Run:
    encoded = [EVENTS.encode(event) + b"\n" for event in run]
    rest = [EVENTS.decode(line) for line in encoded if not line.startswith(VISIT)]
    return _run(file, rest, *Visits(file, encoded).read())


def _run(
    folder: Path, rest: Sequence[Event], visits: dict[tuple[str, str], dict[str, Any]], blocks: pd.DataFrame
) -> Run:
    """A run from its visits and its other events."""
    known = {event.id for event in rest if isinstance(event, Case)}
    if unknown := [case for case, _ in visits if case not in known]:
        raise StoreError(
            f"{journal_file(folder)} has visits of {unknown[0]!r:.200}, but no line that says what that is; "
            "the file was damaged after it was written: measure again."
        )

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


def read_runs(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """Every run at these paths, and what is wrong with those of a folder that cannot be read, a line each.

    Raises StoreError where a run that was named itself cannot be read, or none can.
    """
    found: list[Run] = []
    left_out: list[str] = []
    for path in paths:
        others, said = others_runs(path)
        if not others:
            others, said = each_run([path], read_run)
        found += others
        left_out += said
    return found, left_out


def others_runs(path: Path) -> tuple[list[Run], list[str]]:
    """The runs of other tools at `path`, a file or a folder of theirs, and what cannot be read, a line each.

    None where `path` holds runs of ours. Raises StoreError where a file that was named is damaged.
    """
    try:
        if not path.exists() or (path.is_dir() and has_runs(path)):
            return [], []
        files = reader.files(path)
    except OSError as error:  # a folder that is not ours to look into, a name that is too long
        raise StoreError(f"{path} cannot be looked into ({error.strerror}); name another run.") from None
    found: list[Run] = []
    left_out: list[str] = []
    for file in files:
        try:
            found += foreign_runs(file)
        except StoreError as error:
            if file == path:
                raise
            left_out.append(f"left out: {error}")
    if path.is_file() and not found:
        raise StoreError(f"{path} is of no tool that is known; expected a run's folder, or JSON of a tool's.")
    return found, left_out


R = TypeVar("R")


def each_run(paths: Sequence[Path], read: Callable[[Path], R]) -> tuple[list[R], list[str]]:
    """What is read of every run at these paths; one broken, foreign or newer costs its folder nothing else.

    Raises StoreError as `read_runs`.
    """
    found: list[R] = []
    left_out: list[StoreError] = []
    for path in paths:
        runs = find_runs(path)
        for run in runs:
            try:
                found.append(read(run))
            except StoreError as error:
                if runs == [path]:
                    raise
                left_out.append(error)
    if not found:
        raise left_out[0]
    return found, [f"left out: {error}" for error in left_out]


def load(path: str | Path | Sequence[str | Path], estimates: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    """The cases frame of every run at `path`: from Parquet where it was written, else by `estimates`.

    Warns of runs in a folder that cannot be read.
    """
    frames: list[pd.DataFrame] = []
    left_out: list[str] = []
    with remote.fetched([path] if isinstance(path, str | Path) else path) as there:
        for each in there.paths:
            others, said = others_runs(each)
            frames += map(estimates, others)
            if not others:
                found, said = each_run([each], lambda run: _cases_of(run, estimates))
                frames += found
            left_out += map(there.named, said)
    for line in left_out:
        warnings.warn(line, stacklevel=3)
    return merge(frames)


def load_contests(
    path: str | Path | Sequence[str | Path], contests: Callable[[Run], pd.DataFrame]
) -> pd.DataFrame:
    """The contests' frame of every run at `path`, indexed by the run: from Parquet, else by `contests`.

    A run that is named twice counts once. Other tools' files hold none, and are refused by a StoreError.
    """
    with remote.fetched([path] if isinstance(path, str | Path) else path) as there:
        found, left_out = each_run(there.paths, lambda run: (run, _table_of(run, "contests", contests)))
    for line in left_out:
        warnings.warn(there.named(line), stacklevel=3)
    once = {run.resolve(): frame for run, frame in found}
    names = [run.name for run in once]
    return pd.concat(list(once.values()), keys=range(len(once)), names=["number"]).pipe(
        lambda frame: frame.set_axis([names[number] for number, _ in frame.index]).rename_axis("run")
    )


def _cases_of(folder: Path, estimates: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    cases = _table_of(folder, "cases", estimates)
    missing = {*MEASURED, *FURTHER} - set(cases.columns)  # of tables that an older version wrote
    if missing and journal_file(folder).is_file():
        return estimates(read_run(folder))
    return cases.assign(**dict.fromkeys(missing, ""))


def _table_of(folder: Path, name: str, made: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
    table = folder / f"{name}.parquet"
    if not table.is_file() or outdated(folder):
        return made(read_run(folder))
    try:
        return pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{table} cannot be read ({error}); delete it, and it is made again from the journal."
        ) from error


def outdated(folder: Path) -> bool:
    """True where a run's journal has grown since its tables were written, as after a run that was resumed.

    Only the table of blocks says how long the journal was; without it, or a journal, nothing is known.
    """
    try:
        written = int(parquet.read_schema(folder / BLOCKS).metadata[JOURNAL_BYTES])
        return journal_file(folder).is_file() and written != size(folder)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return False


def _tabled(folder: Path, end: int) -> tuple[dict[tuple[str, str], dict[str, Any]], pd.DataFrame] | None:
    """Visits and blocks from the tables; None where they are older than the journal or this code."""
    try:
        table = parquet.read_table(folder / BLOCKS)
        cases = pd.read_parquet(folder / "cases.parquet", columns=["case", "side", *UNVISITED])
        written = int(table.schema.metadata.get(JOURNAL_BYTES, -1))
        if written != end or not {*COLUMNS} <= {*table.column_names}:
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

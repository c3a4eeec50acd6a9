"""A folder of runs as one table: only the columns asked for, straight from every run's Parquet file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import dataset

from bench import codec
from bench.events import Header
from bench.patterns import matches
from bench.storage.journal import StoreError, header
from bench.storage.store import each_run, outdated

COLUMNS = pa.schema(
    {
        **dict.fromkeys(("case", "side", "device", "status"), pa.string()),
        **dict.fromkeys(("median_s", "low_s", "high_s"), pa.float64()),
    }
)
"""What a history is made of. Columns of parameters differ from run to run; these do not."""


def read(folder: Path, patterns: Sequence[str] = ()) -> tuple[pd.DataFrame, dict[str, Header], list[str]]:
    """The estimates of every run in `folder`, of all cases or those that a pattern fits; the headers; and
    what is wrong with runs that cannot be read, a line each.

    `run` is the name of the run's folder, and so are the headers' keys; a run whose tables were never
    written has a header alone. Raises StoreError where there is no run, or none can be read.
    """
    runs, left_out = each_run([folder], lambda run: (run, _header(run)))
    headers = {run.name: header for run, header in runs}
    tables = [file for run, _ in runs if (file := run / "cases.parquet").is_file() and not outdated(run)]
    left_out += [
        f"left out: the tables of {run} are older than its journal; `bench report {run}` makes them again."
        for run, _ in runs
        if outdated(run)
    ]
    try:
        table = _scanned(tables, patterns)
    except (OSError, pa.ArrowException):  # one of them; which one, only each by itself can tell
        broken = {file: said for file in tables if (said := _damage(file))}
        left_out += broken.values()
        for file in broken:
            del headers[file.parent.name]
        if not headers:
            raise StoreError(left_out[0]) from None
        table = _scanned([file for file in tables if file not in broken], patterns)
    cases = table.to_pandas()
    cases["run"] = cases.pop("__filename").map({str(file): file.parent.name for file in tables})
    return cases, headers, left_out


def _scanned(tables: Sequence[Path], patterns: Sequence[str]) -> pa.Table:
    scanner = dataset.dataset([str(file) for file in tables], schema=COLUMNS, format="parquet").scanner(
        columns=[*COLUMNS.names, "__filename"]
    )
    return pa.Table.from_batches(_chosen(scanner.to_batches(), patterns), scanner.projected_schema)


def _damage(table: Path) -> str:
    """Why a table cannot be read; "" where it can."""
    try:
        _scanned([table], ())
    except (OSError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0]
        again = f"delete it, and `bench report {table.parent}` makes it again."
        return f"left out: {table} cannot be read ({why}); {again}"
    return ""


def _chosen(batches: Iterable[pa.RecordBatch], patterns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows whose case a pattern fits. In a filter of the scan's own it would take twice the time."""
    fits: dict[str, bool] = {}  # every run has the same cases: each is matched once
    for batch in batches:
        cases = batch["case"].to_pylist()
        for case in cases:
            if case not in fits:
                fits[case] = not patterns or any(matches(pattern, case) for pattern in patterns)
        yield batch.filter(pa.array([fits[case] for case in cases]))


def _header(folder: Path) -> Header:
    try:
        about: Header = codec.read(Header, json.loads((folder / "environment.json").read_text("utf-8")))
    except FileNotFoundError:
        return header(folder)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder / 'environment.json'} cannot be read ({error}); delete it, and `bench report {folder}` "
            "makes it again."
        ) from error
    return about

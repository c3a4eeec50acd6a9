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
from bench.storage.journal import StoreError, find_runs, header

COLUMNS = pa.schema(
    {
        **dict.fromkeys(("case", "side", "device", "status"), pa.string()),
        **dict.fromkeys(("median_s", "low_s", "high_s"), pa.float64()),
    }
)
"""What a history is made of. Columns of parameters differ from run to run; these do not."""


def read(folder: Path, patterns: Sequence[str] = ()) -> tuple[pd.DataFrame, dict[str, Header]]:
    """The estimates of every run in `folder`, of all cases or those that a pattern fits, and the headers.

    `run` is the name of the run's folder, and so are the headers' keys; a run whose tables were never
    written has a header alone. Raises StoreError where there is no run or a file is damaged.
    """
    folders = find_runs(folder)
    headers = {run.name: _header(run) for run in folders}
    tables = [str(file) for run in folders if (file := run / "cases.parquet").is_file()]
    try:
        scanner = dataset.dataset(tables, schema=COLUMNS, format="parquet").scanner(
            columns=[*COLUMNS.names, "__filename"]
        )
        table = pa.Table.from_batches(_chosen(scanner.to_batches(), patterns), scanner.projected_schema)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{folder}: the tables cannot be read ({error}); delete the damaged cases.parquet, and "
            "`bench report` makes it again."
        ) from error
    cases = table.to_pandas()
    cases["run"] = cases.pop("__filename").map({file: Path(file).parent.name for file in tables})
    return cases, headers


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

"""What is written into a run's folder beside its journal: tables for other programs, and the report."""

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench.storage.formats import github_action
from bench.storage.formats.pytest_benchmark import benchmark_json
from bench.storage.journal import StoreError
from bench.storage.tables import BLOCKS, JOURNAL_BYTES, Run

LONGEST_NAME = 120
"""Bytes of a figure's name: file systems take 255, and some half of that."""


def write_tables(
    read: Run, cases: pd.DataFrame, blocks: pd.DataFrame, contests: pd.DataFrame, out: Path | None = None
) -> None:
    """Writes a run's tables into `out`, by default beside its journal. Raises StoreError.

    Each is there whole or not at all, for whoever reads meanwhile, and on a full disk.
    """
    run, out = read.header, out or read.path
    about = {key: getattr(run, key) for key in ("run", "created", "arguments", "commit", "environment")}
    # Without indent json has its fast encoder, which ten thousand cases need.
    benchmark = json.dumps(benchmark_json(run, cases, blocks), allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(blocks, preserve_index=False)
        size = {JOURNAL_BYTES: str(read.journal_bytes)}
        sized = table.replace_schema_metadata(table.schema.metadata | size)
        _write(out / "cases.parquet", partial(cases.to_parquet, index=False))
        _write(out / BLOCKS, partial(parquet.write_table, sized))
        _write(out / "cases.csv", partial(cases.to_csv, index=False))
        _write(out / "contests.parquet", partial(contests.to_parquet, index=False))
        _write(out / "contests.csv", partial(contests.to_csv, index=False))
        _write_text(out / "benchmark.json", benchmark + "\n")
        _write_text(out / "data.js", github_action.script(run, cases))
        environment = json.dumps(about, indent=1, allow_nan=False)
        _write_text(out / "environment.json", environment + "\n")
    except OSError as error:
        raise _unwritable(out, error) from error


def _write(file: Path, write: Callable[[Path], object]) -> None:
    """Makes a file that is there whole or not at all: `write` is given another, which takes its place."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        write(part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _write_text(file: Path, text: str) -> None:
    _write(file, lambda part: part.write_text(text, "utf-8"))


def write_report(folder: Path, html: str, summary: str, figures: Mapping[str, Mapping[str, bytes]]) -> Path:
    """Writes report.html, summary.md and figures/; the path of the page. Raises StoreError."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for position, (name, forms) in enumerate(figures.items()):
            for suffix, data in forms.items():
                (folder / "figures" / f"{_file_name(name, position)}.{suffix}").write_bytes(data)
        _write_text(folder / "summary.md", summary)
        _write_text(folder / "report.html", html)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder / "report.html"


def _file_name(name: str, position: int) -> str:
    """A figure's name as that of a file: that of its suite may be none that a file can have."""
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "_" for sign in name)
    return name if name == safe[:LONGEST_NAME] else f"{position}-{safe[:LONGEST_NAME]}"


def _unwritable(folder: Path, error: OSError) -> StoreError:
    why = os.strerror(error.errno) if error.errno else error  # pyarrow has a text of its own
    return StoreError(
        f"{folder} cannot be written ({why}); the journal is kept: make room, or choose another "
        "folder by `bench report RUN --out DIR`."
    )

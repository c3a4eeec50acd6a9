"""What is written into a run's folder beside its journal: tables for other programs, and the report."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from bench.events import Header
from bench.storage.formats import github_action
from bench.storage.formats.pytest_benchmark import benchmark_json
from bench.storage.journal import StoreError, header, journal_file
from bench.storage.tables import BLOCKS, JOURNAL_BYTES

LONGEST_NAME = 120
"""Bytes of a figure's name: file systems take 255, and some half of that."""


def write_tables(
    folder: Path,
    cases: pd.DataFrame,
    blocks: pd.DataFrame,
    contests: pd.DataFrame,
    out: Path | None = None,
    about_run: Header | None = None,
) -> None:
    """Writes a run's tables into `out`, by default beside its journal. Raises StoreError."""
    run, out = about_run or header(folder), out or folder
    about = {key: getattr(run, key) for key in ("run", "created", "arguments", "commit", "environment")}
    # Without indent json has its fast encoder, which ten thousand cases need.
    benchmark = json.dumps(benchmark_json(run, cases, blocks), allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        cases.to_parquet(out / "cases.parquet", index=False)
        table = pa.Table.from_pandas(blocks, preserve_index=False)
        journal = folder if folder.is_file() else journal_file(folder)
        size = {JOURNAL_BYTES: str(journal.stat().st_size)}
        parquet.write_table(table.replace_schema_metadata(table.schema.metadata | size), out / BLOCKS)
        cases.to_csv(out / "cases.csv", index=False)
        contests.to_parquet(out / "contests.parquet", index=False)
        contests.to_csv(out / "contests.csv", index=False)
        (out / "benchmark.json").write_text(benchmark + "\n", "utf-8")
        (out / "data.js").write_text(github_action.script(run, cases), "utf-8")
        environment = json.dumps(about, indent=1, allow_nan=False)
        (out / "environment.json").write_text(environment + "\n", "utf-8")
    except OSError as error:
        raise _unwritable(out, error) from error


def write_report(folder: Path, html: str, summary: str, figures: Mapping[str, Mapping[str, bytes]]) -> Path:
    """Writes report.html, summary.md and figures/; the path of the page. Raises StoreError."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for position, (name, forms) in enumerate(figures.items()):
            for suffix, data in forms.items():
                (folder / "figures" / f"{_file_name(name, position)}.{suffix}").write_bytes(data)
        (folder / "summary.md").write_text(summary, "utf-8")
        (folder / "report.html").write_text(html, "utf-8")
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

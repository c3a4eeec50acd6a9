"""Runs as tables: what is read of a journal, what is written for other programs, and how they agree."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import marked
from bench.analyze.estimates.estimate import estimates
from bench.analyze.questions.table import table
from bench.events import Code, Event, HeldBack, Skip, Visit
from bench.records import Case
from bench.storage import archive, results, store
from bench.storage.journal import JOURNAL, Journal, StoreError, events, find_runs
from tests import made_cases
from tests import recorded_runs as recorded

HEADER = recorded.header("a run")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.write(tmp_path_factory.mktemp("runs") / "first", made_cases.course())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A run of two cases, whole, with tables."""
    folder = recorded.write(tmp_path / "small", made_cases.course(None)[:2])
    run = store.read_run(folder)
    blocks = marked(run.blocks)
    results.write_tables(run, estimates(run, blocks).cases, blocks, table([]))
    return folder


def test_a_run_that_grows_while_it_is_read(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read as it was at first, and tables that are made of that do not pass for the whole run's."""
    whole = (small / JOURNAL).read_bytes().splitlines(keepends=True)
    second = json.dumps(store.read_run(small).cases["case"][1]).encode()
    late = [line for line in whole if second in line]
    (small / JOURNAL).write_bytes(b"".join(line for line in whole if line not in late))

    def grown(folder: Path, **options: Any) -> Iterator[Event]:
        yield from events(folder, **options)
        with (folder / JOURNAL).open("ab") as journal:
            journal.write(b"".join(late))

    monkeypatch.setattr(store, "events", grown)
    run = store.read_run(small)
    monkeypatch.undo()
    assert len(run.cases) == len(set(run.blocks["case"])) == 1
    blocks = marked(run.blocks)
    results.write_tables(run, estimates(run, blocks).cases, blocks, table([]))
    assert store.outdated(small)
    assert len(bench.load(small)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize("file", ["cases.parquet", "blocks.parquet", "contests.csv"])
def test_a_full_disk_is_told_in_our_words_whoever_writes(run_folder: Path, tmp_path: Path, file: str) -> None:
    (tmp_path / f".{file}.{os.getpid()}").symlink_to("/dev/full")  # where it is written at first
    run = store.read_run(run_folder)
    blocks = marked(run.blocks)
    with pytest.raises(StoreError) as raised:
        results.write_tables(run, estimates(run, blocks).cases, blocks, table([]), tmp_path)
    assert str(raised.value).startswith(
        f"{tmp_path} cannot be written (No space left on device); the journal"
    )
    assert not (tmp_path / file).exists()


def test_a_run_cut_short_reads(run_folder: Path, tmp_path: Path) -> None:
    whole = (run_folder / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[: len(whole) // 3])
    run = store.read_run(tmp_path)
    assert run.end is None
    assert len(run.blocks) > 0
    assert set(AnalyzedRun(run).cases["status"]) >= {"ok"}


def test_a_run_without_a_block_reads(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run", HEADER) as journal:
        journal.append(Case("t.py::test_a", "t", "a"))
    frame = AnalyzedRun(store.read_run(tmp_path / "run")).cases
    assert list(frame["status"]) == ["skipped"]
    assert frame["reason"].str.contains("ended before").all()


FAILED = Visit("a.py::test_a", 0, outcome="failed", message="E   boom")


@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        ([], ("failed", "E   boom")),
        ([Visit("a.py::test_a", 1)], ("passed", "")),
        ([Skip("a.py::test_a", "too long")], ("skipped", "too long")),
        ([Code("a.py::test_a", "2")], ("", "")),
    ],
)
def test_what_was_held_back_has_failed_where_nothing_follows(
    tmp_path: Path, then: list[Event], outcome: tuple[str, str]
) -> None:
    held = HeldBack("a.py::test_a", ("a.py::test_b",), (FAILED,))
    with Journal.create(tmp_path / "run", HEADER) as journal:
        for event in [Case("a.py::test_a", "a", "a"), Code("a.py::test_a", "1"), held, *then]:
            journal.append(event)
    run = store.read_run(tmp_path / "run")
    assert [(row["outcome"], row["message"]) for row in run.cases.to_dict("records")] == [outcome]
    assert not len(run.blocks)


def test_blocks_arrive_whole(run_folder: Path) -> None:
    run = store.read_run(run_folder)
    visits = [event for event in events(run_folder) if isinstance(event, Visit)]
    written = [(visit.case, visit.launch, visit.pass_, b) for visit in visits for b in visit.blocks]
    assert len(run.blocks) == len(written)
    for position in range(0, len(written), 997):
        case, launch, number, block = written[position]
        row = run.blocks.iloc[position]
        assert (row["case"], row["launch"], row["pass"], row["kind"]) == (case, launch, number, block.kind)
        assert row["wall_s"] == block.wall_s
        assert row["calls"] == block.calls
        assert pd.isna(row["device_s"]) == (block.device_s is None)


def test_tables_and_journal_hold_the_same_run(small: Path) -> None:
    from_tables = store.read_run(small)
    (small / "blocks.parquet").unlink()
    from_journal = store.read_run(small)
    pd.testing.assert_frame_equal(from_tables.blocks, from_journal.blocks)
    pd.testing.assert_frame_equal(from_tables.cases, from_journal.cases)
    assert from_tables.header == from_journal.header
    assert from_tables.end == from_journal.end


def test_tables_older_than_the_journal_are_not_read(small: Path) -> None:
    blocks, was = len(store.read_run(small).blocks), bench.load(small)
    journal, past = Journal.resume(small)
    with journal:
        journal.append(next(event for event in past if isinstance(event, Visit)))
    assert len(store.read_run(small).blocks) > blocks
    assert bench.load(small)["blocks"].sum() > was["blocks"].sum()
    cases, _, left_out = archive.read(small.parent)
    assert cases.empty
    assert "older than its journal" in left_out[0]


def test_load_reads_tables_journals_and_folders(small: Path) -> None:
    frame = bench.load(small)
    (small / "cases.parquet").unlink()
    pd.testing.assert_frame_equal(bench.load(small), frame)
    assert len(bench.load(small.parent)) == len(frame)
    assert len(bench.load([small, str(small)])) == 2 * len(frame)


def test_load_joins_runs_of_other_parameters(small: Path, tmp_path: Path) -> None:
    other = recorded.write(tmp_path / "small" / ".." / "other", made_cases.course(None)[-1:])
    frame = bench.load([small, other])
    names = list(frame.columns)
    assert names[:4] == ["case", "suite", "operation", "device"]
    assert {"how", "n", "text"} == set(names[4 : names.index("median_s")])
    assert frame["run"].nunique() == 2


def test_pytest_benchmark_reads_our_json(small: Path) -> None:
    """The real command, on a real file: only it knows what it expects."""
    result = subprocess.run(
        [Path(sys.executable).with_name("pytest-benchmark"), "compare", small / "benchmark.json"],
        capture_output=True, text=True, cwd=small, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "test_bridge[cpu-from_numpy-64]" in result.stdout


def test_benchmark_json_agrees_with_the_frame(small: Path) -> None:
    document = json.loads((small / "benchmark.json").read_text())
    frame = bench.load(small).set_index("case")
    for entry in document["benchmarks"]:
        row = frame.loc[entry["fullname"]]
        assert entry["stats"]["median"] == pytest.approx(row["median_s"], rel=0.02)
        assert len(entry["stats"]["data"]) == row["clean_blocks"]
        assert entry["params"]["n"] == row["n"]


def test_a_compressed_journal_reads_as_the_plain_one(small: Path) -> None:
    plain = store.read_run(small)
    compressed = gzip.compress((small / JOURNAL).read_bytes())
    (small / JOURNAL).unlink()
    (small / f"{JOURNAL}.gz").write_bytes(compressed)
    assert find_runs(small) == [small]
    for _ in range(2):  # from the journal, then from the tables that were made of it
        run = store.read_run(small)
        pd.testing.assert_frame_equal(run.blocks, plain.blocks)
        blocks = marked(run.blocks)
        results.write_tables(run, estimates(run, blocks).cases, blocks, table([]))
    (small / f"{JOURNAL}.gz").write_bytes(compressed[:-9])
    with pytest.raises(StoreError, match=r"no readable journal\.jsonl\.gz"):
        store.read_run(small)

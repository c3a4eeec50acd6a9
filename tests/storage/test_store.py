"""The file between measuring and reading: nothing written is lost, and other programs read the tables."""

import errno
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import bench
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import marked
from bench.analyze.estimates.estimate import estimates
from bench.analyze.questions.table import table
from bench.events import VERSION, End, Event, Header, Note, Visit
from bench.records import Case
from bench.storage import archive, results, store
from bench.storage.journal import (
    JOURNAL,
    Journal,
    StoreError,
    check_out,
    events,
    find_runs,
    new_run_folder,
    unfinished,
)
from tests import ROOT, made_cases
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


def test_journal_keeps_what_was_appended(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run", HEADER) as journal:
        journal.append(Note("warning", "ü\n"))
    assert list(events(tmp_path / "run")) == [HEADER, Note("warning", "ü\n")]


def test_numbers_of_suites_become_json(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    extra = {"a": numpy.float64(0.5), "b": numpy.int64(3), "c": float("nan"), "d": {1: (2,)}, "e": object}
    with Journal.create(tmp_path / "run", HEADER) as journal:
        journal.append(Visit("a", 0, extra_info=extra))
    (written,) = [event for event in events(tmp_path / "run") if isinstance(event, Visit)]
    assert written.extra_info == {"a": 0.5, "b": 3, "c": None, "d": {"1": [2]}, "e": "<class 'object'>"}


def test_two_runs_into_one_folder(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run", HEADER):
        with pytest.raises(StoreError, match="already holds a run"):
            Journal.create(tmp_path / "run", HEADER)
        with pytest.raises(StoreError, match="being written by another process"):
            Journal.resume(tmp_path / "run")
    Journal.resume(tmp_path / "run")[0].close()


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


@pytest.mark.parametrize("torn", [b'{"event":"vis', b'{"event":"note"}'])
def test_resume_cuts_a_torn_line(tmp_path: Path, torn: bytes) -> None:
    Journal.create(tmp_path / "run", HEADER).close()
    with (tmp_path / "run" / JOURNAL).open("ab") as stream:
        stream.write(torn)
    assert len(list(events(tmp_path / "run"))) == 1
    journal, past = Journal.resume(tmp_path / "run")
    with journal:
        journal.append(Note("info", "after"))
    assert past == [HEADER]
    assert list(events(tmp_path / "run")) == [HEADER, Note("info", "after")]


def test_full_disk_keeps_earlier_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(tmp_path / "run", HEADER)
    write = os.write

    def half_then_full(file: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", full)
        return write(file, bytes(data)[: len(data) // 2])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(StoreError, match="No space left"):
        journal.append(Note("info", "lost"))
    monkeypatch.setattr(os, "write", write)
    journal.append(Note("info", "kept"))
    journal.close()
    assert list(events(tmp_path / "run")) == [HEADER, Note("info", "kept")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no whole line"),
        (b'{"event":"header"', "no whole line"),
        (b'{"event":"note"}\n', "expected a header"),
        (b'{"event":"header"}\nnoise\n{"event":"note"}\n', "line 2"),
        (b"[1]\n", "line 1"),
    ],
)
def test_damaged_journals_say_so(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(StoreError, match=message):
        store.read_run(tmp_path)


def test_no_run_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        find_runs(tmp_path / "missing")
    with pytest.raises(StoreError, match="holds no run"):
        bench.load(tmp_path)
    with pytest.raises(StoreError, match=JOURNAL):
        store.read_run(tmp_path)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another --out"):
        Journal.create(tmp_path / "file" / "run", HEADER)
    with pytest.raises(StoreError, match="choose another --out"):
        new_run_folder(tmp_path / "file", "host", "abc")


def test_a_folder_that_is_read_only_is_named_with_a_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_out(tmp_path / "a" / "b")
    monkeypatch.setattr("os.access", lambda *_: False)
    seen = f"{tmp_path / 'a'} cannot be made or written into ({tmp_path} is not yours to write into); choose"
    with pytest.raises(StoreError, match=re.escape(f"{seen} another --out, a folder that you can write")):
        check_out(tmp_path / "a")
    fixed = SimpleNamespace(f_flag=os.ST_RDONLY | os.ST_NOSUID)
    monkeypatch.setattr("os.statvfs", lambda _: fixed)
    with pytest.raises(StoreError, match=re.escape(f"({tmp_path} lies on a read-only file system)")):
        check_out(tmp_path / "a")


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


def test_run_folders_sort_by_time_and_never_collide(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path, "my host/1", "0123456789abcdef") for _ in range(3)]
    assert len(set(folders)) == 3
    assert all("my_host_1-0123456789" in folder.name for folder in folders)


def test_newest_unfinished(tmp_path: Path) -> None:
    assert unfinished(tmp_path) is None
    for name in ("1", "2", "3"):
        with Journal.create(tmp_path / name, HEADER) as journal:
            if name == "3":
                journal.append(End())
    for name, foreign in (("4", "dear diary\n"), ("5", '{"event":"header"}\n{"event":"end","complete":1}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / JOURNAL).write_text(foreign)
    assert unfinished(tmp_path) == tmp_path / "5"
    shutil.rmtree(tmp_path / "5")
    with Journal.create(tmp_path / "6", replace(HEADER, gate={"settings": {}})):
        pass
    assert unfinished(tmp_path) == tmp_path / "2", "a gate has two sides, and is no run to go on with"


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


def test_importing_bench_is_light() -> None:
    code = "import sys, bench.storage.journal; sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("read", [store.read_run, Journal.resume], ids=["read", "resume"])
def test_a_journal_of_a_later_version_is_refused(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    Journal.create(tmp_path / "run", replace(HEADER, version=VERSION + 1)).close()
    with pytest.raises(StoreError, match=rf"is of version {VERSION + 1}, from a later bench.*up to version"):
        read(tmp_path / "run")


RECORDED = [ROOT / "reports/example-gpu/journal.jsonl.gz", ROOT / "tests/recorded/gate-h200.jsonl.gz"]


@pytest.mark.parametrize("journal", RECORDED, ids=lambda journal: journal.parent.name)
def test_journals_of_version_1_read_as_those_of_version_2(journal: Path, tmp_path: Path) -> None:
    """Recorded ones of version 1, and the same events as they are written now."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / f"{JOURNAL}.gz").write_bytes(journal.read_bytes())
    past = list(events(tmp_path / "old"))
    assert isinstance(past[0], Header)
    assert past[0].version == 1
    with Journal.create(tmp_path / "new", replace(past[0], version=2)) as written:
        for event in past[1:]:
            written.append(event)
    old, new = store.read_run(tmp_path / "old"), store.read_run(tmp_path / "new")
    pd.testing.assert_frame_equal(old.blocks, new.blocks)
    pd.testing.assert_frame_equal(old.cases, new.cases)
    assert len(old.blocks) == sum(len(event.blocks) for event in past if isinstance(event, Visit))
    assert (old.gpu, old.notes, old.launches, old.end) == (new.gpu, new.notes, new.launches, new.end)


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

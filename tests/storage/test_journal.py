"""What a run writes down while it measures: nothing is lost, and what cannot be read or written is told."""

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import bench
from bench.events import VERSION, End, Header, Note, Visit
from bench.storage import store
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
from tests import ROOT
from tests import recorded_runs as recorded

HEADER = recorded.header("a run")


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

"""Runs in an object store: a local S3 server, which moto is."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyarrow import fs

import bench
from bench.__main__ import main
from bench.app import stored
from bench.storage import remote
from bench.storage.journal import StoreError
from tests import made_cases
from tests import recorded_runs as recorded
from tests.waiting import until

BUCKET = "s3://measured"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[str]:
    """The address of an S3 server of this machine's own, at a port that was free."""
    if importlib.util.find_spec("moto") is None or not hasattr(fs, "S3FileSystem"):
        pytest.skip("needs moto's server, which is an S3 of one's own: pip install 'moto[s3,server]'")
    said = folder / "said.txt"
    with said.open("w") as output:
        going = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"],
            stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        )  # fmt: skip
    try:
        found = until(lambda: re.search(r"http://127\.0\.0\.1:\d+", said.read_text()), "moto did not start")
        yield found[0]
    finally:
        going.kill()
        going.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs, the first with its tables and its report."""
    folder = tmp_path_factory.mktemp("runs")
    for number in (1, 2):
        recorded.write(folder / f"2026010{number}T000000-attic", made_cases.course(None)[:4])
    stored.write(stored.read([folder / "20260101T000000-attic"]))
    return folder


@pytest.fixture
def store(server: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.FileSystem]:
    """The bucket's file system, with the runs in its folder `runs`."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    there = fs.S3FileSystem(endpoint_override=server, allow_bucket_creation=True, allow_bucket_deletion=True)
    there.create_dir("measured")
    fs.copy_files(str(runs), "measured/runs", destination_filesystem=there)
    yield there
    there.delete_dir_contents("measured")


def names(store: fs.FileSystem) -> set[str]:
    listed = store.get_file_info(fs.FileSelector("measured", recursive=True))
    return {each.path for each in listed if each.is_file}


FIRST, SECOND = f"{BUCKET}/runs/20260101T000000-attic", f"{BUCKET}/runs/20260102T000000-attic"


def test_every_reader_takes_a_run_of_the_store(
    store: fs.FileSystem, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(store)
    assert main(["report", FIRST, "--out", str(tmp_path / "one")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "one" / "report.html")
    assert main(["report", f"{BUCKET}/runs", "--out", str(tmp_path / "two")]) == 0
    assert main(["compare", FIRST, str(runs / "20260102T000000-attic")]) == 0
    assert main(["history", f"{BUCKET}/runs/", "--out", str(tmp_path / "history.html")]) == 0
    assert f"{BUCKET}/runs" in (tmp_path / "history.html").read_text("utf-8")
    here, there = bench.load(runs), bench.load(f"{BUCKET}/runs")
    assert there.equals(here)
    assert bench.contests(SECOND).equals(bench.contests(runs / "20260102T000000-attic"))
    assert names(store) == before, "reading wrote into the store"
    assert list(Path(os.environ.get("TMPDIR", "/tmp")).glob("bench-fetched-*")) == []


def test_what_is_asked_to_be_written_there_is(
    store: fs.FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", SECOND, "--out", SECOND]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{SECOND}/report.html"
    assert {"report.html", "cases.parquet"} <= {
        name.rpartition("/")[2] for name in names(store) if "20260102" in name
    }
    assert main(["history", f"{BUCKET}/runs", "--out", f"{BUCKET}/pages/history.html"]) == 0
    assert "measured/pages/history.html" in names(store)


@pytest.mark.usefixtures("store")
def test_without_a_place_to_write_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["report", FIRST], ["history", f"{BUCKET}/runs"]):
        assert main(words) == 2
        assert "lies in a store; expected --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://nobody-s/runs", "cannot be read"),
        (f"{BUCKET}/nothing", "Path does not exist"),
        ("s4://measured/runs", "cannot be read"),
        (f"{BUCKET}/runs/20260101T000000-attic/report.html", "report.html"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str, said: str
) -> None:
    assert main(["report", url, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {url} ")
    assert said in line


def test_a_store_that_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="0") as address:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        assert main(["history", FIRST, "--out", str(tmp_path / "history.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {FIRST} cannot be read (")
    assert "ACCESS_DENIED" in line or "403" in line
    assert "credentials in the environment" in line


def test_runs_are_not_recorded_into_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--out", "s3://measured/runs"])
    assert "a run is recorded here; copy its folder" in capsys.readouterr().err


def test_a_damaged_journal_goes_by_its_address(
    store: fs.FileSystem, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(runs, tmp_path / "runs") / "20260102T000000-attic" / "journal.jsonl"
    damaged.write_bytes(damaged.read_bytes().replace(b'"event":"visit"', b'"event":"visti"', 1))
    fs.copy_files(
        str(damaged), "measured/runs/20260102T000000-attic/journal.jsonl", destination_filesystem=store
    )
    assert main(["report", SECOND, "--out", str(tmp_path / "out")]) == 2
    assert f"{SECOND}/journal.jsonl, line" in capsys.readouterr().err
    assert main(["report", f"{BUCKET}/runs", "--out", str(tmp_path / "out")]) == 0
    assert f"left out: {SECOND}/journal.jsonl" in capsys.readouterr().err


def test_other_tools_files_are_read_from_a_store_too(store: fs.FileSystem, runs: Path) -> None:
    file = runs / "20260101T000000-attic" / "benchmark.json"
    fs.copy_files(str(file), "measured/.benchmarks/Linux/0001_run.json", destination_filesystem=store)
    assert set(bench.load(f"{BUCKET}/.benchmarks")["run"]) == {"0001_run"}
    assert len(bench.load(f"{BUCKET}/.benchmarks/Linux/0001_run.json"))


@pytest.mark.usefixtures("store")
def test_a_history_fetches_tables_alone_where_they_will_do() -> None:
    with remote.fetched([f"{BUCKET}/runs"], tables=True) as there:
        (folder,) = there.paths
        fetched = {str(file.relative_to(folder)) for file in folder.rglob("*.*") if file.is_file()}
    tabled = {f"20260101T000000-attic/{name}" for name in remote.TABLES}
    assert fetched == {*tabled, "20260102T000000-attic/journal.jsonl"}


# What is fetched, without a store.

RUN = {"journal.jsonl": 9, "blocks.parquet": 5, **dict.fromkeys(remote.TABLES, 1)}
PEOPLE = {"report.html": 1, "summary.md": 1, "figures/a.svg": 1, "cases.csv": 1}


def test_all_of_a_run_is_fetched_but_what_people_read() -> None:
    profiles = {"profiles/a-1/profile.json": 1}
    assert set(remote.read_of({**RUN, **PEOPLE, **profiles}, lambda *_: False)) == {*RUN, *profiles}
    inside = {f"run/{name}": size for name, size in {**RUN, **PEOPLE}.items()}
    beside = {"notes.txt": 1, "calibration/run/journal.jsonl": 1}
    assert set(remote.read_of({**inside, **beside}, lambda *_: False)) == {f"run/{name}" for name in RUN}


def test_tables_do_where_they_are_of_the_whole_journal() -> None:
    def tabled(blocks: str, journal: int | None) -> bool:
        return (blocks, journal) == ("new/blocks.parquet", 9)

    listed = {f"{run}/{name}": size for run in ("new", "old") for name, size in RUN.items()}
    fetched = set(remote.read_of(listed, tabled))
    assert fetched == {*(f"new/{name}" for name in remote.TABLES), *(f"old/{name}" for name in RUN)}
    assert set(remote.read_of({"run/cases.parquet": 1}, tabled)) == {"run/cases.parquet"}


def test_other_tools_files_are_fetched_where_there_is_no_run() -> None:
    assert remote.read_of({"a/b/c.json": 1, "d.js": 1, "e.txt": 1}, lambda *_: False) == [
        "a/b/c.json",
        "d.js",
    ]


def test_local_paths_stay_where_they_are(tmp_path: Path) -> None:
    with remote.fetched([tmp_path, str(tmp_path)]) as there, remote.written(str(tmp_path)) as out:
        assert there.paths == [tmp_path, tmp_path]
        assert (there.origins, out) == ({}, tmp_path)
    with remote.written(None) as out:
        assert out is None
    with pytest.raises(StoreError, match="as it is"), remote.fetched([tmp_path]):
        raise StoreError("as it is")

"""Where a command prints and writes, gone or full: it says so once, and leaves nothing half written."""

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bench
from tests import rare
from tests.faults.faulty import Project, ended
from tests.waiting import visited


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "project")
    yield made
    made.assert_nothing_left()


def closed(*numbers: int) -> Callable[[], None]:
    """As by `>&-` in a shell."""

    def prepare() -> None:
        for number in numbers:
            os.close(number)

    return prepare


def full() -> None:
    """As by `>/dev/full`."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def of_few_bytes() -> None:
    """Files may not grow beyond these, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))


ONCE = ("run", ".", "--launches", "1", "--preset", "quick", "--out")


@rare
@pytest.mark.parametrize("numbers", [(1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams_cost_nothing(project: Project, numbers: tuple[int, ...]) -> None:
    done = ended(project.start(*ONCE, project.out, prepare=closed(*numbers)))
    assert done.status == 0, done.said
    assert (bench.load(project.out)["blocks"] > 0).sum() == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_is_full_is_told_once(project: Project, unbuffered: str) -> None:
    """Where Python buffers what is printed, it is only refused at the end."""
    project.environment["PYTHONUNBUFFERED"] = unbuffered
    done = ended(project.start("list", ".", prepare=full))
    assert done.status == 2
    told = [line for line in done.said.splitlines() if line.startswith(("bench: ", "Traceback", "Exception"))]
    assert len(told) == 1, done.said
    assert "nothing more can be written (No space left on device)" in told[0]


@rare
def test_a_report_for_which_there_is_no_room_leaves_the_last_one(project: Project) -> None:
    assert project.run().status == 0
    (folder,) = project.out.iterdir()
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    for out in (folder, folder.parent / "new"):
        done = ended(project.start("report", folder, "--out", out, prepare=of_few_bytes))
        assert (done.status, "Traceback" in done.said) == (2, False), done.said
        assert "make room" in done.said
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
    assert not list((folder.parent / "new").iterdir())


def moved(out: Path) -> Path:
    return out.rename(out.with_name("elsewhere"))


def removed(out: Path) -> Path:
    (journal,) = out.glob("*/journal.jsonl")
    journal.unlink()
    return out


@rare
@pytest.mark.parametrize("befalls", [moved, removed])
def test_a_run_whose_folder_goes(project: Project, befalls: Callable[[Path], Path]) -> None:
    going = project.start("run", ".", "--preset", "thorough", "--out", project.out)
    visited(project.out, 1)
    there = befalls(project.out)
    done = ended(going)
    assert (done.status, "Traceback" in done.said) == (2, False), done.said
    assert done.said.count("bench: ") == done.said.count("bench: warning: ") + 1, done.said
    assert "was moved or removed while it was written" in done.said
    if befalls is moved:
        assert (bench.load(there)["blocks"] > 0).any()


@rare
def test_reports_beside_a_run_that_is_written(project: Project) -> None:
    """Each shows the run as it was, and none keeps what the run shows in the end from being read."""
    going = project.start("run", ".", "--launches", "4", "--preset", "quick", "--out", project.out)
    folder = visited(project.out, 1).parent
    while going.poll() is None:
        done = project.command("report", folder)
        assert done.status == 0, done.said
    assert ended(going).status == 0
    whole = bench.load(folder)["blocks"].tolist()
    for table in folder.glob("*.parquet"):
        table.unlink()
    assert bench.load(folder)["blocks"].tolist() == whole

"""What befalls a run from outside, its processes, folders and journal: how it ends, and what stays."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import bench
from tests import ROOT, rare
from tests.faults.faulty import GOOD, MARK, Done, Project, ended
from tests.waiting import until, visited

SLOW = "import time\ndef test_slow(benchmark):\n    benchmark(time.sleep, 0.05)\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "project")
    yield made
    made.assert_nothing_left()


def run(project: Project, *further: str) -> "subprocess.Popen[str]":
    """A run that goes on until it is ended."""
    return project.start("run", ".", "--preset", "thorough", "--out", project.out, *further)


def visits(journal: Path) -> int:
    """How many whole visits are in it."""
    text = journal.read_text()
    return sum(line.startswith('{"event":"visit"') and line.endswith("}") for line in text.splitlines())


def kept(project: Project) -> bool:
    """Whether what was measured can be read."""
    done = project.command("report", project.out)
    assert (done.status, "Traceback" in done.said) == (0, False), done.said
    return bool((bench.load(project.out)["blocks"] > 0).any())


def killed_below(pid: int, words: str) -> bool:
    """Kills the first process below whose command line has these words. False if there is none: what was
    seen may have ended meanwhile, as a run's trial launches do."""
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if words in " ".join(child.cmdline()):
                child.kill()
                return True
        except psutil.Error:
            pass
    return False


# Asked to end.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=rare)])
def test_a_run_that_is_asked_to_end_keeps_what_it_has(project: Project, number: int) -> None:
    going = run(project)
    visited(project.out, 2)
    going.send_signal(number)
    done = ended(going)
    assert done.status == 130
    assert "bench: interrupted; what was measured is kept; go on with --resume" in done.said
    assert "Traceback" not in done.said
    assert kept(project)


@rare
@pytest.mark.parametrize("after_s", [0.0, 0.03, 0.1, 0.3, 1.0])
def test_ctrl_c_while_it_starts(project: Project, after_s: float) -> None:
    """From bench's own first import on: before, Python itself is started, and ends by its own means."""
    going = subprocess.Popen(
        [sys.executable, "-v", "-m", "bench", "run", ".", "--out", str(project.out)],
        cwd=project.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), MARK: project.mark, "TMPDIR": str(project.temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert any("import 'argparse'" in line for line in going.stderr)  # -v says what has been imported
    time.sleep(after_s)
    going.send_signal(signal.SIGINT)
    done = ended(going)
    assert done.status == 130
    assert "bench: interrupted" in done.said
    assert "Traceback" not in done.said


@rare
def test_ctrl_c_twice(project: Project) -> None:
    going = run(project)
    visited(project.out, 1)
    for _ in range(3):
        going.send_signal(signal.SIGINT)
        time.sleep(0.02)
    done = ended(going)
    assert (done.status, "Traceback" in done.said) == (130, False), done.said


@rare
def test_a_reader_that_leaves(project: Project) -> None:
    going = project.start("list", ".")
    going.stdout.close()
    going.wait()
    assert "Traceback" not in going.stderr.read()
    going.stderr.close()


# Killed.


def test_a_killed_run_is_read_and_resumed(project: Project) -> None:
    going = run(project)
    visited(project.out, 2)
    going.kill()
    ended(going)
    until(lambda: not project.processes(), "processes outlive the run")
    for file in project.temporary.iterdir():  # nobody is left to remove them
        assert not file.name.startswith("bench-gate")
    assert kept(project)
    (journal,) = project.out.glob("*/journal.jsonl")
    before = visits(journal)
    with journal.open("ab") as torn:
        torn.write(b'{"event":"visit","case":"test_')
    going = run(project, "--resume")
    until(lambda: visits(journal) > before or going.poll() is not None, "it does not go on")
    going.send_signal(signal.SIGINT)
    done = ended(going)
    assert done.status in (0, 130), done.said  # it may have had little left to do
    assert visits(journal) > before, done.said


HANGS_ONCE = """
import time
from pathlib import Path

def hang_once():
    if not (seen := Path(__file__).with_name("seen")).exists():
        seen.touch()
        time.sleep(600)

def test_m(benchmark):
    benchmark(hang_once)
"""


def test_a_killed_worker_costs_its_case(project: Project) -> None:
    project.write({"test_m.py": HANGS_ONCE})
    going = run(project, "--launches", "3")
    until((project.folder / "seen").exists, "no worker came to the case")
    assert killed_below(going.pid, "worker import main")
    assert_others_are_measured(project, ended(going))


@rare
def test_a_killed_template_costs_nothing(project: Project) -> None:
    project.write({"test_m.py": SLOW})
    going = run(project, "--launches", "3")
    visited(project.out, 1)
    until(lambda: killed_below(going.pid, "worker import template"), "there is no template")
    assert_others_are_measured(project, ended(going))


def assert_others_are_measured(project: Project, done: Done) -> None:
    assert done.status in (0, 1)
    assert "Traceback" not in done.said
    assert (bench.load(project.out)["blocks"] > 0).sum() >= 2


@rare
def test_a_killed_guard(project: Project) -> None:
    going = run(project, "--launches", "2")
    visited(project.out, 1)
    until(lambda: killed_below(going.pid, "it ends with the process"), "there is no guard")
    assert ended(going).status == 0


# Folders and disks.


def limited(project: Project, size: int, *arguments: str | Path) -> Done:
    """A command whose files may not grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        going = project.start(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return ended(going)


@pytest.mark.parametrize("size", [0, pytest.param(12_000, marks=rare), pytest.param(60_000, marks=rare)])
def test_a_full_disk(project: Project, size: int) -> None:
    done = limited(project, size, "run", ".", "--launches", "1", "--out", project.out)
    assert done.status in (1, 2)
    assert "Traceback" not in done.said
    assert "an error of its own" not in done.said


def a_file(project: Project) -> Path:
    project.out.write_text("mine")
    return project.out


def below_a_file(project: Project) -> Path:
    return a_file(project) / "out"


def not_writable(_project: Project) -> Path:
    return Path("/proc/bench")


def too_long(project: Project) -> Path:
    return project.out / ("n" * 300)


def a_dangling_link(project: Project) -> Path:
    project.out.symlink_to(project.folder / "nowhere")
    return project.out / "out"


@pytest.mark.parametrize(
    "out", [a_file, *(pytest.param(each, marks=rare) for each in (below_a_file, not_writable, too_long))]
)
def test_nowhere_to_put_a_run(project: Project, out: Callable[[Project], Path]) -> None:
    done = project.command("run", ".", "--launches", "1", "--out", out(project))
    assert done.status == 2
    assert len([line for line in done.said.splitlines() if line.startswith("bench: ")]) == 1, done.said
    assert "Traceback" not in done.said


@rare
def test_out_through_links(project: Project) -> None:
    a_dangling_link(project)
    assert project.command("run", ".", "--launches", "1", "--out", project.out / "out").status in (0, 2)


@rare
def test_suites_through_links(project: Project) -> None:
    (project.folder.parent / "link").symlink_to(project.folder, target_is_directory=True)
    (project.folder / "loop").symlink_to(project.folder, target_is_directory=True)
    done = project.run(project.folder.parent / "link" / "test_a.py", "test_z.py")
    assert done.status == 0, done.said


@rare
def test_the_working_directory_is_gone(project: Project) -> None:
    gone = project.folder.parent / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m bench list {project.folder}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


@rare
def test_no_folder_for_temporary_files(project: Project) -> None:
    project.environment["TMPDIR"] = "/proc/nowhere"  # where not even root makes it
    assert project.run().status == 0


@rare
def test_a_journal_in_other_hands(project: Project) -> None:
    going = run(project)
    journal = visited(project.out, 1)
    going.kill()
    ended(going)
    with journal.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = ended(run(project, "--resume"))
        assert done.status == 2
        assert "being written by another process" in done.said
        assert kept(project), "reading needs no lock"


@rare
@pytest.mark.parametrize("damage", [b"\0" * 64, b"{}\n", b'{"event":"header"}\n', b""])
def test_a_damaged_journal(project: Project, damage: bytes) -> None:
    assert project.run().status == 0
    (journal,) = project.out.glob("*/journal.jsonl")
    whole = journal.read_bytes()
    journal.write_bytes(damage + whole[len(damage) + 20 :] if damage else b"")
    for command in (("report", journal.parent), ("run", ".", "--out", project.out, "--resume")):
        done = project.command(*command)
        assert (done.status, "Traceback" in done.said) == (2, False), done.said
        assert "an error of its own" not in done.said


@rare
def test_suites_that_change_meanwhile(project: Project) -> None:
    project.write({"test_m.py": SLOW})
    going = run(project, "--launches", "3")
    visited(project.out, 1)
    project.write({"test_m.py": "def (", "test_z.py": GOOD.format(name="renamed")})
    done = ended(going)
    assert "Traceback" not in done.said
    assert done.status in (0, 1)

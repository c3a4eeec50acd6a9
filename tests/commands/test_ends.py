"""How a command ends that is killed, interrupted, or goes wrong by itself."""

import io
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import bench
from bench.__main__ import main
from bench.storage import store
from tests import ROOT
from tests.commands.commanded import WITHOUT_CEILINGS, here
from tests.waiting import visited


def test_killed_run_is_resumed_with_the_same_cases_once_each(suite: Path) -> None:
    out = suite.parent / "out"
    arguments = ["run", str(suite), "--launches", "3", "--preset", "quick", "--out", str(out)]
    going = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_CEILINGS, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = visited(out, 4)
    going.send_signal(signal.SIGKILL)
    going.wait()
    with journal.open("a") as torn:
        torn.write('{"event":"visit","case":"test_it')
    other = here(*arguments, "--resume", "--seed", "7")
    assert other.returncode == 2
    assert "seed 1 then, 7 now" in other.stderr
    resumed = here(*arguments, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert [folder.name for folder in out.iterdir()] == [journal.parent.name]
    cases = bench.load(out)
    assert list(cases["case"]) == [f"test_it.py::test_total[{n}]" for n in (1, 10, 100)]
    blocks = store.read_run(journal.parent).blocks
    assert (blocks.groupby("case", observed=True)["launch"].nunique() >= 3).all()
    assert here(*arguments, "--resume").returncode == 2


def test_interrupt_keeps_what_was_measured(suite: Path) -> None:
    out = suite.parent / "out"
    going = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_CEILINGS, "run", suite, "--preset", "thorough", "--out", out],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    visited(out, 3)
    going.send_signal(signal.SIGINT)
    stdout, stderr = going.communicate(timeout=300)
    assert going.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert Path(stdout.splitlines()[-1]).is_file()


def test_a_report_that_was_interrupted_names_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.app.run.measure", lambda *_: (tmp_path / "run", False))
    monkeypatch.setattr("bench.app.stored.read", interrupted)
    assert main(["run", str(tmp_path)]) == 130
    assert f"`bench report {tmp_path / 'run'}` writes what is kept" in capsys.readouterr().err
    monkeypatch.setattr("bench.__main__.parser", interrupted)
    assert main(["run"]) == 130


def test_an_interrupted_command_ends_by_its_own_status() -> None:
    """Python ends by the signal itself where code made of a text was interrupted, as a dataclass's."""
    script = """if True:
        import sys
        sys.argv[0] = "bench"
        import bench.__main__ as command
        command.parser = lambda: exec("raise KeyboardInterrupt")
        sys.exit(command.main([]))
    """
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "bench: interrupted\n")


def test_a_second_ctrl_c_while_ending_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    class Pressed(io.StringIO):
        def write(self, text: str) -> int:
            os.kill(os.getpid(), signal.SIGINT)
            return super().write(text)

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("bench.__main__.parser", impatient)
    monkeypatch.setattr("bench.__main__.OURS", True)
    monkeypatch.setattr(sys, "stderr", pressed := Pressed())
    try:
        assert main([]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed.getvalue() == "bench: interrupted\n"


def test_an_error_of_our_own_is_one_line_that_names_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_options: object) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("bench.commands.run.command", fails)
    journal = tmp_path / "20260101T000000-here" / "journal.jsonl"
    journal.parent.mkdir()
    journal.touch()
    assert main(["run", "--out", str(tmp_path)]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "bench: an error of its own, ZeroDivisionError: by zero; what was measured is kept"
    )
    assert str(journal) in line
    monkeypatch.setenv("BENCH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["run", "--out", str(tmp_path)])


def test_a_machine_without_a_folder_for_temporary_files_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_options: object) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", None)
            patch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
            tempfile.mkdtemp()
        return 0

    monkeypatch.setattr("bench.commands.run.command", fails)
    assert main(["run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench: no temporary file can be made (No usable temporary directory found in")
    assert line.endswith("); make room, or set TMPDIR")

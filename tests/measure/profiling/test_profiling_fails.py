"""What is said where a case cannot be profiled, or not all of it."""

import errno
import json
import stat
from pathlib import Path

import pytest

from bench.analyze.profiles.operators import nothing
from bench.app import UserError, profile
from bench.measure.drive import profile_run
from bench.storage import profiles
from bench.storage.journal import StoreError
from tests.measure.profiling.profiled_suite import EPOCH, PLAIN, profiled, spec


@pytest.mark.machine
@pytest.mark.usefixtures("no_stacks")
def test_a_trace_too_large_is_cut_down_to_some_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(profile_run, "MAX_EVENTS", 4_000)
    (found,) = profiled(tmp_path, "test_epoch", text=EPOCH)
    (note,) = [note for note in found.about["notes"] if note.startswith("operators")]
    assert "4,000 are kept at most" in note
    assert f"only {found.pieces} of its 20 optimizer steps" in note
    assert found.phases["share"].sum() == pytest.approx(1, abs=0.01)
    assert found.phases.set_index("phase")["share"]["other"] < 0.2  # as of the whole epoch


def test_a_trace_too_large_without_steps_is_one_clear_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(profile_run, "MAX_EVENTS", 2)
    assert profiled(tmp_path, "test_set_up") == []
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bench:")]
    assert "trace events, and 2 are kept at most" in line
    assert "smaller size" in line


@pytest.mark.usefixtures("no_stacks")
def test_a_case_that_fails_under_the_profiler_is_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    assert len(profiled(tmp_path, "test_fails_when_profiled", "test_set_up")) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bench:")]
    assert "failed under torch.profiler" in line
    assert "not while I am watched" in line


def test_a_full_disk_is_one_clear_message_and_leaves_no_half_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(StoreError, match=r"No space left on device.*make room") as raised:
        profiles.write(tmp_path / "case", {"case": "a case"}, {"traceEvents": []}, *nothing(), None)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "case").exists()


def spy(folder: Path, script: str) -> str:
    path = folder / "py-spy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "py-spy is not installed"),
        ("echo 'Error: Permission Denied: Try running again with elevated permissions'", "Permission Denied"),
    ],
)
def test_without_py_spy_the_rest_is_recorded_and_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, words: str
) -> None:
    monkeypatch.setattr(profile_run, "py_spy", lambda: script and spy(tmp_path, script))
    (found,) = profiled(tmp_path, "test_sum", text=PLAIN)
    assert found.stacks is None
    (note,) = [note for note in found.about["notes"] if note.startswith("stacks")]
    assert words in note


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("test_it.py::test_stepp", "did you mean test_step"),
        ("test_it.py::nothing_like_it", "no case 'test_it.py::nothing_like_it'"),
        ("test_skipped", "no such hardware"),
    ],
)
def test_a_case_that_is_not_there_is_one_clear_message(tmp_path: Path, wanted: str, words: str) -> None:
    text = (
        "import pytest\ndef test_step(benchmark): ...\n"
        "@pytest.mark.skip(reason='no such hardware')\ndef test_skipped(benchmark): ...\n"
    )
    with pytest.raises(UserError, match=words.replace("?", r"\?").replace(".", r"\.")):
        profile.chosen(spec(tmp_path, text), [wanted])

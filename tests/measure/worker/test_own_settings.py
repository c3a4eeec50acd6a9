"""A project's own settings: its options exist; what stands in the way is named, with the way round."""

from pathlib import Path

import pytest

from bench.app import UserError
from bench.app.selection import Selection, collected
from bench.events import Skip, Visit
from tests.measure.builders import measured, outcomes, suite

ADD = "def test_add(benchmark):\n    benchmark(lambda: 1 + 1)\n"


def settings(folder: Path, addopts: str, ini: str = "") -> Path:
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {addopts}\n{ini}")
    return folder


def test_options_and_ini_keys_that_exist_go_on_existing(tmp_path: Path) -> None:
    folder = settings(tmp_path, "--cache-clear --lf --nf --sw --benchmark-skip -x", "cache_dir = kept\n")
    (folder / "kept").mkdir()
    (folder / "kept" / "of the project").touch()
    assert outcomes(measured(suite(folder, ADD), launches=1)) == {"test_add": "passed"}
    assert {path.name for path in (folder / "kept").iterdir()} == {"of the project"}
    assert not (folder / ".pytest_cache").exists()


@pytest.mark.parametrize(
    ("addopts", "said"),
    [
        ("-p no:benchmark", "pytest-benchmark is switched off, as by `-p no:benchmark`"),
        (
            "--hypothesis-profile=fast",
            "ended by an error of its own or of a plugin: hypothesis.errors.InvalidArgument",
        ),
        ("--no-such-option", "refuses its arguments: unrecognized arguments: --no-such-option"),
    ],
)
def test_what_stands_in_the_way_is_named_with_the_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addopts: str, said: str
) -> None:
    monkeypatch.chdir(suite(settings(tmp_path, addopts), ADD))
    with pytest.raises(UserError) as caught:
        collected(Selection([str(tmp_path)]).spec)
    (line,) = str(caught.value).splitlines()
    assert said in line
    assert f"`{addopts}` in {tmp_path / 'pytest.ini'}: --pytest-args='-o addopts=' goes round them" in line
    round_them = Selection([str(tmp_path)], pytest_args=("-o", "addopts="))
    assert [case.operation for case in collected(round_them.spec).cases] == ["add"]
    assert round_them.recorded["pytest_args"] == ["-o", "addopts="]


MARKERS = """
import time
import pytest

@pytest.mark.benchmark
def test_marked_only():
    sum([1])

@pytest.mark.benchmark(timer=time.thread_time)
def test_processor(benchmark):
    benchmark(time.sleep, 0.003)

@pytest.mark.benchmark(timer=lambda: 5)
def test_bytes(benchmark):
    benchmark(time.sleep, 0.003)

@pytest.mark.benchmark(timer=time.time)
def test_wall(benchmark):
    benchmark(sum, [1])
"""


def test_a_timer_that_is_none_is_refused_and_a_marker_alone_is_listed(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, MARKERS), launches=1)
    assert outcomes(events) == {"test_processor": "skipped", "test_bytes": "skipped", "test_wall": "passed"}
    messages = [event.message for event in events if isinstance(event, Visit)]
    assert "it asks for the timer time.thread_time; bench times by the wall clock alone" in messages
    (skip,) = [event for event in events if isinstance(event, Skip)]
    assert skip.case == "test_it.py::test_marked_only"
    assert "does not use the `benchmark` fixture" in skip.reason

"""What a run shows of its answers while it measures."""

import io
from contextlib import suppress
from pathlib import Path

import pytest

from bench.app import recording, run
from bench.events import Visit
from bench.measure.drive.plan import PRESETS, Plan, Progress
from bench.measure.start.process import Spec
from bench.records import Block
from tests import made_cases
from tests import recorded_runs as recorded


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_they_are_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with recording.screen() as screen:
        screen.tell([f"answer {number}" for number in range(9)])
    assert capsys.readouterr().err.splitlines() == [f"so far: answer {number}" for number in range(3)]


def test_on_a_terminal_the_latest_stand_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with suppress(KeyboardInterrupt), recording.screen(60.0) as screen:
        screen.tell(["torch beats numpy"])
        screen.progress.move(round=1, rounds=2, case="test_it")
        screen.tell(["numpy beats torch"])
        raise KeyboardInterrupt
    last = terminal.getvalue().rpartition("\x1b[2K")[2]
    assert "numpy beats torch" in last
    assert "test_it" not in last


def test_progress_counts_cases_and_says_what_was_just_read() -> None:
    progress = Progress(round=2, rounds=5, case="t.py::test_b[tensor-64]", cases=240, done=37)
    progress.read(
        Visit("t.py::test_a[cpu-8]", 1, 0, blocks=(Block("warmup", 0.0, 1, 9.0), Block("wall", 1.0, 4, 3e-5)))
    )
    line = recording._line(progress, 60.0).replace("\u202f", " ")
    assert line == (
        "launch 2/5, 37 of 240 cases, at most 60 s left: test_b[tensor-64] (last read: test_a[cpu-8] 7.50 µs)"
    )


@pytest.mark.parametrize(("preset", "adds"), [("quick", False), ("default", True)])
def test_after_a_round_they_are_told_and_sizes_asked_for(tmp_path: Path, preset: str, adds: bool) -> None:
    times = {"a": lambda n: 1e-9 * n, "b": lambda n: 2e-6 + 1e-10 * n}
    cases = made_cases.curve("work", times, [64.0, 1024.0, 16384.0, 262144.0])
    folder = recorded.write(tmp_path / "run", cases, launches=1)
    told: list[str] = []
    screen = recording.Screen(Progress(), told.extend)
    wanted = run._after_round(Plan(Spec(("suites",)), PRESETS[preset]), folder, screen)()
    assert len(told) == 1
    assert told[0].startswith("work: b from n ≈ 2")
    assert bool(wanted) == adds

"""Where the system tells less, the same commands work and say what could not be read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.app import recording
from bench.events import GpuSample, Header, Note, Visit
from bench.measure.host import gpu_monitor
from bench.storage.journal import Journal, events
from bench.storage.store import read_run
from trust import absent

SUITE = "def test_total(benchmark):\n    benchmark(sum, [1, 2])\n"
GPU = {"device": "cuda", "uuid": "GPU-1", "name": "Example"}


def test_a_run_without_run_queue_delay_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    done = absent.bench(
        "run", str(tmp_path / "test_it.py"), "--launches", "1", "--out", str(tmp_path / "out")
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1]).parent
    run = read_run(folder)
    notes = {note.name: note for note in run.notes}
    assert "context switches" in notes["run-queue delay"].text
    assert run.blocks["delay_s"].notna().all()
    assert "found from involuntary context switches alone" in (folder / "report.html").read_text()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create(tmp_path / "run", Header()) as opened:
        yield opened


def recorded(journal: Journal, kind: type) -> list[Any]:
    return [event for event in events(journal.folder) if isinstance(event, kind)]


def test_a_run_on_a_gpu_without_nvml_says_so(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with recording.watched(journal, [GPU]) as record:
        record(Visit("a", 0))
    (note,) = recorded(journal, Note)
    assert "nvidia-ml-py" in note.text
    assert note.level == "warning"
    assert len(recorded(journal, Visit)) == 1


def test_a_run_on_the_processor_says_nothing_of_nvml(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with recording.watched(journal, []):
        pass
    assert not recorded(journal, Note)


def test_samples_are_recorded_while_the_run_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed keeps the samples that its visits are judged by."""
    first, second = (GpuSample("cuda", "GPU-1", 0.0, sm_hz=hz) for hz in (1.0, 2.0))
    taken = iter([[first], [], [second]])

    class Monitor:
        note = None

        def samples(self) -> list[GpuSample]:
            return next(taken)

    @contextmanager
    def monitor(uuids: dict[str, str]) -> Iterator[Monitor]:
        assert uuids == {"GPU-1": "cuda"}
        yield Monitor()

    monkeypatch.setattr(gpu_monitor, "GpuMonitor", monitor)
    with recording.watched(journal, [GPU]) as record:
        record(Visit("a", 0))
        assert [event.sm_hz for event in recorded(journal, GpuSample)] == [1]
        record(Visit("a", 0))
    assert [event.sm_hz for event in recorded(journal, GpuSample)] == [1, 2]


def test_what_the_doctor_finds_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    notes = {note.name: note for note in recording.remarks({})}
    blocking = notes["CUDA_LAUNCH_BLOCKING set"]
    assert blocking.level == "warning"
    assert "unset CUDA_LAUNCH_BLOCKING" in blocking.text

"""The benchmark of the reading half makes what it says, and finds its place in its page."""

from pathlib import Path

import pytest

from bench.storage import archive, store
from tests import scale
from tests.project import generated


def test_the_large_run_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CASES": 50, "LAUNCHES": 2, "PASSES": 2, "PER_VISIT": 3}.items():
        monkeypatch.setattr(scale, name, value)
    run = store.read_run(scale.million(tmp_path / "run"))
    assert len(run.blocks) == 50 * 2 * 2 * 3
    assert run.cases["operation"].nunique() == 2
    assert run.cases["case"].is_unique


def test_the_long_history_is_a_folder_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "RUNS", 3)
    cases, headers, _ = archive.read(scale.thousand(tmp_path), ["suites/test_00.py::test_op[cpu-7]"])
    assert len(cases) == len(headers) == 3
    assert all(header.environment for header in headers.values())


def test_its_page_has_a_place_for_the_figures() -> None:
    assert generated.part(scale.PAGE, scale.PART).startswith("| | time | memory |")

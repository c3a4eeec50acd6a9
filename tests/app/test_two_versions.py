"""Runs of two versions of torch: side by side in a report, a column each, and compared case by case."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.storage.journal import Journal
from tests import made_cases
from tests import recorded_runs as recorded

VERSIONS = ("2.11.0", "2.14.1")


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """A run of each version, in the folder that docs/running.md names; the later torch is faster."""
    folders = []
    for number, version in enumerate(VERSIONS):
        folder = tmp_path / "reports" / "torch" / f"2026010{number}T000000-attic"
        about = recorded.header(folder.name)
        packages = {**about.environment["packages"], "torch": version}
        environment = {**about.environment, "packages": packages, "torch": {"version": version}}
        made = [case for case in made_cases.course(accelerator=None) if case.suite == "test_03_matmul"]
        with Journal.create(folder, replace(about, environment=environment)) as journal:
            for event in recorded.events(
                [replace(case, seconds=case.seconds / (1 + number)) for case in made]
            ):
                journal.append(event)
        folders.append(folder)
    return folders


def test_a_report_has_a_column_for_each_version(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "both"
    assert main(["report", str(runs[0].parent), "--out", str(out), "--columns", "torch"]) == 0
    summary = (out / "summary.md").read_text("utf-8")
    head = next(line for line in summary.splitlines() if line.startswith("|") and VERSIONS[0] in line)
    assert head.index(VERSIONS[0]) < head.index(VERSIONS[1])


def test_a_comparison_says_that_torch_differs_and_what_got_faster(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *map(str, runs)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(version in told for version in VERSIONS)
    assert "faster" in told

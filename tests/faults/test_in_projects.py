"""What a project brings besides tests: a run of it ends with a status and a sentence, and leaves nothing."""

import os
from pathlib import Path

import pytest

import bench
from tests.faults.faulty import Project
from tests.faults.in_projects import IN_PROJECTS, InProject

IN_EVERY_RUN = {
    "syntax_error", "exits_at_import", "steals_the_loop", "odd_names", "ascii_only", "not_utf8_pytest.ini",
}  # fmt: skip
"""Those that the normal tests plant as well: a few of each kind."""


def parameters() -> list[object]:
    often = not os.environ.get("BENCH_FAULTS")
    rare = pytest.mark.skipif(often, reason="nox -s faults")
    return [
        pytest.param(each, id=each.name, marks=() if each.name in IN_EVERY_RUN else rare)
        for each in IN_PROJECTS
    ]


@pytest.mark.parametrize("fault", parameters())
def test_a_project(tmp_path: Path, fault: InProject) -> None:
    project = Project(tmp_path / "project", fault.environment)
    project.write(fault.files)
    done = project.run(*fault.arguments, python=fault.python)
    project.assert_nothing_left()
    assert (done.status, "Traceback" in done.said) == (fault.status, False), done.said
    assert fault.says in done.said
    if fault.status == 2:
        assert len(done.said.strip().splitlines()) <= 6, done.said
        assert not list(project.out.glob("*"))
    if fault.measured:
        cases = bench.load(project.out)
        good = cases[cases["operation"].isin(("before", "after"))]
        assert (good["blocks"] > 0).sum() == 2, done.said

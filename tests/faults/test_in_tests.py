"""Whatever a test does, its own case pays, and its neighbours are measured: faults of `in_tests`, together.

`nox -s faults` plants each by itself as well.
"""

import os
from pathlib import Path

import pandas as pd
import pytest

import bench
from tests.faults.faulty import Done, Project
from tests.faults.in_tests import IN_TESTS, InTest

alone = pytest.mark.skipif(not os.environ.get("BENCH_FAULTS"), reason="nox -s faults")


def planted(project: Project, faults: list[InTest]) -> tuple[Done, pd.DataFrame]:
    """A run with these faults among good cases; what it said, and its cases by their file."""
    project.write({f"test_{fault.name}.py": fault.code for fault in faults})
    done = project.run()
    (folder,) = project.out.iterdir()
    cases = bench.load(folder)
    return done, cases.set_index(cases["case"].str.partition("::")[0].str.removesuffix(".py"))


def check(fault: InTest, cases: pd.DataFrame) -> None:
    row = cases.loc[f"test_{fault.name}"]
    measured = row["blocks"] > 0 and row["status"] in ("ok", "noisy")
    status = "measured" if measured else row["status"]
    assert fault.status in (status, "any"), (fault.name, status, row["message"])
    assert fault.says in row["message"]


def check_neighbours(done: Done, cases: pd.DataFrame) -> None:
    for name in ("test_a", "test_z"):
        assert cases.loc[name, "blocks"] > 0, done.said
    assert "Traceback" not in done.said
    assert done.status in (0, 1)


def test_faults_of_tests_cost_no_neighbour(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    faults = [fault for fault in IN_TESTS if not fault.slow]
    done, cases = planted(project, faults)
    project.assert_nothing_left()
    check_neighbours(done, cases)
    for fault in faults:
        check(fault, cases)


@alone
@pytest.mark.parametrize("fault", IN_TESTS, ids=lambda fault: fault.name)
def test_a_fault_by_itself(tmp_path: Path, fault: InTest) -> None:
    project = Project(tmp_path / "project", timeout_s=5.0 if fault.slow else 60.0)
    done, cases = planted(project, [fault])
    project.assert_nothing_left()
    check_neighbours(done, cases)
    check(fault, cases)
    assert fault.says in " ".join(done.said.split())  # a long line is broken
    assert done.status == (0 if fault.status in ("measured", "skipped") else 1) or fault.status == "any"

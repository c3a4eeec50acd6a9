"""A gate of a project whose environment has pytest and pytest-benchmark, and nothing of ours."""

import subprocess

import pytest

from tests import other_environments
from tests.app.gated_project import CODE, Repository, states


def test_a_project_that_has_nothing_of_ours_is_gated(
    repository: Repository, pytestconfig: pytest.Config
) -> None:
    python = other_environments.python(pytestconfig, "foreign", "pytest", "pytest-benchmark")
    for ours in ("bench", "psutil", "torch", "pandas", "pyarrow"):
        asked = subprocess.run([python, "-P", "-c", f"import {ours}"], cwd="/", env={}, capture_output=True)
        assert asked.returncode, f"the environment has {ours}: this test shows nothing"
    repository.write({"src/project/__init__.py": CODE.replace("2e-3", "3e-3")})
    pythons = ("--base-python", python, "--head-python", python)
    verdict = ("--json", repository.folder.parent / "verdict.json")
    done = repository.gate("--base", "main", *pythons, *verdict)
    assert done.returncode == 1, done.stdout + done.stderr
    assert states(repository.verdict()) == {
        "test_parse[1]": "same",
        "test_parse[10]": "same",
        "test_render": "slower",
    }
    repository.assert_nothing_left()

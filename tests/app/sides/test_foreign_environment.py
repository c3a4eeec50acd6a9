"""A gate of a project whose environment has pytest and pytest-benchmark, and nothing of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, other_environments, rare
from tests.app.sides.gated_project import CODE, Repository, states

pytestmark = rare  # it makes environments of other releases


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


def test_one_line_of_uvx_gates_it(repository: Repository, pytestconfig: pytest.Config) -> None:
    """The line that docs/gate.md shows, with this checkout's last commit as its URL."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout of this project")
    uvx = other_environments.python(pytestconfig, "uv", "uv").parent / "uvx"
    python = other_environments.python(pytestconfig, "foreign", "pytest", "pytest-benchmark")
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GITHUB_"))
    }
    cache = str(Path(pytestconfig.cache.mkdir("uv")))

    def bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [uvx, "--python", sys.executable, "--from", f"git+file://{ROOT}", "bench", *words],
            cwd=repository.folder, env=outside | {"UV_CACHE_DIR": cache, "TMPDIR": str(repository.temporary)},
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip

    made = bench("--version")
    if made.returncode and "Failed to fetch" in made.stderr:
        pytest.skip(f"needs what bench depends on from PyPI: {made.stderr.strip().splitlines()[-1]}")
    assert made.returncode == 0, made.stderr
    assert "torch" not in made.stderr.replace("torch-course-bench", ""), "gating without torch installs it"
    repository.write({"src/project/__init__.py": CODE.replace("2e-3", "3e-3")})
    pythons = ("--base-python", python, "--head-python", python)
    done = bench("gate", "--base", "main", *pythons, "-k", "render", "--out", repository.out)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Slower: 1 slower" in done.stdout
    repository.assert_nothing_left()

"""Workflows, hooks and templates are YAML that parses, and run commands that there are."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import parser
from tests import ROOT
from tests.project import shown

yaml = pytest.importorskip("yaml")

ALONE = (ROOT / ".pre-commit-config.yaml", ROOT / "gate" / "action.yml")
FILES = [*ALONE, *sorted((ROOT / ".github").rglob("*.yml"))]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text("utf-8"))


def steps(key: str) -> list[str]:
    """What the workflows' steps have under `run`, or under `uses`."""
    jobs = [job for file in WORKFLOWS for job in read(file)["jobs"].values()]
    return [step[key] for job in jobs for step in job["steps"] if key in step]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_parses(file: Path) -> None:
    assert isinstance(read(file), dict)


@pytest.mark.parametrize("command", dict.fromkeys(steps("run")))
def test_every_step_runs_a_command_that_there_is(command: str) -> None:
    words = shlex.split(command)
    if (arguments := shown.of_bench(words)) is not None:
        parser().parse_args(arguments)
    elif (session := shown.of_nox(words)) is not None:
        assert session in shown.SESSIONS
    else:
        assert words[:2] == ["pip", "install"]


def test_actions_are_pinned_to_a_major_version_or_the_repositorys_own() -> None:
    for action in steps("uses"):
        pinned = re.fullmatch(r"actions/[\w-]+@v\d+", action)
        assert pinned or (ROOT / action / "action.yml").is_file(), action


def test_a_pull_request_is_gated_by_the_repositorys_own_action() -> None:
    gate = read(ROOT / ".github/workflows/gate.yml")
    (used,) = [step for step in gate["jobs"]["gate"]["steps"] if step.get("uses") == "./gate"]
    assert {*used.get("with", {})} <= {*read(ROOT / "gate" / "action.yml")["inputs"]}
    assert gate["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_the_tests_run_on_the_oldest_python_allowed() -> None:
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    pythons = read(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert oldest is not None
    assert pythons[0] == oldest[1]


def test_every_form_asks_for_the_journal_and_what_the_doctor_says() -> None:
    for name in ("wrong_number", "bug"):
        fields = read(ROOT / f".github/ISSUE_TEMPLATE/{name}.yml")["body"]
        assert {"journal", "doctor"} <= {field.get("id") for field in fields}

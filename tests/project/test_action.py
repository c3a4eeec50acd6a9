"""The composite action: its steps' own shell, run with stand-ins for bench and GitHub's command line."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.app.sides.gated_project import CODE, FEWER_LAUNCHES, Repository

yaml = pytest.importorskip("yaml")

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "gate" / "action.yml").read_text("utf-8"))
INSTALL, GATE, COMMENT, UPLOAD = ACTION["runs"]["steps"]

BENCH = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["STAND_IN"])
(folder / "arguments.json").write_text(json.dumps(sys.argv[1:]))
told = json.loads((folder / "told.json").read_text())
if told["markdown"]:
    pathlib.Path(sys.argv[sys.argv.index("--markdown") + 1]).write_text(told["markdown"])
sys.exit(told["status"])
"""

GH = """#!{python}
import json, os, pathlib, sys
kept = pathlib.Path(os.environ["STAND_IN"]) / "comments.json"
words, comments = sys.argv[1:], json.loads(kept.read_text())
if words[0] != "api" or comments is None:
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
if "--method" not in words:
    assert words[words.index("--jq") + 1] == ".[] | select(.body | startswith(env.MARKER)) | .id"
    print(*(each["id"] for each in comments if each["body"].startswith(os.environ["MARKER"])), sep="\\n")
    sys.exit()
file = words[words.index("-F") + 1].removeprefix("body=@")
body, path = pathlib.Path(file).read_text(), words[words.index("--method") + 2]
if words[words.index("--method") + 1] == "POST":
    assert path == "repos/owner/project/issues/7/comments"
    comments.append({{"id": len(comments) + 100, "body": body}})
else:
    (old,) = [each for each in comments if path == f"repos/owner/project/issues/comments/{{each['id']}}"]
    old["body"] = body
kept.write_text(json.dumps(comments))
"""


@dataclass
class Runner:
    """A job's runner: where its files lie, what a step finds there, and what the job was given."""

    folder: Path
    inputs: dict[str, str] = field(default_factory=dict)
    event: str = "pull_request"

    def __post_init__(self) -> None:
        for name, text in {"temp/bench/bin/bench": BENCH, "bin/gh": GH}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True)
            file.write_text(text.format(python=sys.executable))
            file.chmod(0o755)
        self.tell(0)
        self.comments([{"id": 1, "body": "a reviewer's"}])

    def tell(self, status: int, markdown: str = "## Pass\n") -> None:
        """What the stand-in for bench says from now on."""
        self._write("told.json", {"status": status, "markdown": markdown})

    def comments(self, comments: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """The comments on the pull request, which the stand-in for gh keeps; where given, from now on."""
        if comments is not None:
            self._write("comments.json", comments)
        kept: list[dict[str, Any]] = json.loads((self.folder / "comments.json").read_text())
        return kept

    def locked(self) -> None:
        """From now on comments are out of reach, as for a pull request from a fork."""
        self._write("comments.json", None)

    def _write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(json.dumps(value))

    def expression(self, text: str) -> str:
        known = {f"inputs.{name}": each.get("default", "") for name, each in ACTION["inputs"].items()}
        known |= {f"inputs.{name}": value for name, value in self.inputs.items()}
        known |= {"runner.temp": f"{self.folder}/temp", "github.token": "secret"}
        known["github.event.pull_request.number"] = "7"
        known["steps.gate.outputs.status"] = self.output("status")
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known[match[1]], text)

    def output(self, name: str) -> str:
        file = self.folder / "output"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines).get(name, "")

    def run(self, step: dict[str, Any], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a step's shell as GitHub does."""
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        given = {name: self.expression(value) for name, value in step["env"].items()}
        of_runner = {
            "PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "STAND_IN": str(self.folder),
            "RUNNER_TEMP": f"{self.folder}/temp",
            "GITHUB_ACTION_PATH": str(ROOT / "gate"),
            "GITHUB_BASE_REF": "main" if self.event == "pull_request" else "",
            "GITHUB_OUTPUT": f"{self.folder}/output",
            "GITHUB_STEP_SUMMARY": f"{self.folder}/summary.md",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "owner/project",
            "GITHUB_RUN_ID": "42",
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env={**os.environ, **of_runner, **given}, cwd=cwd or self.folder, capture_output=True, text=True,
        )  # fmt: skip

    @property
    def arguments(self) -> list[str]:
        found: list[str] = json.loads((self.folder / "arguments.json").read_text())
        return found


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_no_input_is_part_of_a_script() -> None:
    for step in (INSTALL, GATE, COMMENT):
        assert "${{" not in step["run"], "an input there could be any command: it comes by the environment"
        assert step["shell"] == "bash"
    assert ACTION["runs"]["using"] == "composite"
    assert re.fullmatch(r"actions/[\w-]+@v\d+", UPLOAD["uses"])


def test_what_comes_behind_a_failed_gate_runs_all_the_same() -> None:
    for step in (COMMENT, UPLOAD):
        assert step["if"].startswith("always() && steps.gate.outputs.status")


def test_bench_is_installed_into_an_environment_of_its_own(runner: Runner) -> None:
    asked = runner.folder / "asked"
    python = runner.folder / "bin" / "its-python"
    python.write_text(
        f'#!/bin/sh\necho "$@" >> "{asked}"\nmkdir -p "$3/bin" && cp "$0" "$3/bin/python"\nexit 0\n'
    )
    python.chmod(0o755)
    runner.inputs["python"] = "its-python"
    done = runner.run(INSTALL)
    assert done.returncode == 0, done.stderr
    made, installed = asked.read_text().splitlines()
    assert made == f"-m venv {runner.folder}/temp/bench"
    assert installed.startswith("-m pip install")
    assert Path(installed.split()[-1]).resolve() == ROOT


def test_a_gate_gets_the_words_that_were_given(runner: Runner) -> None:
    given = "--install 'pip install --no-deps .' --fail-on faster"
    runner.inputs |= {"args": given, "paths": "benchmarks 'my tests' $(touch evil)"}
    assert runner.run(GATE).returncode == 0
    words = runner.arguments
    assert words[:3] == ["gate", "--base", "origin/main"]
    assert words[3:7:2] == ["--base-python", "--head-python"]
    assert Path(words[4]).is_absolute()
    assert words[-8:-4] == ["--install", "pip install --no-deps .", "--fail-on", "faster"]
    assert words[-4:] == ["benchmarks", "my tests", "$(touch", "evil)"]
    assert not (runner.folder / "evil").exists()


def test_words_that_do_not_end_are_an_error(runner: Runner) -> None:
    runner.inputs["args"] = "--install 'pip install"
    done = runner.run(GATE)
    assert done.returncode == 2
    assert "::error::args and paths are no words of a shell: ValueError: No closing quotation" in done.stdout


def test_without_words_there_are_none(runner: Runner) -> None:
    assert runner.run(GATE).returncode == 0
    assert runner.arguments[-2] == "--json"


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 5, 70])
def test_the_gates_status_is_the_steps(runner: Runner, status: int) -> None:
    runner.tell(status)
    done = runner.run(GATE)
    assert (done.returncode, runner.output("status")) == (status, str(status)), done.stderr


def test_outside_of_a_pull_request_the_base_has_to_be_named(runner: Runner) -> None:
    runner.event = "push"
    done = runner.run(GATE)
    assert done.returncode == 2
    assert "expected the input base" in done.stdout
    runner.inputs["base"] = "v1.0"
    assert runner.run(GATE).returncode == 0
    assert runner.arguments[1:3] == ["--base", "v1.0"]


def test_one_comment_is_kept_up_to_date(runner: Runner) -> None:
    runner.run(GATE)
    assert runner.run(COMMENT).returncode == 0
    reviewers, ours = runner.comments()
    assert reviewers["body"] == "a reviewer's"
    assert ours["body"].startswith("<!-- bench gate: gate -->\n## Pass\n")
    assert "https://github.com/owner/project/actions/runs/42" in ours["body"]
    runner.tell(1, "## Slower\n")
    assert runner.run(GATE).returncode == 1
    assert runner.run(COMMENT).returncode == 0
    reviewers, updated = runner.comments()
    assert updated["id"] == ours["id"]
    assert "## Slower" in updated["body"]
    assert "## Pass" not in updated["body"]
    runner.inputs["name"] = "gpu"
    runner.run(GATE)
    runner.run(COMMENT)
    assert [each["body"].partition("\n")[0] for each in runner.comments()[1:]] == [
        "<!-- bench gate: gate -->", "<!-- bench gate: gpu -->",
    ]  # fmt: skip


def test_an_old_verdict_does_not_stay_where_there_is_no_new_one(runner: Runner) -> None:
    runner.comments([{"id": 5, "body": "<!-- bench gate: gate -->\n## Pass"}])
    runner.tell(3, "")
    assert runner.run(GATE).returncode == 3
    assert runner.run(COMMENT).returncode == 0
    (ours,) = runner.comments()
    assert "No verdict: the gate ended with status 3" in ours["body"]


def test_a_long_verdict_fits_into_a_comment(runner: Runner) -> None:
    runner.tell(0, "a line of the table\n" * 10_000)
    runner.run(GATE)
    runner.run(COMMENT)
    assert 60_000 < len(runner.comments()[1]["body"]) < 65_536


def test_a_comment_that_may_not_be_written_is_a_warning(runner: Runner) -> None:
    runner.run(GATE)
    runner.locked()
    done = runner.run(COMMENT)
    assert done.returncode == 0
    assert "::warning::no comment could be written" in done.stdout


def test_a_real_gate_passes_through_the_action(runner: Runner, tmp_path: Path) -> None:
    bench = runner.folder / "temp" / "bench" / "bin" / "bench"
    code = runner.folder / "fewer.py"
    code.write_text(FEWER_LAUNCHES)
    bench.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P "{code}" "$@"\n')
    repository = Repository(tmp_path / "work" / "project")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.write({"src/project/__init__.py": CODE.replace("2e-3", "3e-3")})
    runner.inputs |= {"args": "-k render", "python": sys.executable}
    done = runner.run(GATE, repository.folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert runner.run(COMMENT).returncode == 0
    assert "| slower | test\\_render | +50.0 %" in runner.comments()[1]["body"]
    assert "test\\_render" in (runner.folder / "summary.md").read_text()
    out = runner.folder / "temp" / "bench-gate"
    assert json.loads((out / "gate.json").read_text())["exit_status"] == 1
    assert (out / "gate.xml").is_file()

"""Profiles as a user meets them: behind a run, in its report, and explained."""

import json
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.__main__ import main
from bench.measure.drive import profile_run
from bench.storage import profiles
from tests.commands.commanded import here

SUITE = """
import time

def test_sum(benchmark):
    benchmark(sum, range(20_000))

def test_fails(benchmark):
    benchmark(int, "no number")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with --profile."""
    folder = tmp_path_factory.mktemp("with_profile")
    (folder / "test_it.py").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_run, "py_spy", lambda: None)  # stacks would only take their time
        done = here("run", "test_it.py", "--preset", "quick", "--launches", "1", "--profile", cwd=folder)
    assert done.returncode == 1, done.stderr  # a case failed
    return folder / Path(done.stdout.splitlines()[-1]).parent


def test_a_run_profiles_what_it_has_measured_behind_the_measuring(run: Path) -> None:
    events = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "end"
    assert events[-1]["complete"]
    assert not [event for event in events if "profile" in event["event"]]
    (folder,) = profiles.of_run(run)
    assert profiles.read(folder).case == "test_it.py::test_sum"
    assert (folder / profiles.ABOUT).stat().st_mtime >= (run / "journal.jsonl").stat().st_mtime


def test_the_report_links_each_profile(run: Path) -> None:
    html = (run / "report.html").read_text()
    embedded = html.partition('id="data">')[2].partition("</script>")[0]
    links = json.loads(embedded)["profiles"]
    (link,) = [each for each in links if each]
    assert (run / unquote(link)).is_file()
    assert f'href="{link}"' in html


def test_the_report_elsewhere_finds_the_profiles_where_they_are(run: Path, tmp_path: Path) -> None:
    assert main(["report", str(run), "--out", str(tmp_path / "elsewhere")]) == 0
    html = (tmp_path / "elsewhere" / "report.html").read_text()
    embedded = html.partition('id="data">')[2].partition("</script>")[0]
    (link,) = [each for each in json.loads(embedded)["profiles"] if each]
    assert (tmp_path / "elsewhere" / unquote(link)).resolve().is_file()


def test_profiles_of_two_runs_are_explained(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(run), str(run), "test_it.py::test_sum"]) == 0
    assert capsys.readouterr().out.startswith("nothing differs")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "RUN", "RUN", "test_it.py::test_fails"], "holds no profile of test_it.py::test_fails"),
        (["profile"], "no case named"),
        (["profile", "test_it.py::test_sum", "--run", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_is_not_there_is_one_clear_message(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main([str(run) if each == "RUN" else each for each in arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert len(error.splitlines()) <= 2


def test_a_change_between_revisions_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(profile_run, "py_spy", lambda: None)  # stacks would only take their time

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    before = (
        "import torch\n\ndef test_sum(benchmark):\n    a = torch.ones(9)\n    benchmark(lambda: a.sum())\n"
    )
    git("init", "--quiet")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "test_it.py").write_text(before)
    git("add", "--all")
    git("commit", "--quiet", "--message", "before")
    (tmp_path / "test_it.py").write_text(before.replace("a.sum()", "a.sum().item()"))
    done = here("explain", "HEAD", ".", "test_it.py::test_sum", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("came: aten::item (1 × a call; reads one value, for which the host waits)")
    listed = subprocess.run(["git", "worktree", "list"], cwd=tmp_path, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == 1

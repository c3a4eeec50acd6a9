"""Every command, link and line of Python that a document shows is one that works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import parser
from tests import ROOT, made_cases
from tests import recorded_runs as recorded
from tests.project import generated, readme, shown
from tests.project.shown import DOCUMENTS, PAGES

MAX_README_LINES = 150
"""So that it is read."""

TEXT = "\n".join(document.read_text("utf-8") for document in DOCUMENTS)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Commands of the shell blocks and of the running text, as words."""
    lines = [line for block in blocks("sh") for part in block.splitlines() for line in part.split("&&")]
    lines += re.findall(r"`((?:python -m bench|bench|nox|\S+/nox) [^`]+)`", TEXT)
    return [shown.words(line) for line in lines if line.strip()]


def of_bench() -> list[list[str]]:
    found = [arguments for words in commands() if (arguments := shown.of_bench(words)) is not None]
    return [list(words) for words in dict.fromkeys(map(tuple, found))]


@pytest.mark.parametrize("words", of_bench(), ids=" ".join)
def test_bench_takes_the_command(words: list[str]) -> None:
    parser().parse_args(words)


@pytest.mark.parametrize("words", of_bench(), ids=" ".join)
def test_paths_in_commands_are_there(words: list[str]) -> None:
    for word in words:
        if word.startswith(("suites/", "tests/")):
            assert (ROOT / word.partition("::")[0]).exists()


def test_every_nox_session_is_there() -> None:
    named = {session for words in commands() if (session := shown.of_nox(words))}
    assert named >= {"bench", "tests"}
    assert named <= shown.SESSIONS


RUN_EACH = "import runpy, sys; [runpy.run_path(each, run_name='__main__') for each in sys.argv[1:]]"


@pytest.mark.parametrize("suites", [True, False], ids=["suites", "scripts"])
def test_python_runs(suites: bool, tmp_path: Path) -> None:
    """Suites shown are collected by pytest; everything else runs beside a folder of runs, in one process."""
    pieces = [code for code in blocks("python") if ("def test_" in code) == suites]
    if any("import torch" in code for code in pieces):
        pytest.importorskip("torch")
    recorded.write(tmp_path / "reports" / "run", made_cases.course())
    files = [f"test_shown_{number}.py" for number in range(len(pieces))]
    for file, code in zip(files, pieces, strict=True):
        (tmp_path / file).write_text(code)
    started = ["-m", "pytest", "--collect-only", "-q"] if suites else ["-c", RUN_EACH]
    done = subprocess.run(
        [sys.executable, *started, *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"{file}::test_" in done.stdout for file in files if suites), done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_and_pictures_are_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text("utf-8")):
        assert target.startswith("http") or (document.parent / target).exists(), target


def links(document: Path) -> set[Path]:
    """The files of this project that a document leads to."""
    targets = re.findall(r"\]\(([^)#]+)", document.read_text("utf-8"))
    return {(document.parent / target).resolve() for target in targets if not target.startswith("http")}


def test_every_benchmark_that_is_named_is_there() -> None:
    suites = "\n".join(path.read_text("utf-8") for path in (ROOT / "suites").rglob("test_*.py"))
    named = set(
        re.findall(
            r"`(test_[a-z0-9_]+)(?:\[[^`]*)?`", (ROOT / "docs" / "how-it-measures.md").read_text("utf-8")
        )
    )
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in suites} == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        new = {file for document in new for file in links(document) if file.suffix == ".md"} - reached
    assert not set(PAGES) - reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_opens_with_the_question_that_it_answers(page: Path) -> None:
    title, opening = page.read_text("utf-8").split("\n\n")[:2]
    assert title.startswith("# ")
    assert "?" in opening


def test_commands_are_written_as_bench() -> None:
    assert "python -m bench" not in "".join(blocks("sh"))


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= MAX_README_LINES
    for session in ("bench", "tests"):
        whole = f"python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox -s {session}"
        assert f"\n{whole}\n" in text


def test_the_readme_says_what_the_example_says() -> None:
    assert generated.part(readme.README, readme.PART) == readme.text(readme.EXAMPLE), (
        "`python -m tests.project.readme` renews it"
    )


def test_parts_that_a_command_makes_name_one_that_there_is() -> None:
    made = [generated.made_by(page, name) for page in DOCUMENTS for name, _ in generated.names(page)]
    assert len(made) > 2
    for words in made:
        module = ROOT.joinpath(*words[2].split(".")).with_suffix(".py")
        assert shown.of_nox(words) in shown.SESSIONS or (words[:2] == ["python", "-m"] and module.is_file())

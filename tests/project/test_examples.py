"""The example reports: what a reader opens, and no more."""

import gzip
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import bench
from bench.app import stored
from tests import ROOT, made_cases
from tests import recorded_runs as recorded
from tests.project import examples, generated, readme

REPORTS = ROOT / "reports"
EXAMPLES = sorted(REPORTS.glob("example*"))


def test_they_are_small() -> None:
    files = [file for example in EXAMPLES for file in example.rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) <= examples.MAX_BYTES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_they_hold_what_the_table_names(example: Path) -> None:
    table = re.findall(r"^\| `([\w.]+)/?` \|", (REPORTS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert {entry.name for entry in example.iterdir()} <= set(table)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_their_cases_can_be_loaded(example: Path) -> None:
    assert (bench.load(example)["median_s"] > 0).sum() > 50


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_they_do_not_tell_where_they_were_made(example: Path) -> None:
    told = "".join(file.read_text("utf-8") for file in example.iterdir() if file.suffix in (".html", ".md"))
    for journal in example.glob(examples.JOURNAL):
        told += gzip.decompress(journal.read_bytes()).decode()
    assert str(ROOT) not in told
    assert not re.search(r"/(?:home|root|Users)/\w", told)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with its report, as a maker of an example leaves it."""
    run = recorded.write(tmp_path_factory.mktemp("made") / "run", made_cases.course(accelerator=None))
    stored.write(stored.read([run]))
    (run / "journal.jsonl.gz").write_bytes(gzip.compress((run / "journal.jsonl").read_bytes()))
    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's README and of an example that is to be replaced."""
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copytree(REPORTS / "example", tmp_path / "reports" / "example")
    monkeypatch.setattr(examples, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    monkeypatch.setattr(readme, "EXAMPLE", tmp_path / "reports" / "example")
    return tmp_path


def figure(made: Path) -> str:
    return min(file.name for file in (made / "figures").glob("*.png"))


def test_an_example_keeps_what_is_opened_and_shown(
    made: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "shown", lambda _name: [figure(made)])
    monkeypatch.setattr(examples, "MAKERS", {"example": lambda *_: made})
    assert examples.main(["example"]) == 0
    example = project / "reports" / "example"
    kept = {file.relative_to(example).as_posix() for file in example.rglob("*") if file.is_file()}
    assert kept == {*examples.KEPT, "journal.jsonl.gz", f"figures/{figure(made)}"}
    with Image.open(example / "figures" / figure(made)) as small:
        assert small.mode == "P"
    assert generated.part(project / "README.md", readme.PART) == readme.text(example)
    assert "attic" in (project / "README.md").read_text("utf-8")


def test_a_report_is_made_again_from_its_journal(project: Path) -> None:
    example = project / "reports" / "example"
    journal = (example / "journal.jsonl.gz").read_bytes()
    (example / "report.html").write_text("old")
    assert examples.main(["example", "--again"]) == 0
    assert (example / "journal.jsonl.gz").read_bytes() == journal
    assert len((example / "report.html").read_bytes()) > 100_000
    assert set(bench.load(example)["run"]) == {bench.load(REPORTS / "example")["run"].iloc[0]}


def test_an_example_that_cannot_be_made_stays_as_it_was(
    made: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examples, "shown", lambda _name: ["not_drawn.png"])
    monkeypatch.setattr(examples, "MAKERS", {"example": lambda *_: made})
    before = (project / "reports" / "example" / "report.html").read_bytes()
    assert examples.main([]) == 1
    assert "the run has no figures/not_drawn.png" in capsys.readouterr().err
    assert (project / "reports" / "example" / "report.html").read_bytes() == before
    with pytest.raises(SystemExit):
        examples.main(["exampel"])


def test_figures_that_documents_show_are_there() -> None:
    for example in EXAMPLES:
        assert examples.shown(example.name) == sorted(file.name for file in example.glob("figures/*.png"))

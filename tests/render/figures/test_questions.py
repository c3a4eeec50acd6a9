"""`bench.plot`: the picture that answers a question, or a sentence that says why there is none."""

from pathlib import Path

import numpy as np
import pytest

import bench
from bench.analyze.questions.catalogue import QUESTIONS
from tests import ROOT, made_cases
from tests import recorded_runs as recorded
from tests.render.figures import seen


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.write(tmp_path_factory.mktemp("runs") / "course", made_cases.course())


@pytest.fixture(scope="module")
def without_gpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed example, read from its journal: of a machine that has none."""
    folder = tmp_path_factory.mktemp("runs") / "example"
    folder.mkdir()
    journal = (ROOT / "reports/example/journal.jsonl.gz").read_bytes()
    (folder / "journal.jsonl.gz").write_bytes(journal)
    return folder


def test_gains_are_the_contests_own(course: Path) -> None:
    """Where the curve crosses 1 × is where the table says that the lead changes."""
    axes = bench.plot(course, "gpu_from")
    table = bench.contests(course)
    asked = table[(table["question"] == "gpu_from") & (table["operation"] == "matmul")]
    one_call = asked[asked["definition"] == "latency"].iloc[0]
    level = [seen.at(line) for line in axes.lines if {y for _, y in seen.at(line)} == {1.0}]
    assert [(one_call["low"], 1), (one_call["high"], 1)] in level
    assert [(one_call["size"], 1)] in level
    assert axes.get_xlabel() == "n"


def test_rates_are_the_cases_own(course: Path) -> None:
    axes = bench.plot(course, "workers")
    cases = bench.load(course)
    loaded = cases[cases["operation"] == "load_epoch"]
    drawn = {round(y) for line in axes.lines for _, y in seen.at(line)}
    sizes = sorted(loaded["batch_size"].unique())[:: len(loaded["batch_size"].unique()) - 1]
    for size in sizes:  # the smallest and the largest batch are always drawn
        rates = loaded.loc[loaded["batch_size"] == size, "items_per_s"].astype(float)
        assert set(np.round(rates).astype(int)) <= drawn
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "4"]


def test_a_picture_is_shown_by_a_notebook(course: Path) -> None:
    figure = bench.plot(course, "torch_or_onnxruntime").figure
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[union-attr]


def test_moved_data_has_the_processor_s_times_beside(course: Path) -> None:
    gains, times = bench.plot(course, "gpu_from_moved").figure.axes
    assert len(gains.lines) > len(bench.plot(course, "gpu_from").lines)
    cases = bench.load(course)
    cpu = cases[(cases["operation"] == "matmul") & (cases["device"] == "cpu")].sort_values("n")
    expected = list(zip(cpu["n"].astype(float), cpu["median_s"], strict=True))
    assert expected in [seen.at(line) for line in times.lines]


def test_an_unknown_question_names_those_that_there_are(course: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'workers'") as raised:
        bench.plot(course, "worker")
    assert all(question.id in str(raised.value) for question in QUESTIONS)


@pytest.mark.parametrize("question", ["gpu_from", "gpu_from_moved"])
def test_without_an_accelerator_it_says_so(without_gpu: Path, question: str) -> None:
    with pytest.raises(ValueError, match="no GPU here: not answerable on this machine"):
        bench.plot(without_gpu, question)


def test_what_training_learned_is_drawn_without_an_accelerator_too(without_gpu: Path) -> None:
    drawn = [np.asarray(line.get_ydata()) for line in bench.plot(without_gpu, "epoch_device").lines]
    assert any(accuracies[-1] > 2 * accuracies[0] > 0 for accuracies in drawn)


def test_a_question_that_was_not_asked_says_how_to_ask_it(course: Path) -> None:
    with pytest.raises(ValueError, match="not part of this run; `bench run suites` asks it"):
        bench.plot(course, "share_or_copy")
    with pytest.raises(ValueError, match="`bench run suites/operations` asks it"):
        bench.plot(course, "in_place")


def test_of_several_runs_one_has_to_be_named(tmp_path: Path) -> None:
    for name in ("1", "2"):
        recorded.write(tmp_path / "reports" / name, made_cases.course(None)[:8])
    with pytest.raises(ValueError, match="holds 2 runs"):
        bench.plot(tmp_path / "reports", "workers")

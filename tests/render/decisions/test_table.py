"""Several runs: the decision table has a column each, and what they differ in follows it."""

from dataclasses import replace
from pathlib import Path

from bench.analyze.report import report
from bench.render import page, summary
from bench.render.decisions.rows import more
from bench.render.decisions.table import decisions, differences
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded


def test_several_runs_open_with_the_table_and_what_differs(tmp_path: Path) -> None:
    cases = [each for each in made_cases.course() if each.operation in ("matmul", "infer")]
    run = store.read_run(recorded.write(tmp_path / "first", cases))
    newer = {
        **run.environment, "nvidia_driver": "580.1",
        "torch": {"version": "2.13.0", "float32_cuda_matmul": "tf32"},
        "devices": [{"device": "cuda", "name": "Another"}],
    }  # fmt: skip
    second = store.read_run(recorded.write(tmp_path / "second", cases, seed=2))
    other = replace(second, header=replace(second.header, environment=newer))
    made = report([run, other])
    table = decisions(made)
    assert table
    assert table.columns == ("first", "second")
    assert all(row and row.answered for row in table.cells["gpu_from"])
    assert differences(made) == [
        ("GPU", ("Example Accelerator", "Another")), ("driver", ("–", "580.1")), ("torch", ("–", "2.13.0")),
        ("float32 matmul on CUDA", ("–", "tf32")),
    ]  # fmt: skip
    text = summary.render(made)
    assert text.index("| question | first | second |") < text.index("| driver | – | 580.1 |")
    html = page.render(made, {})
    assert html.index('id="answers"') < html.index('id="differences"') < html.index('id="side-by-side"')
    assert not differences(report([run]))


def test_a_suite_of_another_kind_is_asked_nothing(tmp_path: Path) -> None:
    """Where nothing competes, a list of questions that cannot be answered is noise."""
    foreign = [made_cases.Made("test_parse", "parse", {"size": size}, 1e-4) for size in (1, 10)]
    made = report([store.read_run(recorded.write(tmp_path / "run", foreign))])
    assert decisions(made) is None
    assert "From which size does the GPU win?" not in summary.render(made)
    assert 'id="answers"' not in page.render(made, {})


def test_other_contests_are_counted_in_words_and_named_by_what_sets_them_apart() -> None:
    assert (more(1), more(2)) == ("1 more contest", "2 more contests")


def test_of_one_operation_the_devices_are_what_a_fold_names(tmp_path: Path) -> None:
    times = {"matmul": lambda size: 2e-9 * size, "mul": lambda size: 1e-9 * size}
    one = made_cases.curve("products", times, [64, 256, 1024], between="product")
    cases = [*one, *(replace(case, device="cuda") for case in one)]
    made = report([store.read_run(recorded.write(tmp_path / "run", cases))])
    table = decisions(made)
    assert table
    (row,) = table.cells["matmul_or_mul"]
    assert row
    assert [line.subject for line in (row.lead, *row.others)] == ["CPU", "GPU"]

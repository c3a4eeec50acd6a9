"""A report in a terminal: nothing is taken for markup, nothing is cut off, whatever the width."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.analyze.questions.standings import Other, Standing
from bench.analyze.report import Report, report
from bench.render import terminal
from bench.render.decisions.table import decisions
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Report:
    cases = [
        *made_cases.course(),
        made_cases.Made("test_01", "[tensor-64]", {"[bold]": "[red]"}, 1, skip="[x] no"),
    ]
    return report([store.read_run(recorded.write(tmp_path_factory.mktemp("runs") / "course", cases))])


def shown(course: Report, width: int) -> str:
    out = io.StringIO()
    terminal.show(
        course, "reports/a run/report.html", ["left out"], Console(file=out, width=width, color_system=None)
    )
    return out.getvalue()


def flat(text: str) -> str:
    """The text without line breaks and indents."""
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_nothing_is_lost_at_any_width(course: Report, width: int) -> None:
    text = shown(course, width)
    made = decisions(course)
    assert made
    assert all(len(line) <= width for line in text.splitlines()[1:-2] if "/" not in line)
    words = set(flat(text).split())
    for (row,) in made.cells.values():
        assert row
        assert set(row.question.split()) <= words
    assert "test_[tensor-64][cpu-[red]]" in text.replace("\n", "").replace(" ", "")
    assert "[x] no" in flat(text)


def test_it_begins_with_counts_and_ends_with_what_comes_next(course: Report) -> None:
    lines = shown(course, 110).splitlines()
    states = course.cases["status"].value_counts()
    measured = states["ok"] + states.get("noisy", 0)
    assert lines[0] == f"{measured} cases measured, 1 failed, 1 timed out, 1 skipped"
    assert lines[-2:] == ["left out", "reports/a run/report.html"]


def test_ratios_are_relative_to_the_best(course: Report) -> None:
    text = flat(shown(course, 200))
    assert re.search(r"mul \(float32, n = 4096\): GPU \(best\) · CPU: 108\.\d × \(10", text)
    assert re.search(r"load epoch \(batch size = 1024\): 4 workers \(best\) · 2 workers: 1\.", text)


def test_a_standing_in_one_line() -> None:
    others = (Other((("shuffle", "True"),), 1.5, 1.4, 1.6), Other((("shuffle", "None"),), 1.5, 0.6, 3.6))
    known = Standing("s", "shuffle", (("shuffle", "False"),), others, fixed={"workers": "2", "way": "slices"})
    assert terminal.relative(known).replace("\u202f", " ") == (
        "shuffle (2 workers, slices): shuffle False (best) · shuffle True: 1.50 × (1.40–1.60) "
        "· shuffle None: not told apart"
    )


def test_many_contenders_with_long_names_flood_no_terminal() -> None:
    others = tuple(Other((("m", f"{m}{'7' * 5000}"),), 1.5, 1.4, 1.6) for m in range(100))
    line = terminal.relative(Standing("s", "odd", (("m", "²"),), others))
    assert line.startswith("odd: m ² (best) · 0777")
    assert line.endswith(" · and 80 more")
    assert len(line) < 21 * 120


def test_ways_are_told_apart_by_the_parameters_in_which_they_differ(tmp_path: Path) -> None:
    ways = [
        made_cases.Made("test_07_onnxruntime", "answer", {"engine": engine, "network": "mlp"}, seconds)
        for engine, seconds in (("torch", 2e-3), ("onnxruntime", 1e-3))
    ]
    course = report([store.read_run(recorded.write(tmp_path / "run", ways))])
    assert "answer (mlp): ONNX Runtime (best) · torch: 1.99" in flat(shown(course, 200))


@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_line_ends_in_blanks_or_within_a_number(course: Report, width: int) -> None:
    lines = shown(course, width).splitlines()
    listed = [line for line in lines[lines.index("What is slow here") :] if line.startswith("  ")]
    assert [line for line in listed if line != line.rstrip()] == []
    numbers = re.compile(r"\d\u202f[\d×]")
    assert len(numbers.findall(shown(course, width))) == len(numbers.findall(shown(course, 10_000)))


def test_no_number_of_the_table_is_broken_at_any_width(tmp_path: Path) -> None:
    ways = {"from_numpy": lambda _: 6e-7, "tensor": lambda n: 1.5e-6 + n * 4e-10}
    made = made_cases.curve("share_or_copy", ways, [2.0**power for power in range(6, 26, 3)], between="way")
    shared = report([store.read_run(recorded.write(tmp_path / "run", made))])
    numbers = re.compile(r"\d\u202f\d{3}(?:\u202f\d{3})?")
    whole = sorted(numbers.findall(shown(shared, 10_000)))
    for width in range(90, 140):
        assert sorted(numbers.findall(shown(shared, width))) == whole


def test_one_case_is_counted_as_one(tmp_path: Path) -> None:
    (part,) = report([store.read_run(recorded.write(tmp_path / "one", [made_cases.course()[0]]))]).runs
    assert terminal.counted(part) == "1 case measured"

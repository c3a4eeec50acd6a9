"""The report of recorded runs: its words against golden files, its page against what a name could break."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.analyze.contests.order import Disorder
from bench.analyze.names import THIN
from bench.analyze.questions.answers import answers
from bench.analyze.questions.catalogue import QUESTIONS
from bench.analyze.report import Report, RunReport, report
from bench.events import Checked
from bench.records import Case
from bench.render import case_table, figures, page, sections, summary, units
from bench.render.decisions.rows import rows
from bench.storage import store
from bench.storage.journal import Journal
from tests import made_cases
from tests import recorded_runs as recorded
from tests.golden import golden
from tests.made_cases import Made


def reported(folder: Path, cases: Sequence[Made], **options: Any) -> Report:
    return report([store.read_run(recorded.write(folder, cases, **options))])


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return reported(tmp_path_factory.mktemp("runs") / "course", made_cases.course())


@pytest.fixture(scope="module")
def course_page(course: Report) -> str:
    return page.render(course, {})


def embedded(html: str) -> Any:
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def told(made: Report) -> str:
    """Every row of the decision table, and below it what other contests say."""
    (part,) = made.runs
    lines = [(row, line) for row in rows(part.answers) for line in (None, *row.others)]
    return "".join(f"    {line.whole}\n" if line else f"{row.line}\n" for row, line in lines)


def test_answers(course: Report) -> None:
    golden("answers.txt", told(course))


def test_answers_without_an_accelerator(tmp_path: Path) -> None:
    made = reported(tmp_path / "run", made_cases.course(None))
    golden("answers-cpu.txt", told(made))
    assert "cuda" not in told(made)


def test_without_a_gpu_its_questions_are_a_line_each(course: Report) -> None:
    (part,) = course.runs
    alone = rows(answers([], part.cases, accelerator=False))
    assert [row.id for row in alone if row.lead.text == "no GPU here: not answerable on this machine"] == [
        "gpu_from", "gpu_from_moved", "epoch_device",
    ]  # fmt: skip
    assert len(alone) == len(QUESTIONS)


def test_of_operations_alone_nothing_else_is_said_to_be_missing(tmp_path: Path) -> None:
    ways = {"x + 5": 4e-4, "add_": 1e-4, "out=": 2e-4}
    made = [
        Made("test_13_elementwise", "add", {"result": way, "n": n}, n * seconds, "cpu", "n", "result")
        for way, seconds in ways.items()
        for n in (256, 8192)
    ]
    (part,) = reported(tmp_path / "operations", made).runs
    (row,) = rows(part.answers)
    assert (row.id, row.answered, row.others) == ("in_place", True, ())
    (part,) = reported(tmp_path / "both", [*made_cases.course(None), *made]).runs
    asked = [row.id for row in rows(part.answers)]
    assert asked == [*(question.id for question in QUESTIONS), "in_place", ""]


def test_summary(course: Report) -> None:
    golden("summary.md", summary.render(course))


def test_what_does_not_add_up_is_said(course: Report) -> None:
    (part,) = course.runs
    odd = RunReport(part.analyzed)
    odd.__dict__["disorders"] = (Disorder("mul", "latency", "n", 2.0**24, less="", more="round_trip pinned"),)
    assert sections.run(odd)["doubts"][-1].replace(THIN, " ") == (
        "mul (one call and its wait): faster with round trip pinned at n = 16 777 216 than its data in place"
    )


def test_the_crossovers_call_contenders_as_the_answers_do(course: Report) -> None:
    (engines, *_) = (each for each in course.contests if each.between == "engine")
    cells = [str(cell) for cell in sections.crossing_cells(engines)]
    assert "ONNX Runtime, torch" in cells
    assert "torch overtakes" in cells
    assert "onnxruntime" not in " ".join(cells)


def test_every_case_is_on_the_page_with_its_blocks(course: Report, course_page: str) -> None:
    data = embedded(course_page)
    assert [row["key"] for row in data["tables"]["case"]["rows"]] == course.cases["case"].tolist()
    told = [[[data["texts"][place] for place in pair] for pair in facts] for facts in data["facts"]]
    assert told == case_table.facts(course, course.cases.to_dict("records"))
    assert len(data["facts"]) == len(data["blocks"]) == len(course.cases)
    wall = course.blocks[course.blocks["kind"] == "wall"]
    drawn = [code for case in data["blocks"] for launch in case for code in launch]
    assert len(drawn) == len(wall)
    assert sum(code & 1 for code in drawn) == wall["disturbed"].sum()


def test_block_codes_say_deviation_and_disturbance(course: Report, course_page: str) -> None:
    position = course.cases.index[course.cases["operation"] == "forward"][0]
    case = course.cases.iloc[position]
    wall = course.blocks[(course.blocks["case"] == case["case"]) & (course.blocks["kind"] == "wall")]
    codes = [code for launch in embedded(course_page)["blocks"][position] for code in launch]
    expected = (wall["wall_s"] / wall["calls"] / case["median_s"] - 1).to_numpy()
    assert [code // 2 / 1000 for code in codes] == pytest.approx(expected, abs=6e-4)
    assert [bool(code & 1) for code in codes] == wall["disturbed"].tolist()


def test_answers_lead_to_their_evidence(course: Report, course_page: str) -> None:
    tables = embedded(course_page)["tables"]
    known = {row["key"] for row in tables["case"]["rows"]}
    contests = {row["key"]: row for row in tables["contest"]["rows"]}
    section = course_page[course_page.index('<section id="answers"') : course_page.index('id="families"')]
    links = re.findall(r'href="#contest=(\d+)"', section)
    answered = [line for row in rows(course.runs[0].answers) for line in (row.lead, *row.others)]
    evidence = [line.evidence for line in answered if line.evidence]
    assert len(links) == len(evidence) > 10
    for key, contest in zip(links, evidence, strict=True):
        assert contests[key]["evidence"] == list(contest.crossing.evidence)
        assert set(contests[key]["evidence"]) <= known


class Tags(HTMLParser):
    """Counts tags as a browser's parser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts = 0
        self.ids: list[str | None] = []
        self.urls: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.ids += [value for name, value in attrs if name == "id"]
        self.urls += [value for name, value in attrs if name in ("src", "href", "data")]


def test_names_do_no_harm(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028"
    cases = made_cases.curve(
        evil, {evil: lambda s: s * 1e-9, "b": lambda s: s * 1e-8}, [64, 128], between="engine"
    )
    broken = made_cases.Made(evil, "broken", {evil: evil}, 1, outcome="failed", message=evil)
    made = reported(tmp_path / "run", [*cases, broken])
    html = page.render(made, figures.draw(made))
    assert Tags(html).scripts == 2
    assert "<script>alert" not in html
    assert "<img" not in html
    assert embedded(html)["tables"]["case"]["rows"][-1]["key"] == broken.id
    assert "<script" not in summary.render(made)
    assert "<img" not in summary.render(made)


def test_the_page_needs_no_network(course: Report) -> None:
    html = page.render(course, {"test_03_matmul": next(iter(figures.draw(course).values()))})
    links = [url for url in Tags(html).urls if not url.startswith(("#", "data:"))]
    assert links == []
    assert "url(" not in html.replace("url(#", "")


def test_identifiers_are_unique(course: Report) -> None:
    ids = Tags(page.render(course, {})).ids
    assert len(ids) == len(set(ids))


def test_a_default_run_is_a_small_page(course_page: str) -> None:
    assert len(course_page) < 1_000_000


def test_simulated_runs_say_so(tmp_path: Path) -> None:
    made = reported(tmp_path / "run", made_cases.course()[:30], simulated=True)
    drawn = figures.draw(made)
    html = page.render(made, drawn)
    assert all(b">simulated<" in picture.svg for picture in drawn.values())
    assert embedded(html)["simulated"] is True
    assert "<strong>Simulated.</strong>" in html
    assert "made up" in summary.render(made)


def test_figures_are_pictures(course: Report) -> None:
    drawn = figures.draw(course)
    assert set(drawn) >= {"test_01_bridge", "test_03_matmul", "roofline-cpu", "roofline-cuda"}
    for picture in drawn.values():
        assert picture.png.startswith(b"\x89PNG")
        assert picture.svg.startswith(b"<svg")
        assert b"currentColor" in picture.svg


def test_the_same_run_gives_the_same_page(course: Report, course_page: str) -> None:
    assert page.render(course, {}) == course_page


def test_a_run_without_results_has_a_page(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        journal.append(Case("t.py::test_a", "t", "a"))
    made = report([store.read_run(tmp_path / "run")])
    html = page.render(made, figures.draw(made))
    assert "cut short" in html
    assert "| question |" not in summary.render(made)


def test_failed_self_checks_lead_the_report(tmp_path: Path) -> None:
    run = store.read_run(recorded.write(tmp_path / "run", made_cases.course()[:30]))
    check = Checked("cuda", "transfer_order", passed=False, detail="0.9")
    html = page.render(report([type(run)(**{**vars(run), "checks": (check,)})]), {})
    assert html.index("self-check failed on cuda: transfer_order") < html.index('id="answers"')


def test_several_runs_are_side_by_side(tmp_path: Path) -> None:
    runs = [store.read_run(recorded.write(tmp_path / name, made_cases.course()[:40])) for name in ("1", "2")]
    made = report(runs)
    assert len(made.cases) == 80
    drawn = figures.draw(made)
    assert {"0-test_01_bridge", "1-test_01_bridge"} <= set(drawn)
    data = embedded(page.render(made, drawn))
    rows = data["tables"]["case"]["rows"]
    assert len({row["key"] for row in rows}) == len(data["blocks"]) == 80
    for contest in data["tables"]["contest"]["rows"]:
        assert {key.rpartition(" · ")[2] for key in contest["evidence"]} in ({"run 1"}, {"run 2"})


def test_reports_need_no_torch(tmp_path: Path) -> None:
    """With torch's import blocked, as on a laptop that has none."""
    folder = recorded.write(tmp_path / "run", made_cases.course(None)[:8])
    code = f"""
import sys

class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import bench
from bench.storage import store
from bench.analyze.report import report
from bench.render import page
assert len(bench.load({str(folder)!r})) == 8
page.render(report([store.read_run({str(folder)!r})]))
"""
    environment = {**os.environ, "MPLBACKEND": "agg"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)


@pytest.mark.parametrize(
    ("value", "unit", "digits", "text"),
    [
        (1.624e-4, "s", 3, "162 µs"), (1.624e-4, "s", 2, "160 µs"), (9.996e-4, "s", 3, "1.00 ms"),
        (0, "s", 3, "0 s"), (1, "", 3, "1.00"), (12345, "B", 4, "12.35 kB"), (float("nan"), "s", 3, "–"),
        (None, "s", 3, "–"), (2.5e17, "B/s", 2, "250 PB/s"), (3e-14, "s", 2, "0.030 ps"),
        (999.6, "B", 3, "1.00 kB"),
    ],
)  # fmt: skip
def test_quantity(value: float | None, unit: str, digits: int, text: str) -> None:
    assert units.quantity(value, unit, digits).replace(THIN, " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (160.9e-6, 163.1e-6, "162.4 µs"), (162.3e-6, 162.51e-6, "162.4 µs"), (130e-6, 190e-6, "160 µs"),
        (50e-6, 300e-6, "160 µs"),
    ],
)  # fmt: skip
def test_an_estimate_has_the_digits_that_its_interval_supports(low: float, high: float, text: str) -> None:
    assert units.estimate(1.624e-4, low, high).replace(THIN, " ") == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.99, 1.01, "±1 %"), (0.55, 1.9, "±86 %"), (0.4, 2.1, "unsettled"), (1e-3, 10.0, "unsettled")],
)
def test_no_half_interval_beyond_a_factor_of_two_is_printed(low: float, high: float, text: str) -> None:
    assert units.half_width(low, high).replace(THIN, " ") == text
    assert ("95 %" in units.interval(1.0, low, high)) == (text != "unsettled")


def test_a_change_from_twice_on_is_a_factor() -> None:
    assert sections.change((3.2, 2.9, 3.6)).startswith("3.2 × ±")
    assert sections.change((1.3, 1.2, 1.4)).startswith("+30.0 % ±")
    assert sections.change((1.3, 0.9, 1.9)) == "~"

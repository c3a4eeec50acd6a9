"""A gate's outputs against whole files, and what names of cases could break."""

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench.__main__ import main
from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks import clean
from bench.analyze.estimates import beaten, contradictions, doubts
from bench.analyze.gate import decision
from bench.analyze.gate.settings import Budget, Settings
from bench.analyze.report import RunReport, report
from bench.render import page
from bench.render.verdicts import FORMS, ci, terminal
from bench.render.verdicts.words import GateSummary, headline, sections, summary
from bench.storage import store
from tests import made_cases, recorded_runs
from tests import recorded_gates as gates
from tests.golden import golden
from tests.recorded_gates import Compared

SETTINGS = Settings(
    budgets=(
        Budget("test_a", max_time_s=1e-3),
        Budget("test_b", max_time_s=9e-5),
        Budget("test_g", max_time_s=9e-5, machine="cellar"),
    )
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> GateSummary:
    cases = gates.twenty(
        test_c=Compared("test_c", 1.052),
        test_d=Compared("test_d", 0.9),
        test_e=Compared("test_e", disturbed=1),
        test_f=Compared("test_f", skip={"base": "no dataset", "head": "no dataset"}),
        test_k=Compared("test_k[cuda-64]", device="cuda", device_ratio=1.3),
    )
    folder = gates.write(
        tmp_path_factory.mktemp("gates") / "20260105T101500-attic-2222222",
        cases,
        settings=asdict(SETTINGS),
        added=["suites/test_made.py::test_new"],
        removed=["suites/test_made.py::test_old"],
        renamed={"suites/test_made.py::test_was": "suites/test_made.py::test_a"},
        edited=["suites/test_made.py::test_g"],
    )
    run = store.read_run(folder)
    told = summary(RunReport(AnalyzedRun(run)), "On this machine: 0 false alarms in 60 gates, at most 4.9 %.")
    return replace(told, explained={"suites/test_made.py::test_c": ["came: aten::item (1 × a step)"]})


def printed(told: GateSummary) -> str:
    file = io.StringIO()
    terminal.show(told, Console(file=file, width=110))
    return file.getvalue()


def test_what_a_missing_accelerator_leaves_out_is_said_first(told: GateSummary) -> None:
    left_out = replace(told, decision=replace(told.decision, without_accelerator=12))
    told_in = io.StringIO()
    terminal.show(left_out, Console(file=told_in, width=200))
    lines = told_in.getvalue().rstrip().splitlines()
    assert lines[0] == "12 cases need an accelerator and were not judged"
    assert lines[-1].endswith("1 over budget; 12 cases need an accelerator and were not judged")
    assert (
        FORMS["markdown"](left_out)
        .splitlines()[0]
        .endswith("12 cases need an accelerator and were not judged")
    )


def test_terminal(told: GateSummary) -> None:
    golden("gate.txt", "\n".join(line.rstrip() for line in printed(told).splitlines()) + "\n")


def test_markdown(told: GateSummary) -> None:
    golden("gate.md", FORMS["markdown"](told))


def test_junit(told: GateSummary) -> None:
    golden("gate.xml", FORMS["junit"](told))


def test_json(told: GateSummary) -> None:
    def four_digits(text: str) -> float:
        return float(f"{float(text):.4g}")

    document = json.loads(FORMS["json"](told), parse_float=four_digits)
    golden("gate.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def test_annotations(told: GateSummary) -> None:
    golden("gate-annotations.txt", "".join(f"{line}\n" for line in ci.annotations(told)))


def test_report_page_has_the_verdict(tmp_path: Path) -> None:
    folder = gates.write(tmp_path / "run", [Compared("test_<b>", 1.1), Compared("test_b")])
    html = page.render(report([store.read_run(folder)]), {})
    section = html.partition('<section id="verdict"')[2].partition("</section>")[0]
    assert "Slower: 1 slower, 1 same" in section
    assert re.findall(r'<td class="(slower|same)">.*?<td class="name">(.*?)</td>', section) == [
        ("slower", "test_&lt;b&gt;"),
        ("same", "test_b"),
    ]
    assert "<h3>Noise</h3>" in section


def test_a_gates_page_marks_and_estimates_its_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for function in (clean.marked, doubts.warnings, beaten._beats, contradictions.latency, decision.decide):
        counting(monkeypatch, function, calls)
    settings = asdict(Settings(budgets=(Budget("test_a", max_time_s=1),)))
    run = store.read_run(gates.write(tmp_path / "run", [Compared("test_a")], settings=settings))
    made = report([run])
    terminal.show(summary(made.runs[0]), Console(file=io.StringIO()))
    page.render(made, {})
    assert set(calls.values()) == {1}
    assert len(calls) == 5


def counting(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], calls: Counter[str]) -> None:
    """Counts the calls of a function in its module."""

    def counted(*arguments: Any) -> Any:
        calls[function.__name__] += 1
        return function(*arguments)

    monkeypatch.setattr(sys.modules[function.__module__], function.__name__, counted)


def test_report_of_an_ordinary_run_has_none(tmp_path: Path) -> None:
    made = report([store.read_run(recorded_runs.write(tmp_path / "run", made_cases.course(None)[:4]))])
    assert "verdict-title" not in page.render(made, {})


def test_junit_counts_what_it_lists(told: GateSummary) -> None:
    (suite,) = ElementTree.fromstring(FORMS["junit"](told))
    for kind, counter in {"failure": "failures", "error": "errors", "skipped": "skipped"}.items():
        assert len(suite.findall(f"testcase/{kind}")) == int(suite.get(counter))
    assert len(suite) == int(suite.get("tests"))


def outcome(
    folder: Path, cases: Sequence[Compared], launches: Iterable[int] = range(25), **options: Any
) -> GateSummary:
    run = store.read_run(gates.write(folder / "run", cases, launches, **options))
    return summary(RunReport(AnalyzedRun(run)))


STRICT = asdict(Settings(undecided="fail"))
SURPRISED = asdict(Settings(faster="fail"))


@pytest.mark.parametrize(
    ("cases", "options", "expected"),
    [
        ([Compared("test_a")], {}, "Pass: 1 same"),
        ([Compared("test_a", 1.1)], {}, "Slower: 1 slower"),
        ([Compared("test_a", 0.8)], {}, "Pass: 1 faster"),
        ([Compared("test_a", 0.8)], {"settings": SURPRISED}, "Faster: 1 faster"),
        ([Compared("test_a", 0.8), Compared("test_b", 1.1)], {"settings": SURPRISED},
         "Slower: 1 slower, 1 faster"),
        ([Compared("test_a", disturbed=1)], {}, "Pass: 1 undecided"),
        ([Compared("test_a", disturbed=1)], {"settings": STRICT}, "Undecided: 1 undecided"),
        ([Compared("test_a", fails={"head": "E"})], {}, "Incomplete: 1 not measured; no case was compared"),
        ([Compared("test_a")], {"launches": range(2)}, 
         "Incomplete: cut short before it was settled; 1 undecided"),
        ([Compared("test_a"), Compared("control::x", 1.1)], {},
         "Contaminated: identical code was not equally fast on both sides; 1 undecided"),
    ],
)  # fmt: skip
def test_headline(tmp_path: Path, cases: Sequence[Compared], options: dict[str, Any], expected: str) -> None:
    assert headline(outcome(tmp_path, cases, **options)) == expected


def test_what_was_moved_or_not_read_is_not_called_added(tmp_path: Path) -> None:
    broken = Compared("b.py", fails={"base": "E   SyntaxError: invalid syntax"})
    added = ["c.py::test_it", "b.py::test_b", "c.py::test_c"]
    told = outcome(tmp_path, [Compared("test_a"), broken], missing=["a.py::test_it"], added=added)
    assert dict(sections(told))["Benchmarks that differ"] == [
        "added, so there is nothing to compare with: test_c",
        "not compared, since their file could not be collected on base: test_b",
        "moved, it seems: a.py::test_it → c.py::test_it",
    ]


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_many_undecided_come_first(tmp_path: Path, form: str) -> None:
    cases = [Compared(f"test_{n}", disturbed=n < 3) for n in range(10)]
    told = outcome(tmp_path, cases)
    text = printed(told) if form == "terminal" else FORMS[form](told)
    assert "3 of 10 cases undecided" in text.split("\n")[0]
    few = outcome(tmp_path / "few", [replace(case, disturbed=0.02) for case in cases[2:]])
    assert "cases undecided" not in (printed(few) if form == "terminal" else FORMS[form](few))


def test_names_do_no_harm(tmp_path: Path) -> None:
    evil = "test_x[</a>|\x00\x1b[31m&\n::error::`_*]"
    told = outcome(tmp_path, [Compared(evil, 1.2)])
    assert json.loads(FORMS["json"](told))["verdicts"][0]["case"].endswith(evil)
    (suite,) = ElementTree.fromstring(FORMS["junit"](told))
    assert suite[0].get("name") == evil.replace("\x00", "?").replace("\x1b", "?")
    rows = [line for line in FORMS["markdown"](told).splitlines() if line.startswith("| slower")]
    assert all(row.count("|") - row.count("\\|") == 8 and "</a>" not in row for row in rows)
    (line,) = ci.annotations(told)
    assert "\n" not in line
    assert line.startswith("::error file=suites/test_made.py,title=test_x[</a>|")


def test_replay_writes_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    folder = gates.write(tmp_path / "run", [Compared("test_a", 1.1)])
    files = {form: tmp_path / form for form in FORMS}
    options = [part for form, file in files.items() for part in (f"--{form}", str(file))]
    assert main(["gate", "--replay", str(folder), *options]) == 1
    assert "Slower: 1 slower" in capsys.readouterr().out
    run = store.read_run(folder)
    assert {form: file.read_text("utf-8") for form, file in files.items()} == {
        form: render(summary(RunReport(AnalyzedRun(run)))) for form, render in FORMS.items()
    }


def test_what_a_gate_fails_on_besides_is_asked_for_when_it_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    faster = gates.write(tmp_path / "faster", [Compared("test_a", 0.8)])
    assert main(["gate", "--replay", str(faster)]) == 0
    assert "::notice " in capsys.readouterr().out
    junit = tmp_path / "junit.xml"
    assert main(["gate", "--replay", str(faster), "--fail-on", "faster", "--junit", str(junit)]) == 1
    told = capsys.readouterr().out
    assert "Faster: 1 faster" in told
    assert "::error " in told
    (suite,) = ElementTree.parse(junit).getroot()
    assert suite.get("failures") == "1"
    open_ = gates.write(tmp_path / "open", [Compared("test_a", disturbed=1)])
    assert main(["gate", "--replay", str(open_)]) == 0
    assert main(["gate", "--replay", str(open_), "--fail-on", "faster"]) == 0
    assert main(["gate", "--replay", str(open_), "--fail-on", "faster", "--fail-on", "undecided"]) == 4

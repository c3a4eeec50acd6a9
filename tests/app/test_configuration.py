"""pyproject.toml's settings: what is read, and the message for each thing that cannot be."""

from pathlib import Path

import pytest

from bench.analyze.gate.settings import Budget, Settings
from bench.app.configuration import ConfigurationError, check_patterns, parse, parse_share, read
from bench.patterns import matches
from tests.golden import golden

WHOLE = """
[project]
name = "anything"

[tool.bench.gate]
max_regression = "7.5 %"
confidence = 0.95
undecided = "fail"
faster = "fail"
install = ["pip install --no-deps ."]
renamed = { test_old = "test_new", "a.py::test_x[1]" = "b.py::test_x[1]" }
removed = [
    "test_gone*",
]

[tool.bench.budgets]
"test_forward*" = { max_time = "2 ms", device = "cpu", machine = "attic" }
"test_matmul*" = { min_ceiling_share = 0.5 }

[tool.bench.budgets."test_infer*onnxruntime*"]
max_ratio = 1.2
to = "test_infer*torch*"
"""


def test_everything_is_read() -> None:
    found = parse(WHOLE)
    assert found == Settings(
        max_regression=0.075,
        confidence=0.95,
        undecided="fail",
        faster="fail",
        install=("pip install --no-deps .",),
        renamed={"test_old": "test_new", "a.py::test_x[1]": "b.py::test_x[1]"},
        removed=("test_gone*",),
        budgets=(
            Budget("test_forward*", "cpu", 0.002, "attic", line=17),
            Budget("test_matmul*", min_ceiling_share=0.5, line=18),
            Budget("test_infer*onnxruntime*", max_ratio=1.2, to="test_infer*torch*", line=20),
        ),
    )


def test_defaults_without_a_file_or_a_table(tmp_path: Path) -> None:
    assert read(tmp_path / "pyproject.toml") == parse("[project]\n") == Settings()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2 ms", 2e-3), ("1.5s", 1.5), ("300 µs", 3e-4), ("7us", 7e-6), ("12 ns", 1.2e-8), ("1 min", 60)],
)
def test_times(written: str, seconds: float) -> None:
    (budget,) = parse(f'[tool.bench.budgets]\na = {{ max_time = "{written}" }}').budgets
    assert budget.max_time_s == pytest.approx(seconds)


GATE, BUDGETS = "[tool.bench.gate]\n", "[tool.bench.budgets]\n\n"


BAD = [
    "[tool.bench.gates]\nmax_regression = '5%'",
    "[tool.bench]\nbudget = {}",
    GATE + "max_regresion = '5%'",
    GATE + "max_regression = 5",
    GATE + "max_regression = '0%'",
    GATE + "confidence = 99",
    GATE + "undecided = 'maybe'",
    GATE + "install = 'pip'",
    GATE + "renamed = ['a']",
    BUDGETS + "a = { max_time = '2 parsecs' }",
    BUDGETS + "a = { max_time = 2 }",
    BUDGETS + "a = { max_memory = '2 mb' }",
    BUDGETS + "a = { max_memory = '0 MB' }",
    BUDGETS + "'b*' = { max_tme = '2 ms' }",
    BUDGETS + "a = { min_ceiling_share = 50 }",
    BUDGETS + "a = { max_ratio = 1.2 }",
    BUDGETS + "a = { device = 'cpu' }",
    BUDGETS + "a = '2 ms'",
    "[tool.bench.budgets.'x y']\n# a comment\nmax_time = 'soon'",
    "[tool.bench]\ngate = 3",
    "[tool]\nx = = 1",
]


def test_errors_name_the_line_and_what_was_expected() -> None:
    messages = []
    for text in BAD:
        with pytest.raises(ConfigurationError) as caught:
            parse(text)
        messages.append(f"{caught.value}\n")
    golden("configuration-errors.txt", "".join(messages))


@pytest.mark.parametrize(
    ("written", "size"), [("64 MB", 64e6), ("1.5GiB", 1.5 * 2**30), ("512 B", 512), ("20 kB", 20e3)]
)
def test_memory_with_its_unit(written: str, size: float) -> None:
    (budget,) = parse(f'[tool.bench.budgets]\na = {{ max_memory = "{written}" }}').budgets
    assert budget.max_memory_bytes == size


def test_line_ends_of_other_systems_leave_lines_where_they_are() -> None:
    with pytest.raises(ConfigurationError, match="line 4: unknown key 'budget'"):
        parse("[project]\r\nname = 'a\u2028b'\r\n[tool.bench]\r\nbudget = {}\r\n")


def test_percentages_of_an_option() -> None:
    assert parse_share(" 12.5 %") == 0.125
    with pytest.raises(ConfigurationError):
        parse_share("a fifth")


CASES = [
    "s/test_a.py::test_forward[cpu-1]",
    "s/test_a.py::test_forward[accelerator-1]",
    "s/b.py::TestX::test_y",
]


@pytest.mark.parametrize(
    "pattern", ["test_forward*", "*cpu*", "test_y", "s/b.py::TestX::test_?", "*accelerator*"]
)
def test_patterns_that_match(pattern: str) -> None:
    check_patterns(Settings(budgets=(Budget(pattern),)), CASES)


def test_pattern_for_an_accelerator_that_is_not_here() -> None:
    check_patterns(Settings(budgets=(Budget("test_forward[cuda-*]"),)), CASES)
    with pytest.raises(ConfigurationError):
        check_patterns(Settings(budgets=(Budget("test_forward[cuda-*]"),)), CASES[:1])


@pytest.mark.parametrize(
    "budget", [Budget("test_forwrad*", line=7), Budget("test_y", to="test_forwrad*", line=7)]
)
def test_pattern_that_matches_nothing(budget: Budget) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"line 7: no benchmark matches .*'test_forwrad\*'; the nearest is test_forward",
    ):
        check_patterns(Settings(budgets=(budget,)), CASES)


def test_only_stars_and_question_marks_are_special() -> None:
    assert matches("test_a[1]", "x.py::test_a[1]")
    assert not matches("test_[ab]", "x.py::test_a")
    assert matches("test_a[*::*]", "x.py::test_a[b::c]") is False, (
        "a pattern with :: is matched against the whole id"
    )
    assert matches("*test_a[*::*]", "x.py::test_a[b::c]")
    assert matches("test_a.b", "x.py::test_a.b")
    assert not matches("test_a.b", "x.py::test_aXb")
    assert not matches("test_a", "x.py::test_ab")

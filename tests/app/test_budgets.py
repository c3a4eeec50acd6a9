"""Which cases `bench budgets set -k` chooses."""

from pathlib import Path

import pytest

from bench.app import UserError
from bench.app.budgets import selected, set_max_times
from tests import made_cases
from tests import recorded_runs as recorded

CASES = ("a.py::test_mul[cpu-16]", "a.py::test_matmul[cpu-16]", "a.py::test_matmul[cuda-16]")


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("", CASES),
        ("MATMUL", CASES[1:]),
        ("cuda or test_mul", (CASES[2], CASES[0])),
        ("matmul and not (cuda or notch)", (CASES[1],)),
        ("[cuda", (CASES[2],)),
        ("it's", ()),
    ],
)
def test_an_expression_of_words(expression: str, chosen: tuple[str, ...]) -> None:
    assert selected(expression, CASES) == set(chosen)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_file_keeps_its_line_ends(tmp_path: Path, end: str) -> None:
    run = recorded.write(tmp_path / "run", made_cases.course(None)[:2])
    file = tmp_path / "pyproject.toml"
    file.write_bytes(f"[project]{end}name = 'a'{end}".encode())
    assert set_max_times(run, file, "", "20%")
    text = file.read_bytes().decode()
    assert text.startswith(f"[project]{end}name = 'a'{end}")
    assert "[tool.bench.budgets]" in text
    assert text.count("\n") == text.count(end) > 3


@pytest.mark.parametrize("expression", ["and", "mul matmul", "(mul", "mul)", "not"])
def test_no_expression(expression: str) -> None:
    with pytest.raises(UserError, match="expected words, and, or, not"):
        selected(expression, CASES)

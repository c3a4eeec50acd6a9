"""Which cases `bench budgets set -k` chooses."""

import pytest

from bench.app import UserError
from bench.app.budgets import selected

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


@pytest.mark.parametrize("expression", ["and", "mul matmul", "(mul", "mul)", "not"])
def test_no_expression(expression: str) -> None:
    with pytest.raises(UserError, match="expected words, and, or, not"):
        selected(expression, CASES)

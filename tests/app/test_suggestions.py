"""What is suggested where a name is not there: what is near it, and nothing where nothing is."""

import pytest

from bench.app.suggestions import case_meant, did_you_mean, keyword_meant

CASES = [
    "suites/test_03_matmul_mul.py::test_matmul[cpu-64]",
    "suites/test_03_matmul_mul.py::test_matmul[cpu-256]",
    "suites/test_04_dataloader.py::test_load[0-16]",
]


def test_near_names_come_nearest_first_and_two_at_most() -> None:
    assert did_you_mean("presett", ["reset", "preset", "presets"]) == "; did you mean preset or presets?"
    assert did_you_mean("QUIK", ["quick", "default"]) == "; did you mean quick?"
    assert did_you_mean("zzz", ["quick", "default"]) == ""


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("test_matmull", "; did you mean test_matmul?"),
        ("test_lod*", "; did you mean test_load?"),
        (
            "suites/test_03_matmul_mul.py::test_matmul[cpu-65]",
            "; did you mean suites/test_03_matmul_mul.py::test_matmul[cpu-64] or "
            "suites/test_03_matmul_mul.py::test_matmul[cpu-256]?",
        ),
        ("test_other", ""),
    ],
)
def test_a_case_is_found_by_its_test_or_by_its_id(wanted: str, meant: str) -> None:
    assert case_meant(wanted, CASES) == meant


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("matmull and not tf32", "; did you mean test_matmul?"),
        ("matmul and dataloder", "; did you mean dataloader?"),
        ("cpu and 256", ""),
        ("not (zzz or q)", ""),
    ],
)
def test_of_an_expression_the_word_that_no_case_has_is_looked_up(expression: str, meant: str) -> None:
    assert keyword_meant(expression, CASES) == meant

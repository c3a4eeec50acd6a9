"""What is slow, in sentences with nothing left to fill in."""

from typing import get_args

import pytest

from bench.analyze.pitfalls import Pitfall, Rule
from bench.render.decisions.pitfalls import told


@pytest.mark.parametrize("rule", get_args(Rule))
def test_every_rule_has_its_words(rule: Rule) -> None:
    case = "t.py::test_step[cpu-4]"
    pitfall = Pitfall(rule, "float16", "cpu", "training_step", 60.0, 55.0, 66.0, 0.0135, case, "t.py::test_b")
    words = told(pitfall)
    for text in (words.seen, words.cause, words.advice):
        assert text.endswith(".")
        assert "{" not in text
    assert words.cases == (case, "t.py::test_b")


def test_factor_and_share_have_their_intervals() -> None:
    found = Pitfall("dtype", "float16", "cpu", "matmul_dtype", 60.0, 55.0, 66.0, 0.01, "a")
    assert told(found).seen.replace("\u202f", " ") == (
        "matmul in float16 on the CPU takes 60 × (55–66) as long as in float32."
    )
    waits = Pitfall(
        "waits", "forward", "cuda", "forward", 10.0, 8.0, 12.5, 1e-3, "t.py::test_forward[cuda-8]"
    )
    assert told(waits).seen.replace("\u202f", " ") == "The GPU works for 8.0 % to 12 % of forward (cuda-8)."

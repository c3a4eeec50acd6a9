"""Rows of the decision table: what stands in them beside a contest's own words."""

from dataclasses import replace

from bench.analyze.questions.answers import Answer, Claim
from bench.analyze.questions.catalogue import OTHERS, QUESTIONS
from bench.analyze.questions.parts import Part, Step
from bench.render.decisions.rows import MAX_REASON, no_answer, rows
from tests.render.decisions.test_claims import of_two

BY_ID = {question.id: question for question in QUESTIONS}


def moved(y: list[float], memory: str) -> Claim:
    claim = of_two(y)
    return replace(claim, choice=replace(claim.choice, definition=f"latency round_trip {memory}"))


def test_each_memory_has_its_own_word_where_they_differ() -> None:
    known, unknown = moved([0.5, 0.5, 0.5], "pinned"), moved([0.5, 0.0, 0.5, -0.5], "pageable")
    (row,) = rows([Answer(BY_ID["gpu_from_moved"], (known, unknown), 2)])
    assert "16 to 256, solid; pageable: " in row.lead.text
    assert row.lead.text.endswith(f", {unknown.confidence}")
    assert row.lead.confidence == unknown.confidence != "solid"
    (row,) = rows([Answer(BY_ID["gpu_from_moved"], (known, moved([0.5, 0.5, 0.5], "pageable")), 2)])
    assert "solid" not in row.lead.text


def test_a_reason_is_cut_between_words() -> None:
    answer = Answer(BY_ID["workers"], why_not="not_measured", reason="processes " * 20)
    text = no_answer(answer)
    assert text.endswith("processes …")
    assert len(text) <= MAX_REASON + len("not measured: ")


def test_what_nobody_asked_and_nothing_timed_is_no_row() -> None:
    choice = of_two([0.5]).choice
    nothing = Answer(OTHERS, further=(choice,), why_not="not_measured", reason="no memory can be pinned here")
    asked = Answer(BY_ID["gpu_from"], further=(choice,), why_not="not_measured")
    assert [row.id for row in rows([asked, nothing])] == ["gpu_from"]
    assert [row.lead.text for row in rows([nothing])] == ["not measured: no memory can be pinned here"]


def test_a_part_that_does_not_matter_is_under_one_per_cent() -> None:
    parts = tuple(Part(name, s, s / 1.05, s * 1.05, "a") for name, s in (("loss", 1e-6), ("backward", 1e-3)))
    (row,) = rows([Answer(BY_ID["training_step"], steps=(Step("cpu", "mlp", 64, parts, None),))])
    assert "loss under 1 %;" in row.lead.text.replace("\u202f", " ")

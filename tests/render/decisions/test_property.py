"""What holds of every decision table: each contest in one row, no size left out, no figure too sure."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analyze.estimates.confidence import ROUGH
from bench.analyze.report import Report, report
from bench.render import summary, units
from bench.render.decisions.claims import gain, told
from bench.render.decisions.rows import rows
from bench.storage import store
from tests import ROOT, made_cases
from tests import recorded_runs as recorded
from tests.render.decisions.test_claims import of_many, of_two

RECORDED = ("example", "example-gpu")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """The recorded examples, and the made course with and without an accelerator."""
    made = tmp_path_factory.mktemp("runs")
    paths = [ROOT / "reports" / name for name in RECORDED]
    paths += [recorded.write(made / str(device), made_cases.course(device)) for device in ("cuda", None)]
    return [report([store.read_run(path)]) for path in paths]


def test_every_contest_is_in_exactly_one_row(reports: list[Report]) -> None:
    for made in reports:
        (part,) = made.runs
        placed = [id(choice) for answer in part.answers for choice in answer.choices]
        assert sorted(placed) == sorted(map(id, part.choices))
        quoted = [claim for answer in part.answers for claim in answer.claims]
        lines = [line for row in rows(part.answers) for line in (row.lead, *row.others) if line.evidence]
        assert len(lines) <= len(quoted)
        assert {answer.question.id for answer in part.answers} >= {"gpu_from", "workers"}


def test_no_size_is_left_out(reports: list[Report]) -> None:
    claims = [c for made in reports for part in made.runs for a in part.answers for c in a.claims]
    assert len(claims) > 50
    for claim in claims:
        measured = {size for contest in claim.choice.contests for size in contest.sizes}
        measured |= set(claim.choice.may_be_best)
        assert {size for span in claim.spans for size in span.measured} == measured


@pytest.mark.parametrize("example", RECORDED)
@pytest.mark.parametrize("seed", range(10))
def test_any_part_of_a_run_has_answers(example: str, seed: int) -> None:
    """As after its first minute, or with some cases that failed: contenders then lack sizes."""
    whole, rng = store.read_run(ROOT / "reports" / example), np.random.default_rng(seed)
    kept = rng.random(len(whole.cases)) < rng.uniform(0.03, 0.9)
    cases = whole.cases[kept].reset_index(drop=True)
    blocks = whole.blocks[whole.blocks["case"].isin(cases["case"])].reset_index(drop=True)
    made = report([dataclasses.replace(whole, cases=cases, blocks=blocks)])
    assert summary.render(made)
    for answer in made.runs[0].answers:
        assert all(span.measured for claim in answer.claims for span in claim.spans)


sizes = st.lists(st.floats(-2, 2), min_size=1, max_size=5)
errors = st.sampled_from([0.003, 0.03, 0.2, 0.8])


@settings(max_examples=60, deadline=None)
@given(sizes, errors)
def test_two_contenders_are_told_as_their_contest_is(y: list[float], error: float) -> None:
    claim = of_two(y, error)
    (contest,) = claim.choice.contests
    text = told(claim)
    assert {size for span in claim.spans for size in span.measured} == set(contest.sizes)
    for span in claim.spans:
        for size in span.measured if span.range.winner else ():
            at = contest.sizes.index(size)
            ahead = contest.crossing.challenger if contest.ratio_low[at] > 1 else ""
            ahead = contest.crossing.incumbent if contest.ratio_high[at] < 1 else ahead
            crossing = any(place.low <= size <= place.high for place in contest.places)
            known = ahead == span.range.winner or size in span.open or crossing
            assert known or "except at" in text, (size, text)
    assert_no_wide_interval(gain(claim))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), min_size=2, max_size=4), errors)
def test_many_contenders_leave_no_size_out(times: list[tuple[float, ...]], error: float) -> None:
    claim = of_many({str(i): each for i, each in enumerate(times)}, error) if len(times) > 2 else None
    if claim:
        assert [s for span in claim.spans for s in span.measured] == [16.0, 64.0, 256.0]
        assert told(claim)
        assert_no_wide_interval(gain(claim))


def assert_no_wide_interval(text: str) -> None:
    """No middle is quoted with an interval whose half goes beyond a factor of two."""
    for low, high in re.findall(r"× \(([\d. ]+)–([\d. ]+)\)", text.replace("\u202f", " ")):
        ends = [float(each.replace(" ", "")) for each in (low, high)]
        assert np.sqrt(ends[1] / ends[0]) <= ROUGH * 1.05  # rounded ends


def test_no_half_interval_beyond_a_factor_of_two(reports: list[Report]) -> None:
    for made in reports:
        text = summary.render(made)
        assert all(float(half) <= 100 for half in re.findall(r"±([\d.]+)", text))
        assert_no_wide_interval(text)
        assert len(text.splitlines()) <= summary.MAX_LINES


values = st.floats(1e-9, 1e3)
halves = st.floats(1e-5, 1.0)


@settings(max_examples=300)
@given(values, halves, halves, st.floats(1.0, 3.0))
def test_values_apart_beyond_their_intervals_never_print_alike(
    value: float, half: float, other_half: float, apart: float
) -> None:
    other = value * np.exp((half + other_half) * apart + 1e-9)
    first = units.estimate(value, value * np.exp(-half), value * np.exp(half))
    second = units.estimate(other, other * np.exp(-other_half), other * np.exp(other_half))
    assert first != second


def test_13_5_and_9_7_are_not_both_10() -> None:
    wide = [units.estimate(each, each / 1.8, each * 1.8) for each in (13.5e-3, 9.7e-3)]
    assert [text.replace("\u202f", " ") for text in wide] == ["14 ms", "9.7 ms"]

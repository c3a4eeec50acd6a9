"""The line of trust: what it says, and the word that a run gets."""

import math
from dataclasses import replace
from typing import Any

import pytest

from bench.analyze.analyzed import Quality
from bench.analyze.names import THIN
from bench.analyze.report import RunReport, report
from bench.render.parts import trust
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded

GOOD = Quality(
    launches=5, launches_of_case=5, blocks=1000, disturbed_share=0.08, counted_share=0.92, off_pace_share=0.0,
    cases=200, noisy=0, warned=3, half_width=0.06, solid_share=0.81, checks=2, passed_checks=2, spent_s=330,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "solid"), ({"half_width": 0.3}, "rough"), ({"half_width": 1.2}, "unsettled"),
        ({"half_width": math.nan}, "unsettled"), ({"launches_of_case": 1}, "rough"),
        ({"launches_of_case": 1, "half_width": 1.2}, "unsettled"), ({"passed_checks": 1}, "unsettled"),
    ],
)  # fmt: skip
def test_a_runs_word(changes: dict[str, Any], word: str) -> None:
    assert replace(GOOD, **changes).confidence == word


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    folder = recorded.write(tmp_path_factory.mktemp("run") / "run", made_cases.course()[:40])
    return report([store.read_run(folder)]).runs[0]


def line(part: RunReport, quality: Quality) -> str:
    part.analyzed.__dict__["quality"] = quality
    told = trust.line(part)
    return " · ".join([*told["about"], told["confidence"], *told["rests_on"]]).replace(THIN, " ")


def test_the_line_says_machine_length_and_what_its_word_rests_on(part: RunReport) -> None:
    expected = (
        "5 min 30 s · solid · 92 % of blocks counted · median case ±6 % · 81 % of cases solid · "
        "5 launches a case · steady pace"
    )
    assert line(part, GOOD).endswith(expected)
    assert line(part, GOOD).startswith(part.run.machine)


def test_the_line_names_what_speaks_against_a_run(part: RunReport) -> None:
    bad = replace(GOOD, passed_checks=1, off_pace_share=0.25, launches_of_case=1, half_width=3.0)
    told = line(part, bad)
    for words in ("1 self-check failed", "at another pace: taken out", "1 launch a case", "unsettled"):
        assert words in told
    assert "no steady pace: taken out" in line(part, replace(GOOD, off_pace_share=math.nan))
    assert "pace" not in line(part, replace(GOOD, off_pace_share=None))
    assert line(part, replace(GOOD, cases=0)).endswith("nothing was timed")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.25, "7.2 s"), (59, "59 s"), (60, "1 min"), (330, "5 min 30 s"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert trust.duration(seconds).replace(THIN, " ") == text

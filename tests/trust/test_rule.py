"""The tables of the gate's rule: cases without scatter are judged as they must be; the tables are whole."""

import numpy as np
import pytest

from bench.analyze.gate.resampling import LAUNCHES
from bench.records import VerdictState
from tests import ROOT
from tests.project import generated
from trust import rule

PAGE = ROOT / "docs" / "measurements.md"


@pytest.mark.parametrize(("slowdown", "state", "launches"), [(0.0, "same", 3), (0.2, "slower", 13)])
def test_a_case_is_settled_at_the_first_look_that_can(
    slowdown: float, state: VerdictState, launches: int
) -> None:
    steady = np.random.default_rng(1).normal(np.log1p(slowdown), 1e-4, LAUNCHES)
    assert rule.told(steady, typical=1e-4) == rule.Told(state, launches)


def test_what_scatters_little_is_always_found_and_never_mistaken() -> None:
    seen = rule.outcome(0.001, tables=2)
    assert (seen.found.count, seen.found.trials) == (2 * rule.CASES, 2 * rule.CASES)
    assert seen.false_alarms.count == seen.passed_screen.count == 0
    assert seen.launches == seen.launches_alone == 3


def test_a_case_that_scatters_more_takes_more_launches_and_is_found_less_often() -> None:
    little, much = (rule.outcome(scatter, tables=3) for scatter in (0.01, 0.05))
    assert little.launches < much.launches
    assert little.found.share > much.found.share


def test_the_page_has_the_tables_that_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "SCATTERS", rule.SCATTERS[:1])
    printed = list(rule.lines(tables=1))
    shown = generated.part(PAGE, "rule").splitlines()
    heads = [line for line in printed if line.startswith(("| launches", "| an early", "|--:"))]
    assert [line for line in shown if line in heads] == heads
    assert len(shown) == 2 + 3 + 1 + 2 + len(rule.EARLY)

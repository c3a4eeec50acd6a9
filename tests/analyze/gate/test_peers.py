"""Other tools' rules, on series whose answers can be worked out by hand."""

from pathlib import Path

import numpy as np

from bench.analyze.contests.levels import Array
from bench.analyze.gate.peers import RULES, trials

EVEN = np.array([1.00, 1.01, 0.99, 1.005, 0.995])


def said(base: Array, head: Array) -> set[str]:
    """The rules that call head slower, given five launches a side."""
    return {name for name, rule in RULES.items() if rule([base] * 5, [head] * 5)}


def test_no_rule_finds_what_is_not_there() -> None:
    assert said(EVEN, EVEN) == set()
    assert said(EVEN, 0.5 * EVEN) == set(), "faster is not slower"


def test_every_rule_finds_a_large_slowdown() -> None:
    assert said(EVEN, 1.2 * EVEN) == set(RULES)


def test_thresholds_are_the_tools_own() -> None:
    seven = said(EVEN, 1.07 * EVEN)
    assert set(RULES) - seven == {"asv continuous (factor 1.1)"}
    two = said(EVEN, 1.02 * EVEN)
    assert two == {"pyperf compare_to"}, "which ignores how small a change is"


def test_an_outlier_moves_a_mean_and_no_median() -> None:
    burst = np.array([1.00, 1.01, 0.99, 1.005, 3.0])
    assert said(EVEN, burst) == {"pytest-benchmark, mean:5%"}


def test_pytest_benchmark_compares_processes_of_different_times() -> None:
    base = [EVEN, 2 * EVEN, EVEN, EVEN, EVEN]
    rule = RULES["pytest-benchmark, median:5%"]
    assert rule(base, base), "head of the second launch against base of the first"
    assert not RULES["pyperf compare_to"](base, base)


def test_trials_take_five_launches_in_turn_and_leave_out_what_lacks_one(tmp_path: Path) -> None:
    from bench.storage import store
    from tests import recorded_gates as gates
    from tests.recorded_gates import Compared

    cases = [Compared("test_a", 1.3), Compared("test_b", skip={"head": "not today"})]
    run = store.read_run(gates.write(tmp_path / "run", cases, range(12)))
    found = trials(run.blocks, list(range(12)))
    assert len(found) == 2
    for trial in found:
        assert list(trial) == ["suites/test_made.py::test_a"]
        assert all(trial["suites/test_made.py::test_a"].values())

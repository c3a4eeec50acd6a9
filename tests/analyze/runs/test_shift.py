"""What all cases of two runs share: against closed forms and seeded simulations."""

import numpy as np
import pytest

from bench.analyze.runs.shift import MIN_SHARED, apart, between, shift_of

ALIKE = {"machine": "attic", "python": {"version": "3.12"}, "torch": {"version": "2.14", "threads": 2}}


def test_of_equal_errors_it_is_the_median_with_its_error() -> None:
    """The standard error of a median of n normal values is 1.2533 standard deviations over √n."""
    logs = np.linspace(-0.2, 0.3, 101)
    found = shift_of(logs, np.full(101, 0.5))
    assert found == pytest.approx((0.05, 1.2533 * 0.5 / np.sqrt(101)), rel=1e-3)


def test_values_further_apart_than_their_errors_make_it_less_certain() -> None:
    random = np.random.default_rng(1)
    logs = random.normal(0.1, 0.2, 400)
    honest, proud = (shift_of(logs, np.full(400, error)) for error in (0.2, 0.02))
    assert honest is not None
    assert proud is not None
    assert proud[1] == pytest.approx(honest[1], rel=0.15)


def test_cases_that_changed_do_not_move_it() -> None:
    random = np.random.default_rng(2)
    logs, errors = 0.03 + random.normal(0, 0.05, 100), np.full(100, 0.05)
    logs[:15] += 0.7
    found = shift_of(logs, errors)
    assert found is not None
    assert abs(found[0] - 0.03) < 3 * found[1]


def test_its_interval_holds_the_truth() -> None:
    """300 pairs of runs whose cases are known unequally well: 95 % (± 3 errors of such a share)."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        errors = random.uniform(0.02, 0.3, 60)
        shift = between(-0.04 + random.normal(0, errors), errors, ALIKE, ALIKE)
        assert shift is not None
        low, high = shift.interval
        held += low <= np.exp(-0.04) <= high
    assert 0.91 <= held / 300 <= 0.99


@pytest.mark.parametrize("deviation", [0.0, 0.03, 0.1])
@pytest.mark.parametrize("changed", [0, 30])
def test_how_far_cases_went_apart_is_found_beside_some_that_changed(deviation: float, changed: int) -> None:
    """300 cases known unequally well, of which a tenth may have become slower by a half: of the others three
    in four then have to lie where two in three would.
    """
    random = np.random.default_rng(4)
    errors = random.uniform(0.02, 0.08, 300)
    logs = random.normal(0.05, np.sqrt(errors**2 + deviation**2))
    logs[:changed] += 0.4
    found = apart(logs, errors, 0.05)
    assert found == pytest.approx(deviation, abs=0.03 if changed else 0.01)


def test_intervals_with_it_hold_1_where_a_machine_drifts_unlike_for_its_cases() -> None:
    """40 pairs of runs: 95 % (93 to 97), and without it few more than half."""
    random, held, bare, count = np.random.default_rng(5), 0, 0, 40 * 200
    for _ in range(40):
        errors = random.uniform(0.01, 0.05, 200)
        logs = 0.03 + random.normal(0, np.sqrt(errors**2 + 0.05**2))
        shift = between(logs, errors, ALIKE, ALIKE)
        assert shift is not None
        off = np.abs(logs - shift.log)
        held += int((off <= 1.96 * np.sqrt(errors**2 + shift.error**2 + shift.apart**2)).sum())
        bare += int((off <= 1.96 * np.sqrt(errors**2 + shift.error**2)).sum())
    assert 0.93 <= held / count <= 0.97
    assert bare / count < 0.75


def test_too_few_cases_share_nothing() -> None:
    logs = np.full(MIN_SHARED, 0.05)
    errors = np.where(np.arange(MIN_SHARED) == 0, np.nan, 0.1)
    assert shift_of(logs, errors) is None


@pytest.mark.parametrize(
    ("log", "after", "kind"),
    [
        (0.05, ALIKE, "pace"),
        (-0.05, ALIKE, "pace"),
        (0.12, ALIKE, "large"),
        (0.05, {**ALIKE, "machine": "cellar"}, "unlike"),
        (0.05, {**ALIKE, "python": {"version": "3.13"}}, "unlike"),
        (0.05, {**ALIKE, "torch": {"version": "2.14", "threads": 1}}, "unlike"),
    ],
)
def test_what_a_shift_is(log: float, after: dict[str, object], kind: str) -> None:
    shift = between(np.full(20, log), np.full(20, 0.01), ALIKE, after)
    assert shift is not None
    assert shift.kind == kind
    assert shift.taken_out == (kind == "pace")
    assert shift.cases == 20

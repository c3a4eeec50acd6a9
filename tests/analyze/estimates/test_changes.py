"""Ratios as changes."""

import pytest

from bench.analyze.estimates.changes import bounds, change


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0, "+0.0 %"), (1.052, "+5.2 %"), (0.9, "−10.0 %"), (0.99999, "+0.0 %"), (1.994, "+99.4 %"),
        (1.9999, "2 ×"), (3.24, "3.2 ×"), (14.4, "14 ×"), (1340.0, "1300 ×"), (0.01, "−99.0 %"),
    ],
)  # fmt: skip
def test_a_ratio_as_a_change(ratio: float, text: str) -> None:
    assert change(ratio) == text


def test_ends_that_tell_nothing_are_not_printed() -> None:
    assert bounds(1.02, 1.08) == "+2.0 % to +8.0 %"
    assert bounds(1.5, 4.0) == "+50.0 % to 4 ×"
    assert bounds(0.1, 130.0) == "unsettled"

"""A device that waits for its host, and what is said of the contest."""

import numpy as np
import pytest

from bench.analyze.contests.busy import waits_for_host


def test_a_device_that_idles_for_most_of_its_time_waits_for_python() -> None:
    note = waits_for_host("cuda", np.array([0.06, np.nan, 0.18]))
    assert note.startswith("cuda works for 6% to 18% of its time and else waits for Python")


@pytest.mark.parametrize("shares", [[0.9, 0.95], [0.2, 0.8, 0.9], [np.nan], []])
def test_one_that_is_kept_busy_or_does_not_tell_is_not_said_to(shares: list[float]) -> None:
    assert waits_for_host("cuda", np.array(shares)) == ""

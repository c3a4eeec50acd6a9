"""What is read of a run's visits before anything is estimated from them."""

import numpy as np

from bench.analyze.estimates.visits import templates_of
from bench.events import Launch


def test_a_fresh_start_is_a_template_of_its_own() -> None:
    """A run's first launch is never forked; what the others share must not be forgotten for it."""
    launches = [Launch(0), Launch(1, template=0), Launch(2, template=1), Launch(3, template=0), Launch(4)]
    of_visits = templates_of(launches, np.array([0, 0, 1, 2, 3, 4]))
    assert of_visits.tolist() == [-1, -1, 0, 1, 0, -5]

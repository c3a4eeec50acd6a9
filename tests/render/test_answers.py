"""What a run says while its launches do not settle it: who led, never more than was seen."""

import pytest

from bench.analyze.contests.contests import Contest
from bench.records import Crossing
from bench.render.answers import SETTLING, answers


def contest(*ratio: float, launches: int = 2, state: str = "inconclusive") -> Contest:
    crossing = Crossing("load", "n", "0", "2", "throughput", state, launches=launches)  # type: ignore[arg-type]  # a parameter of the test
    sizes = tuple(10.0 * 2**i for i in range(len(ratio)))
    return Contest(crossing, "suite", "num_workers", sizes, ratio, ratio, ratio, (launches,) * len(ratio))


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        ((1.5,), "2 workers led 0 workers at n = 10, 1.5 × as fast"),
        ((0.5,), "0 workers led 2 workers at n = 10, 2 × as fast"),
        ((1.2, 3.0), "2 workers led 0 workers at every n measured, at least 1.2 × as fast"),
        ((0.5, 0.8, 1.5), "0 workers led up to n = 20, 2 workers from 40 on"),
        ((1.5, 1.01, 0.5), "2 workers led up to n = 10, 0 workers from 40 on"),
    ],
)
def test_who_led(ratio: tuple[float, ...], told: str) -> None:
    (answer,) = answers([contest(*ratio)])
    assert answer.sentence == f"load: {told}; 2 launches do not settle it."


@pytest.mark.parametrize("ratio", [(), (1.01,), (1.5, 1.0), (1.5, 0.5, 1.5)])
def test_nobody_led(ratio: tuple[float, ...]) -> None:
    assert not answers([contest(*ratio)])


def test_many_launches_that_settle_nothing_say_nothing() -> None:
    assert not answers([contest(1.2, 3.0, launches=SETTLING)])
    (answer,) = answers([contest(1.2, 3.0, launches=1, state="not_measured")])
    assert answer.sentence.endswith("; 1 launch does not settle it.")

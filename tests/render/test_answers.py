"""Contests in plain sentences: never more than the band says, and what is known where nothing is settled."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.analyze.contests.answer import answers_of_two
from bench.analyze.contests.best import answers_of_many
from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Outcome, find
from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Array
from bench.records import Crossing
from bench.render.answers import answers
from tests.analyze.contests.contested import points

SIZES: Array = np.asarray(16.0 * 4 ** np.arange(5), dtype=float)


def fitted(y: Sequence[float], error: float) -> Curve:
    return curves([points(SIZES[: len(y)], y, error)])[0]


def ends(found: Outcome) -> tuple[float, float]:
    return found.places[-1].low, found.places[-1].high


def contest(names: tuple[str, str], curve: Curve) -> Contest:
    found = find(curve, (f"num_workers {names[0]}", f"num_workers {names[1]}"))
    if found.turned:
        names, curve = names[::-1], curve.turned()
    size, low, high = (found.places[-1].size, *ends(found)) if found.places else (None, None, None)
    crossing = Crossing(
        "load", "n", *names, "throughput", found.state, reason=found.reason,
        size=size, low=low, high=high,
    )  # fmt: skip
    lows, ratio, highs = (tuple(np.exp(each[curve.at_points]).tolist()) for each in curve.band())
    sizes = tuple(curve.points.sizes.tolist())
    return Contest(
        crossing, "suite", "num_workers", sizes, ratio, lows, highs, (5,) * len(sizes), found.places
    )


def told(y: Sequence[float], error: float = 0.01) -> str:
    """The sentence about two contenders."""
    curve, names = fitted(y, error), ("0", "2")
    ranges = answers_of_two(names, curve, find(curve))
    met = (contest(names, curve),)
    (answer,) = answers([Choice("suite", "load", "n", "num_workers", "throughput", {}, names, ranges, met)])
    return answer.sentence


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        ([0.4], 0.01, "2 workers beat 0 workers at n = 16, the only one measured: 1.5 × as fast."),
        ([0.4, 0.5, 0.7], 0.01, "2 workers beat 0 workers at every n from 16 to 256: "
         "1.5 × as fast at the smallest, 2 × as fast at the largest."),
        ([0.02, 0.4, 0.7], 0.01, "2 workers beat 0 workers, or the two are level, from n = 16 to 256: about "
         "level at the smallest, 2 × as fast at the largest. (level or not told apart at 16)"),
        ([0.0, 0.0, 0.0], 0.01, "no difference that matters between 0 workers and 2 workers at any n "),
        ([0.7, 0.0, 0.0, 0.0, 0.0], 0.005, "no difference that matters between 0 workers and 2 workers from "
         "n = 64 on. (workers 2 ahead at 16 (1 of 5 sizes), 2 ×; level at 64 to 4096)"),
        ([0.0, 0.7, 0.8, 0.9], 0.15, "not settled between 0 workers and 2 workers: workers 2 ahead at 64 "),
        ([-1.0, -0.4, 0.2, 0.8], 0.01, "2 workers beat 0 workers from n ≈ 1"),
    ],
)  # fmt: skip
def test_sentences(y: Sequence[float], error: float, sentence: str) -> None:
    assert told(y, error).startswith(f"load: {sentence}")


def many(times: dict[str, Sequence[float]], error: float = 0.01) -> str:
    names = tuple(times)
    met = {
        (one, other): fitted(np.subtract(times[one], times[other]).tolist(), error)
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    }
    contests = tuple(contest(pair, curve) for pair, curve in met.items() if pair[0] == names[0])
    ranges = answers_of_many(names, met)
    (answer,) = answers(
        [Choice("suite", "load", "n", "num_workers", "throughput", {}, names, ranges, contests)]
    )
    assert answer.question == "How many DataLoader workers?"
    return answer.sentence


def test_many_contenders_have_one_sentence() -> None:
    sentence = many({"0": [0.0] * 5, "1": [1.0, 0.5, 0.1, -0.5, -1.0], "2": [2.0] * 5})
    assert sentence.startswith("load: fastest at n 16 to 256 with 0 workers")
    assert "; fastest at n 1024 to 4096 with 1 worker, 2.1 × as fast as the next." in sentence


def test_a_winner_that_is_hardly_ahead_says_so() -> None:
    close = many({"0": [0.0] * 5, "1": [0.03] * 5, "2": [1.0] * 5}, error=0.001)
    assert close == "load: fastest at n 16 to 4096 with 0 workers, by less than 5 %."


def test_ties_are_named_and_noise_is_said_to_be_noise() -> None:
    tied = many({"0": [0.0] * 5, "1": [0.5] * 5, "2": [0.01] * 5}, error=0.05)
    assert "(not told apart from it: " in tied
    level = many({"0": [0.0] * 5, "1": [0.0] * 5, "2": [0.0] * 5}, error=0.005)
    assert level == "load: no difference that matters at n 16 to 4096."
    noisy = many({"0": [0.0] * 5, "1": [0.1] * 5, "2": [0.05] * 5}, error=0.5)
    assert noisy.startswith("load: not settled at n 16 to 4096: 0 led, but ")

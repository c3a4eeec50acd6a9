"""Contests in plain words: never more than the band says, no size left out, and what is known where nothing
is settled."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from bench.analyze.contests.best import may_be_best, ranges_of_many
from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Outcome, find
from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Array
from bench.analyze.contests.ranges import ranges_of_two
from bench.analyze.names import contender
from bench.analyze.questions.answers import Claim, claim_of
from bench.records import Crossing
from bench.render.decisions.claims import gain, listed, told
from tests.analyze.contests.contested import points

SIZES: Array = np.asarray(16.0 * 4 ** np.arange(5), dtype=float)
NO_CASES = pd.DataFrame({"items_per_s": [], "suite": [], "operation": []})


def fitted(y: Sequence[float], error: float) -> Curve:
    return curves([points(SIZES[: len(y)], y, error)])[0]


def ends(found: Outcome) -> tuple[float, float]:
    return found.places[-1].low, found.places[-1].high


def contest(names: tuple[str, str], curve: Curve) -> Contest:
    found = find(curve, (contender("num_workers", names[0]), contender("num_workers", names[1])))
    if found.turned:
        names, curve = names[::-1], curve.turned()
    size, low, high = (found.places[-1].size, *ends(found)) if found.places else (None, None, None)
    crossing = Crossing(
        "load", "n", *names, "throughput", found.state, reason=found.reason,
        size=size, low=low, high=high,
    )  # fmt: skip
    lows, ratio, highs = (tuple(np.exp(each[curve.at_points]).tolist()) for each in curve.band)
    sizes = tuple(curve.points.sizes.tolist())
    return Contest(
        crossing, "suite", "num_workers", sizes, ratio, lows, highs, (5,) * len(sizes), found.places
    )


def of_two(y: Sequence[float], error: float = 0.01) -> Claim:
    """What two contenders' contest says."""
    curve, names = fitted(y, error), ("0", "2")
    ranges = ranges_of_two(names, curve, find(curve))
    met = (contest(names, curve),)
    choice = Choice("suite", "load", "n", "num_workers", "throughput", {}, names, ranges, met)
    return claim_of(choice, NO_CASES)


@pytest.mark.parametrize(
    ("y", "error", "text", "gained"),
    [
        ([0.4], 0.01, "2 workers at n = 16, the only one measured", "1.49 × (1.46–1.52) at 16"),
        ([0.4, 0.5, 0.7], 0.01, "2 workers at every n measured, 16 to 256", "1.49 × (1.46–1.52) at 16, "),
        ([0.02, 0.4, 0.7], 0.01,
         "2 workers at every n measured, 16 to 256; level or not told apart at 16", "1.0"),
        ([0.0, 0.0, 0.0], 0.01, "no difference that matters at n 16 to 256", ""),
        ([0.7, 0.0, 0.0, 0.0, 0.0], 0.005,
         "2 workers at n 16; no difference that matters at n 64 to 4096", "2 workers 2.0"),
        ([0.0, 0.7, 0.8, 0.9], 0.15, "not told apart at n 16; 2 workers at n 64 to 1024", "2.6 × ("),
        ([-1.0, -0.4, 0.2, 0.8], 0.01, "2 workers from n ≈ 16", "2.2"),
        ([1.0, 0.4, -0.2, -0.8], 0.01, "0 workers from n ≈ 16", "2.2"),
        ([0.3, 0.9, 0.0], 2.0, "not told apart at n 16 to 256", ""),
    ],
)  # fmt: skip
def test_two_contenders(y: Sequence[float], error: float, text: str, gained: str) -> None:
    claim = of_two(y, error)
    assert told(claim).startswith(text)
    assert gain(claim).replace("\u202f", " ").startswith(gained)
    assert bool(gained) == bool(gain(claim))


def of_many(times: Mapping[str, Sequence[float]], error: float = 0.01, between: str = "num_workers") -> Claim:
    names = tuple(times)
    met = {
        (one, other): fitted(np.subtract(times[one], times[other]).tolist(), error)
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    }
    contests = tuple(contest(pair, curve) for pair, curve in met.items() if pair[0] == names[0])
    choice = Choice(
        "suite", "load", "n", between, "throughput", {}, names, ranges_of_many(names, met, between), contests,
        may_be_best=may_be_best(names, met),
    )  # fmt: skip
    return claim_of(choice, NO_CASES)


def test_many_contenders_are_one_claim() -> None:
    claim = of_many({"0": [0.0] * 5, "1": [1.0, 0.5, 0.1, -0.5, -1.0], "2": [2.0] * 5})
    assert told(claim) == "0 workers at n 16 to 256; 1 worker at n 1024 and 4096"
    assert gain(claim).startswith("2.7")
    assert gain(claim).endswith("against 0 workers at 4096")


def test_ties_are_named_and_noise_is_said_to_be_noise() -> None:
    tied = of_many({"0": [0.0] * 5, "1": [0.5] * 5, "2": [0.01] * 5}, error=0.05)
    assert told(tied) == "0 workers at n 16 to 4096, not told from 2"
    level = of_many({"0": [0.0] * 5, "1": [0.0] * 5, "2": [0.0] * 5}, error=0.005)
    assert told(level) == "no difference that matters at n 16 to 4096"
    noisy = of_many({"0": [0.0] * 5, "1": [0.1] * 5, "2": [0.05] * 5}, error=0.5)
    assert told(noisy).startswith("not told apart at n 16 to 4096 (0 workers led)")


def test_a_tie_is_said_where_it_holds() -> None:
    """A winner over all sizes, that at some of them cannot be told from one whom it beats at others."""
    nearer = {"0": [0.0, 0.9, 0.9, 0.9, 0.9], "1": [0.01] * 5, "2": [0.0] * 5, "4": [0.9, 0.0, 0.9, 0.0, 0.9]}
    assert told(of_many(nearer, error=0.05)) == (
        "2 workers at n 16 to 4096, not told from 1, nor from 4 at 64 and 1024, nor from 0 at 16"
    )


def test_a_rival_that_the_winner_is_called_by_as_well_is_plain() -> None:
    times = {"torch": [0.9] * 5, "onnxruntime run": [0.0] * 5, "onnxruntime": [0.01] * 5}
    assert told(of_many(times, error=0.05, between="engine")) == (
        "ONNX Runtime (session.run) at n 16 to 4096, not told from plain ONNX Runtime"
    )


def test_a_gain_is_quoted_where_the_winner_is_known_to_be_faster() -> None:
    closer = of_many({"0": [0.6, 0.6, 0.6, 0.6, 0.0], "1": [0.0] * 5, "2": [2.0] * 5}, error=0.05)
    assert told(closer) == "1 worker at n 16 to 4096, not told from 0 at 4096"
    assert gain(closer).endswith("against 0 workers at 1024")
    two = of_two([0.4, 0.5, 0.7, 0.02], 0.02)
    assert [each.split()[-1] for each in gain(two).split(", ")] == ["16", "256"]


def test_sizes_apart_are_no_stretch() -> None:
    measured = [1, 2, 4, 8, 16]
    assert listed([1, 2, 4], measured) == "1 to 4"
    assert listed([1, 4, 8, 16], measured) == "1 and 4 to 16"
    assert listed([1, 4, 16], measured) == "1, 4 and 16"

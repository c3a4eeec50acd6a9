"""Contests in plain words: never more than the band says, no size left out, and what is known where nothing
is settled."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from bench.analyze.contests.best import ranges_of_many
from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Outcome, find
from bench.analyze.contests.curve import Curve, curves
from bench.analyze.contests.levels import Array
from bench.analyze.contests.ranges import ranges_of_two
from bench.analyze.questions.answers import Claim, claim_of
from bench.records import Crossing
from bench.render.decisions.claims import gain, said, told
from tests.analyze.contests.contested import points

SIZES: Array = np.asarray(16.0 * 4 ** np.arange(5), dtype=float)
NO_CASES = pd.DataFrame({"items_per_s": [], "suite": [], "operation": []})


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


def of_many(times: dict[str, Sequence[float]], error: float = 0.01) -> Claim:
    names = tuple(times)
    met = {
        (one, other): fitted(np.subtract(times[one], times[other]).tolist(), error)
        for i, one in enumerate(names)
        for other in names[i + 1 :]
    }
    contests = tuple(contest(pair, curve) for pair, curve in met.items() if pair[0] == names[0])
    choice = Choice(
        "suite", "load", "n", "num_workers", "throughput", {}, names, ranges_of_many(names, met), contests
    )
    return claim_of(choice, NO_CASES)


def test_many_contenders_are_one_claim() -> None:
    claim = of_many({"0": [0.0] * 5, "1": [1.0, 0.5, 0.1, -0.5, -1.0], "2": [2.0] * 5})
    assert told(claim) == "0 workers at n 16 to 256; 1 worker at n 1024 and 4096"
    assert gain(claim).startswith("2.7")
    assert gain(claim).endswith("of 0 workers at 4096")


def test_ties_are_named_and_noise_is_said_to_be_noise() -> None:
    tied = of_many({"0": [0.0] * 5, "1": [0.5] * 5, "2": [0.01] * 5}, error=0.05)
    assert told(tied) == "0 workers at n 16 to 4096, 2 not told from it"
    level = of_many({"0": [0.0] * 5, "1": [0.0] * 5, "2": [0.0] * 5}, error=0.005)
    assert told(level) == "no difference that matters at n 16 to 4096"
    noisy = of_many({"0": [0.0] * 5, "1": [0.1] * 5, "2": [0.05] * 5}, error=0.5)
    assert told(noisy).startswith("not told apart at n 16 to 4096 (0 led, but 1, 2 cannot")


def test_contenders_are_called_what_people_call_them() -> None:
    assert said("engine", "onnxruntime run") == "ONNX Runtime (session.run)"
    assert said("engine", "numpy") == "numpy"
    assert said("way", "from_numpy") == "share (from_numpy)"
    assert said("num_workers", "1") == "1 worker"

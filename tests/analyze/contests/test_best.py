"""Many contenders as one contest: comparisons with the best, merged over sizes."""

from itertools import combinations

import numpy as np

from bench.analyze.contests.best import margin, ranges_of_many
from bench.analyze.contests.curve import curves
from bench.analyze.contests.levels import Array
from bench.analyze.contests.ranges import Range
from tests.analyze.contests.contested import points

NAMES = ("a", "b", "c")
SIZES: Array = np.asarray(2.0 ** np.arange(6), dtype=float)


def answered(
    times: dict[str, Array], error: float, seed: int = 1, between: str = "kind"
) -> tuple[Range, ...]:
    """What contenders with these ln(seconds) at SIZES come to; NaN where one was not timed."""
    random = np.random.default_rng(seed)
    noisy = {name: log + random.normal(0, error, len(log)) for name, log in times.items()}
    pairs = list(combinations(times, 2))
    logs = [noisy[one] - noisy[other] for one, other in pairs]
    timed = [np.isfinite(log) for log in logs]
    met = [points(SIZES[at], log[at], 2**0.5 * error) for log, at in zip(logs, timed, strict=True)]
    return ranges_of_many(tuple(times), dict(zip(pairs, curves(met), strict=True)), between)


def test_the_margin_is_dunnett_s() -> None:
    """His table for one side, 5 %, and many degrees of freedom."""
    assert [round(margin(others), 2) for others in (1, 2, 3, 4, 9)] == [1.64, 1.92, 2.06, 2.16, 2.42]


def test_one_winner_throughout() -> None:
    (answer,) = answered({"a": np.zeros(6), "b": np.full(6, -0.5), "c": np.full(6, 0.3)}, 0.02)
    assert (answer.state, answer.winner, answer.ties) == ("always_faster", "b", ())
    assert (answer.smallest, answer.largest) == (1, 32)
    assert answer.gain is not None
    assert answer.gain[1] <= np.exp(0.5) <= answer.gain[2]  # against a, the next
    assert answer.confidence == "solid"


def test_a_winner_that_is_level_somewhere_is_known_on_the_whole_alone() -> None:
    nearer = np.array([-0.4, -0.4, -0.4, -0.3, -0.1, 0.0])
    (answer,) = answered({"a": np.zeros(6), "b": nearer, "c": np.full(6, 0.5)}, 0.02)
    assert (answer.state, answer.winner) == ("always_faster", "b")
    assert answer.confidence == "rough"


def test_contenders_that_hand_over() -> None:
    falling = np.linspace(1.0, -1.0, 6)
    low, high = answered({"a": np.zeros(6), "b": falling, "c": np.full(6, 2.0)}, 0.02)
    assert (low.winner, high.winner) == ("a", "b")
    assert low.state == high.state == "crosses_at"
    assert low.place == high.place
    assert high.place is not None
    assert high.place.low <= 2**2.5 <= high.place.high
    assert (low.largest, high.smallest) == (4, 8)


def test_who_takes_over_does_so_where_they_were_not_told_apart() -> None:
    """The next winner is behind at 1 and 2, known to be ahead from 16 on alone, and took over near 4."""
    late = np.array([0.6, 0.2, -0.06, -0.05, -0.4, -0.6])
    low, high = answered({"a": np.zeros(6), "b": late, "c": np.full(6, 2.0)}, 0.03)
    assert (low.winner, low.largest, high.winner, high.smallest) == ("a", 8, "b", 16)
    assert high.place
    assert 2 <= high.place.low < high.place.high < 8


def test_ties_are_those_that_cannot_be_told_from_the_winner() -> None:
    (answer,) = answered({"a": np.zeros(6), "b": np.full(6, -0.5), "c": np.full(6, -0.5)}, 0.05)
    assert {answer.winner, *answer.ties} == {"b", "c"}


def test_all_within_a_tie_are_equal_and_all_in_noise_are_not_told_apart() -> None:
    level = {name: np.zeros(6) for name in NAMES}
    (equal,), (open_,) = answered(level, 0.005), answered(level, 0.3)
    assert (equal.state, equal.winner, equal.ties, equal.confidence) == ("equal", "", NAMES, "solid")
    assert (open_.state, open_.winner, open_.ties) == ("inconclusive", "", NAMES)
    assert "cannot be told from it" in open_.reason


def test_a_reason_calls_contenders_as_everything_else_does() -> None:
    level = {name: np.zeros(6) for name in ("0", "1", "2")}
    (open_,) = answered(level, 0.3, between="num_workers")
    led, others = open_.reason.removesuffix(" cannot be told from it").split(" led, but ")
    assert {led, *others.split(", ")} == {"0 workers", "1 worker", "2 workers"}


def test_a_contender_that_was_not_timed_everywhere_wins_only_where_it_was() -> None:
    late = np.array([np.nan, np.nan, np.nan, -1.0, -1.0, -1.0])
    low, high = answered({"a": np.zeros(6), "b": np.full(6, 0.3), "c": late}, 0.02)
    assert (low.winner, low.smallest, low.largest) == ("a", 1, 4)
    assert (high.winner, high.smallest, high.largest) == ("c", 8, 32)


def test_the_best_is_among_those_named() -> None:
    """At a size in 95 of 100; a range unites up to six, any of which may leave it out."""
    random = np.random.default_rng(5)
    named = []
    for seed in range(30):
        shifts = random.normal(0, 0.1, 3)
        logs = {name: np.full(6, shift) for name, shift in zip(NAMES, shifts, strict=True)}
        best = min(logs, key=lambda name: logs[name][0])
        named += [best in (answer.winner, *answer.ties) for answer in answered(logs, 0.15, seed)]
    assert np.mean(named) >= 0.85

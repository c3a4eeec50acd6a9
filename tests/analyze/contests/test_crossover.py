"""Crossings against closed forms, in seeded trials, and properties that any definition must have.

A contender that takes a·s meets one that takes b + c·s at s = b / (a - c).
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analyze.blocks.clean import marked
from bench.analyze.contests.contests import contests
from bench.analyze.contests.crossover import Duel, duel, find
from bench.analyze.contests.order import Disorder, disorders
from bench.analyze.contests.transfers import transfers
from bench.storage import store
from tests import recorded_runs as recorded

SIZES = 64.0 * 2 ** np.arange(0, 15)
A = 1e-9


def launched(seconds, random, launches=5, noise=0.01):
    """The ln(seconds) of each size in each launch, around the truth."""
    return np.log(seconds)[:, None] + random.normal(0, noise, (len(seconds), launches))


def apart(one, other):
    """The launches of two contenders that shared none."""
    gap = np.full_like(one, np.nan)
    return np.hstack([one, gap]), np.hstack([gap, other])


def together(one, other):
    return one, other


def exact(y, half=0.01):
    """A duel with a given y at each size and the same band everywhere."""
    y = np.asarray(y, dtype=float)
    return Duel(2.0 ** np.arange(len(y)), y, np.full(len(y), half), np.full(len(y), 5))


@pytest.mark.parametrize("launches", [apart, together])
@pytest.mark.parametrize("sizes", [64 * 2 ** (np.arange(0, 29) / 2), SIZES, SIZES[::2], SIZES[::3]])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5])
def test_interval_holds_the_truth(sizes, share, launches):
    """200 trials at 5 launches and 1 % between launches: at least 183 hold it (P = 0.9 % for a true 95 %)."""
    random = np.random.default_rng(7)
    held, widths = 0, []
    for _ in range(200):
        truth = np.exp(random.uniform(np.log(sizes[1]), np.log(sizes[-2])))
        b, c = truth * A * (1 - share), A * share
        sides = launches(launched(A * sizes, random), launched(b + c * sizes, random))
        found = find(duel(sizes, *sides))
        assert found.state == "crosses_at"
        (place,) = found.places
        held += place.low <= truth <= place.high
        widths.append(place.high / place.low - 1)
    assert held >= 183
    if share < 0.5 and sizes[1] <= 2 * sizes[0]:  # a run adds sizes where the curve leaves more open
        assert np.median(widths) <= 0.10


@pytest.mark.parametrize("launches", [2, 3, 4])
def test_few_launches_are_wide_or_undecided_but_not_wrong(launches):
    random = np.random.default_rng(3)
    truth, held, decided = 4000.0, 0, 0
    for _ in range(200):
        acc = truth * A * 0.9 + 0.1 * A * SIZES
        sides = launched(A * SIZES, random, launches), launched(acc, random, launches)
        for place in find(duel(SIZES, *sides)).places:
            decided += 1
            held += place.low <= truth <= place.high
    assert held >= 0.95 * decided


def test_what_a_launch_does_to_both_contenders_cancels():
    random = np.random.default_rng(5)
    speed = random.normal(0, 0.3, 5)  # a machine whose clock wanders by a third
    sides = [launched(each, random) + speed for each in (A * SIZES, 4e-6 + 0.1 * A * SIZES)]
    shared, apart_ = find(duel(SIZES, *sides)), find(duel(SIZES, *apart(*sides)))
    assert shared.places[0].high / shared.places[0].low < 1.06
    assert not apart_.places or apart_.places[0].high / apart_.places[0].low > 1.5


def test_below_five_launches_a_claim_needs_bands_that_are_clear_of_each_other():
    means = np.array([[np.log(1.1)], [np.log(1.3)]])
    launches = np.array([[-0.01, 0, 0.01]])  # each contender's own interval reaches 2.5 % to either side
    sides = means + launches, 0 * means + launches
    for y, half in ((1.1, 0.0497), (1.3, 0.0497)):
        met = duel(np.array([1.0, 2.0]), *sides)
        assert met.half == pytest.approx(half, rel=0.01)
        assert y in np.exp(met.y).round(9)
    closer = np.log([[1.04], [1.3]])
    assert "not told apart at 1" not in find(duel(np.array([1.0, 2.0]), *sides)).reason
    assert find(duel(np.array([1.0, 2.0]), closer + launches, launches + 0 * closer)).reason == "tied at 1"


def test_one_launch_says_nothing():
    seconds = np.log(A * SIZES)[:, None]
    found = find(duel(SIZES, seconds, seconds))
    assert (found.state, found.places) == ("inconclusive", ())
    assert "one launch" in found.reason


def test_a_size_from_one_launch_does_not_hide_the_others():
    random = np.random.default_rng(1)
    sides = [launched(each, random) for each in (A * SIZES, 4e-6 + 0.1 * A * SIZES)]
    sides[0][7, 1:] = np.nan
    found = find(duel(SIZES, *sides))
    assert found.state == "crosses_at"


@pytest.mark.parametrize(
    ("lone", "state"), [(0.5, "always_faster"), (0.0, "always_faster"), (-0.04, "always_faster"),
                        (-0.7, "inconclusive")],
)  # fmt: skip
def test_nobody_is_ahead_throughout_where_a_single_launch_speaks_against_it(lone, state):
    duel = exact([0.2, lone, 0.5, 0.6])
    duel.half[1] = np.nan
    found = find(duel)
    assert found.state == state
    assert ("one launch speaks against it at 2" in found.reason) == (state == "inconclusive")
    assert find(duel.turned()).state == {"always_faster": "never"}.get(state, state)


@pytest.mark.parametrize("y", [[-0.5, -0.5, -0.5, 0.5, 0.5, 0.5], [-0.5, 0.5]])
def test_a_jump_may_be_anywhere_between_its_two_sizes(y):
    """A kernel that is exchanged from some size on: no curve tells from which."""
    (place,) = find(exact(y)).places
    below = 2.0 ** (len(y) // 2 - 1)
    assert (place.low, place.high) == pytest.approx((below, 2 * below), rel=0.02)


@pytest.mark.parametrize("bend", [-1.0, 1.0])
def test_a_bend_lies_between_the_straight_line_and_the_extended_ones(bend):
    x = np.arange(6.0)
    (place,) = find(exact(x - 2.4 + bend * (x - 2.4) ** 2 / 12, half=1e-9)).places
    assert place.low < 2**2.4 < place.high
    assert place.high / place.low < 1.1


# Thousandths: a curve that misses zero by 1e-300 is no curve of times.
logs = st.lists(st.integers(-3000, 3000).map(lambda thousandths: thousandths / 1000), min_size=2, max_size=12)


def ends(found):
    return [end for place in found.places for end in (place.low, place.size, place.high)]


@given(logs)
def test_swapping_contenders_mirrors(y):
    one, other = find(exact(y)), find(exact(y).turned())
    mirrored = {"always_faster": "never", "never": "always_faster"}
    assert other.state == mirrored.get(one.state, one.state)
    assert ends(other) == pytest.approx(ends(one))
    assert (one.turned != other.turned) == bool(one.places)


@given(logs, st.floats(0.01, 1000))
def test_rescaling_sizes_shifts(y, factor):
    met = exact(y)
    one, other = find(met), find(replace(met, sizes=met.sizes * factor))
    assert other.state == one.state
    assert ends(other) == pytest.approx([end * factor for end in ends(one)])


@given(logs)
def test_no_state_without_a_crossing_carries_a_size(y):
    found = find(exact(y))
    assert {0: False, 1: "crosses_at"}.get(len(found.places), "multiple") == (
        found.state if found.state in ("crosses_at", "multiple") else False
    )
    for place in found.places:
        assert 1 <= place.low <= place.size <= place.high <= 2.0 ** (len(y) - 1) * (1 + 1e-12)


@settings(max_examples=50)
@given(st.integers(1, 8), st.floats(0.05, 3))
def test_a_one_point_dip_is_told_and_not_counted(position, depth):
    rising = np.array([-2, -1, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5])
    plain = find(exact(rising))
    dipped = rising.copy()
    if position < 4:  # beside the change itself there is no telling which of two sizes dips
        dipped = -np.ones(10)
        dipped[position] = depth
        found = find(exact(dipped))
        assert found.state == "never"
    else:
        dipped[position] = -depth
        found = find(exact(dipped))
        assert (found.state, found.turned) == ("crosses_at", False)
        assert found.places[0].size == pytest.approx(plain.places[0].size, rel=0.2)
    assert f"except at {2**position}" in found.reason


@pytest.mark.parametrize(
    ("y", "state", "reason"),
    [
        ([1, 2, 3], "always_faster", ""),
        ([-1, -2, -3], "never", ""),
        ([0, 0.001, -0.002], "inconclusive", "within 5 % of each other"),
        ([1, 0.001, 2], "always_faster", "tied at 2"),
        ([-1, -1, 1, 1, -1, -1, 1, 1], "multiple", ""),
        ([1], "not_measured", "1 of the 2 sizes"),
    ],
)
def test_states(y, state, reason):
    found = find(exact(y))
    assert found.state == state
    assert reason in found.reason


def test_a_wide_band_decides_nothing():
    assert find(exact([-0.2, 0.1, 0.3], half=0.5)).reason == "the launches do not tell them apart"
    assert "not told apart at 1" in find(exact([-0.2, 1, 2], half=0.5)).reason


def test_sustained_crossing_is_the_headline():
    found = find(exact([-1, -1, 1, 1, -1, -1, 1, 1]))
    assert [place.size for place in found.places] == pytest.approx([2**1.5, 2**3.5, 2**5.5])


def met(tmp_path, cases, **options):
    run = store.read_run(recorded.write(tmp_path / "run", cases, **options))
    return contests(run, marked(run.blocks))


def test_contests_of_a_run(tmp_path):
    cases = recorded.curve("work", {"a": lambda s: A * s, "b": lambda s: 2e-6 + 0.1 * A * s}, SIZES[::2])
    (contest,) = met(tmp_path, cases)
    crossing = contest.crossing
    assert (crossing.state, crossing.incumbent, crossing.challenger) == ("crosses_at", "a", "b")
    assert crossing.low <= 2e-6 / (0.9 * A) <= crossing.high
    assert set(crossing.evidence) == {case.id for case in cases}
    assert contest.ratio[-1] == pytest.approx(SIZES[14] * A / (2e-6 + 0.1 * A * SIZES[14]), rel=0.05)


def test_the_first_collected_meets_each_other(tmp_path):
    times = {str(workers): lambda s, w=workers: (w + 1) * A * s for workers in (2, 0, 1)}
    pairs = [
        (contest.crossing.incumbent, contest.crossing.challenger)
        for contest in met(tmp_path, recorded.curve("work", times, [64, 128], between="num_workers"))
    ]
    assert pairs == [("0", "1"), ("0", "2")]


def test_transfers_move_device_crossings_in_order(tmp_path):
    found = met(tmp_path, [case for case in recorded.course() if case.operation == "mul"])
    latency = {
        contest.crossing.definition: contest for contest in found if "latency" in contest.crossing.definition
    }
    sizes = [latency[form].crossing.size for form in ("latency", "latency inputs", "latency round_trip")]
    assert sizes == sorted(sizes)
    assert disorders(found) == []
    reuses = latency["latency round_trip"].reuses
    assert reuses[0] == np.inf
    assert 0 < reuses[-1] < 1


def test_disordered_transfers_are_noticed(tmp_path):
    found = met(tmp_path, [case for case in recorded.course() if case.operation == "mul"])
    swapped = {"throughput": "throughput inputs", "throughput inputs": "throughput"}
    for contest in found:
        name = contest.crossing.definition
        object.__setattr__(contest.crossing, "definition", swapped.get(name, name))
    (disorder,) = disorders(found)
    expected = Disorder("mul", "throughput", "n", disorder.size, less="", more="inputs")
    assert disorder == expected


def test_a_contender_without_times_is_not_measured_and_says_why(tmp_path):
    (works,) = recorded.curve("work", {"b": lambda s: A * s}, [64])
    broken = replace(works, outcome="failed", message="no memory")
    cases = [*recorded.curve("work", {"a": lambda s: A * s}, [64, 128]), broken]
    (contest,) = met(tmp_path, cases)
    assert (contest.crossing.state, contest.crossing.reason) == ("not_measured", "no memory")


def test_a_single_contender_makes_no_contest(tmp_path):
    assert met(tmp_path, recorded.curve("work", {"a": lambda s: A * s}, [64, 128])) == []


def moved(n, trip, seconds):
    """A case of the operation `add` on `cuda`, moved in each call as the trip says; "" is in place."""
    params = {"n": n} | ({"trip": trip} if trip else {})
    extra = {"resident": "add"} if trip else {}
    name, between = ("add_moved", "trip") if trip else ("add", "device")
    return recorded.Made("test_add", name, params, seconds, "cuda", axis="n", between=between, extra=extra)


def test_trips_that_were_timed_are_contests_of_the_operation_they_move(tmp_path):
    sizes = 2.0 ** np.arange(6, 20, 2)
    cases = [recorded.Made("test_add", "add", {"n": n}, A * n, axis="n", between="device") for n in sizes]
    fixed = {"": 1e-6, "inputs pinned": 4e-6, "inputs pageable": 9e-6, "round_trip pinned": 7e-6}
    cases += [moved(n, trip, b + 0.1 * A * n) for trip, b in fixed.items() for n in sizes]
    by_device = [contest for contest in met(tmp_path, cases) if contest.between == "device"]
    found = {contest.crossing.definition: contest for contest in by_device}
    assert set(found) == {f"{basis} {trip}".strip() for basis in ("throughput", "latency") for trip in fixed}
    for trip, b in fixed.items():
        crossing = found[f"throughput {trip}".strip()].crossing
        assert crossing.operation == "add"
        assert crossing.size == pytest.approx(b / (0.9 * A), rel=0.05)
    pinned = found["throughput inputs pinned"]
    assert pinned.reuses[-1] == pytest.approx(3e-6 / (0.9 * A * sizes[-1] - 1e-6), rel=0.1)
    assert disorders(found.values()) == []


def test_trips_also_meet_each_other(tmp_path):
    cases = [
        moved(n, trip, b)
        for trip, b in (("inputs pageable", 2e-6), ("inputs pinned", 1e-6))
        for n in (64, 128)
    ]
    contest, *_ = met(tmp_path, cases)
    assert (contest.between, contest.crossing.operation, contest.crossing.state) == (
        "trip",
        "add_moved",
        "always_faster",
    )


def test_a_trip_that_is_faster_than_none_is_noticed(tmp_path):
    sizes = [2**10, 2**14, 2**18]
    cases = [recorded.Made("test_add", "add", {"n": n}, A * n, axis="n", between="device") for n in sizes]
    fixed = {"": 4e-6, "inputs pinned": 1e-6, "round_trip pinned": 7e-6}
    cases += [moved(n, trip, b + 0.1 * A * n) for trip, b in fixed.items() for n in sizes]
    found = disorders(met(tmp_path, cases))
    assert len(found) == 2  # back to back, and for one call
    assert found[0] == Disorder("add", "throughput", "n", 1024, less="", more="inputs pinned")


def test_links_are_added_for_each_kind_of_memory():
    links = {
        "to_device": {"latency_s": 1e-5, "bytes_per_s": 2e10},
        "to_host": {"latency_s": 2e-5, "bytes_per_s": 1e10},
    }
    extra = [{"input_bytes": 2e4, "output_bytes": 1e4}]
    assert {form: seconds[0] for form, seconds in transfers(links, extra).items()} == pytest.approx(
        {"inputs": 1.1e-5, "round_trip": 3.2e-5}
    )
    slower = {f"{way}_pageable": {**link, "latency_s": 3e-5} for way, link in links.items()}
    assert {form: seconds[0] for form, seconds in transfers(links | slower, extra).items()} == pytest.approx(
        {
            "inputs pinned": 1.1e-5,
            "round_trip pinned": 3.2e-5,
            "inputs pageable": 3.1e-5,
            "round_trip pageable": 6.2e-5,
        }
    )
    assert transfers(links, [{"input_bytes": 1}]).keys() == {"inputs"}
    assert transfers({}, extra) == {}

"""What is learned of a case from its blocks, when its warm-up ends, and how a run shares its time."""

import math
import random
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from bench.events import Visit
from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing, Visited
from bench.measure.drive.policy import (
    blocks_per_visit,
    extrapolated_s,
    kinds_in_turn,
    launch_until_s,
    next_pass,
    satisfied,
    settled,
    too_long,
)
from bench.measure.drive.worth import Scatter, Typical
from bench.records import Block, Case, Kind
from tests.measure.builders import MILLISECOND


def test_whether_a_case_disturbs_itself_is_read_from_its_latest_warm_up_then_from_any_block() -> None:
    spinning = Block("warmup", 0.0, 1, 0.02, threads=3, processors=2)
    timing = Timing().with_speed(spinning)
    assert timing.self_disturbing
    timing = timing.with_speed(replace(spinning, threads=2))
    assert not timing.self_disturbing
    blocks = replace(spinning, kind="wall"), replace(spinning, kind="wall", threads=2)
    timing = timing.after([Visit("c", 0, blocks=blocks)]).with_speed(replace(spinning, threads=2))
    assert timing.self_disturbing


@pytest.mark.parametrize(
    ("series", "steady"),
    [
        ([1.0] * 5, False),
        ([1.0] * 6, True),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02], False),
        ([2.0, 1.5, 1.2, 1.1, 1.05, 1.02, 1.01, 1.0, 1.0, 1.0], True),
        ([1.06, 0.95, 1.07, 0.94, 1.0, 0.96], True),
        ([1.5, 1.0, 1.0, 1.0, 1.0, 1.0], True),
    ],
)
def test_a_warm_up_ends_when_the_series_gets_no_faster(series: list[float], steady: bool) -> None:
    assert settled(series) is steady


def test_noise_prolongs_a_warm_up_once_in_twenty_times() -> None:
    noise = np.random.default_rng(1).normal(1, 0.1, (2000, 6))
    assert np.mean([not settled(list(series)) for series in noise]) == pytest.approx(0.05, abs=0.015)


def test_leftover_threads_and_pinning_make_no_case_disturb_itself() -> None:
    timing = MILLISECOND.with_speed(Block("warmup", 0.0, 1, 6e-5, threads=3, processors=2))
    timing = timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=2, processors=1))
    assert not timing.self_disturbing
    assert timing.with_speed(Block("wall", 0.0, 200, 0.012, threads=3, processors=2)).self_disturbing


CLAIMS = {"cpu": 10.0, "cuda": 30.0}


def test_a_round_is_shared_by_claims() -> None:
    assert launch_until_s("cpu", CLAIMS, 20.0, 100.0, 5.0, later=0) == pytest.approx(20 + 80 * 10 / 40)
    assert launch_until_s("cuda", CLAIMS, 40.0, 100.0, 5.0, later=0) == pytest.approx(100.0)


def test_rounds_to_come_keep_their_share_and_their_start() -> None:
    """Of 80 s the next round takes 5 s to start; of the rest the first cpu launch has 10 of 80 parts."""
    assert launch_until_s("cpu", CLAIMS, 20.0, 100.0, 5.0, later=1) == pytest.approx(20 + 75 * 10 / 80)


def test_time_that_is_over_or_without_end() -> None:
    assert launch_until_s("cpu", CLAIMS, 110.0, 100.0, 5.0, later=4) <= 100.0
    assert launch_until_s("cpu", CLAIMS, 20.0, math.inf, 5.0, later=4) == math.inf


EVERY_KIND = frozenset(get_args(Kind))


def known(name: str, visits: int, cost_s: float = 0.01, axis: str = "", n: int = 1, **changes: Any) -> Entry:
    """A case that an earlier launch visited so often, each visit as the one before, at so much a visit."""
    visited = Visited({-1: visits}, {-1: 0.0}, 1e-4 * visits) if visits else Visited()
    return Entry(
        Case(name, "s", "o", params={"n": n}, axis=axis or None, between="way" if axis else None),
        Timing(call_s=1e-3, fastest_s=1e-3, calls=10, visited=visited, kinds=EVERY_KIND),
        lifecycle=Lifecycle({-1: visits} if visits else {}),
        cost=Cost(fresh_s=2 * cost_s, later_s=cost_s),
        **changes,
    )


def chosen(
    entries: list[Entry],
    seconds: float,
    near: set[str] | None = None,
    every_launch: bool = False,
    launch: int = 0,
) -> list[str]:
    order = next_pass(
        entries, launch, 0.01, seconds, random.Random(1), near or set(), every_launch=every_launch
    )
    return [entry.case.id for entry in order]


def test_what_was_never_seen_comes_first_and_of_that_what_answers_rest_on_in_rising_sizes() -> None:
    entries = [known("seen", 3), known("plain", 0), *(known(f"n{n}", 0, axis="n", n=n) for n in (64, 8, 512))]
    assert chosen(entries, 10.0) == ["n8", "n64", "n512", "plain", "seen"]


def test_a_pass_takes_what_narrows_most_for_its_time() -> None:
    """Of 5 s a pass may take one: the case known from few visits, before the dear one and the well known."""
    entries = [known("well known", 12, 0.4), known("dear", 3, 4.0), known("little known", 3, 0.4)]
    assert chosen(entries, 5.0, launch=-1) == ["little known"]


def test_a_case_near_a_crossing_or_of_a_contest_counts_more() -> None:
    entries = [known(name, 3, 0.4) for name in ("a", "b", "c")]
    assert chosen(entries, 5.0, {"b"}) == ["b"]
    assert chosen([*entries, known("contest", 3, 0.4, axis="n")], 5.0) == ["contest"]


def test_a_dear_case_has_its_turn_where_nothing_is_worth_more() -> None:
    assert chosen([known("dear", 1, 1.5)], 5.0) == ["dear"]
    assert chosen([known("dearer than what is left", 1, 3.0)], 5.0) == []


def test_a_satisfied_case_wants_no_visit_unless_each_launch_is_to_have_one() -> None:
    visited = Visited(dict.fromkeys(range(-9, 0), 40), dict.fromkeys(range(-9, 0), 0.0), 1e-6)
    entry = known("known", 3)
    done = replace(entry, timing=replace(entry.timing, visited=visited))
    others = [known(f"other {n}", 3) for n in range(9)]  # whose launches scatter as the constants say
    assert "known" in chosen([done, *others], 1e3)
    assert satisfied(done, Typical(Scatter(0.01, 0.0)), 0.01)
    assert "known" not in chosen([replace(done, lifecycle=Lifecycle({-1: 1}, closed="failed"))], 1e3)
    assert not satisfied(
        replace(done, timing=replace(done.timing, visited=Visited({-1: 99}, {-1: 0.0}))),
        Typical(Scatter(0.01, 0.0)),
        0.01,
    ), "one launch is not enough"


def test_every_launch_is_entered_where_their_number_was_asked_for() -> None:
    exact = [known(f"case {n}", 3) for n in range(6)]
    assert len(chosen(exact, 1e3, every_launch=True)) == 6
    assert not next_pass(exact, -1, 10.0, 1e3, random.Random(1), every_launch=True)


@pytest.mark.parametrize(
    ("visits", "kinds"),
    [(0, ("wall", "latency")), (1, ("wall", "latency")), (2, ("wall", "latency")), (3, ("cold",))],
)
def test_a_device_s_visits_time_what_is_quoted_side_by_side_and_the_rest_in_turn(
    visits: int, kinds: tuple[str, ...]
) -> None:
    entry = known("c", visits)
    full = replace(entry.timing, queued={"device": 0}, kinds=frozenset({"wall", "latency", "cold"}))
    assert kinds_in_turn(entry, -1) == ("wall",), "a processor's calls have one time"
    on_device = replace(entry, case=replace(entry.case, device="cuda"), timing=full)
    assert kinds_in_turn(on_device, -1) == kinds
    assert kinds_in_turn(on_device, 0) == ("wall", "latency"), "every launch begins with them"
    long = replace(on_device, timing=replace(entry.timing, call_s=2.0))
    assert kinds_in_turn(long, 0) == ("wall", "latency", "device"), "a launch visits it once"


def test_every_launch_s_first_visit_has_the_kinds_that_answers_quote() -> None:
    entry = known("c", 6)
    seen = replace(entry.timing, kinds=frozenset({"wall", "latency", "device", "cold"}))
    on_device = replace(entry, case=replace(entry.case, device="cuda"), timing=seen)
    assert kinds_in_turn(replace(on_device, lifecycle=Lifecycle({-1: 6})), 0) == ("wall", "latency")
    once = replace(on_device, lifecycle=Lifecycle({-1: 6, 0: 1}))
    assert next_pass([once], 0, 10.0, 1e3, random.Random(1)) == []


def test_an_epoch_s_time_is_not_foretold_from_smaller_batches() -> None:
    def timed(n: int, seconds: float) -> Entry:
        entry = known(f"n{n}", 1, axis="n", n=n)
        return replace(entry, timing=replace(entry.timing, visited=Visited().after(0, math.log(seconds))))

    large = known("n512", 0, axis="n", n=512)
    assert extrapolated_s(large, [timed(8, 1.0)]) == 0.0, "one size tells no direction"
    assert extrapolated_s(large, [timed(8, 3.0), timed(64, 1.0)]) == 1.0
    disturbed = replace(timed(64, 9.0), timing=Timing(call_s=9.0, fastest_s=9.0))
    assert extrapolated_s(large, [timed(8, 1.0), disturbed]) == 0.0
    assert extrapolated_s(large, [timed(128, 1.0), timed(256, 8.0)]) == pytest.approx(64.0)


@pytest.mark.parametrize(
    ("around_s", "calls", "blocks"), [(0.0, 10, 2), (0.1, 10, 2), (1.0, 10, 5), (0.1, 100, 1)]
)
def test_a_visit_has_more_blocks_the_dearer_its_set_up(around_s: float, calls: int, blocks: int) -> None:
    entry = known("c", 1)
    timing = replace(entry.timing, calls=calls)
    assert blocks_per_visit(replace(entry, timing=timing, cost=Cost(around_s=around_s))) == blocks


def test_a_case_is_left_out_for_what_it_takes_undisturbed() -> None:
    """Beside a busy process calls take twice as long, and that says nothing of the case."""
    entry = known("c", 1)
    slow = replace(entry, timing=replace(entry.timing, fastest_s=3.0))
    clean, delayed = (Visit("c", 0, blocks=(Block("wall", 0, 1, 3.0, delay_s=by),)) for by in (0.0, 1.5))
    assert too_long(slow, clean, 2.5)
    assert not too_long(slow, delayed, 2.5)
    assert too_long(replace(entry, timing=replace(entry.timing, fastest_s=6.0)), delayed, 2.5)
    assert not too_long(entry, clean, 2.5)


def test_a_visit_costs_what_it_took_as_a_whole() -> None:
    """A test may load the rest of an epoch between its calls, or after the last."""
    blocks = (Block("first", 0.0, 1, 0.2), Block("wall", 0.5, 1, 0.1))
    fresh = Cost(1.0).after([Visit("c", 1, setup_s=0.05, took_s=2.0, blocks=blocks)], fresh=True)
    assert (fresh.visit_s(fresh=True), fresh.visit_s()) == (2.0, pytest.approx(1.8))
    assert fresh.around_s == pytest.approx(1.7)
    later = fresh.after([Visit("c", 1, took_s=1.0, blocks=blocks[1:])], fresh=False)
    assert (later.visit_s(fresh=True), later.visit_s()) == (2.0, 1.0)
    unknown = Cost().after([Visit("c", 0, setup_s=0.05, teardown_s=0.05, blocks=blocks)], fresh=True)
    assert unknown.visit_s(fresh=True) == pytest.approx(0.7), "as a journal of an older version has it"


@pytest.mark.parametrize(
    ("warm_up", "kept_s"),
    [
        pytest.param([(1, 0.01), (10, 0.1), *[(5, 0.05)] * 6], 0.3, id="calls are chosen, then six blocks"),
        pytest.param([(1, 0.4)], 0.0, id="one call shows the memory of long ones"),
        pytest.param([], 0.0, id="none"),
    ],
)
def test_what_is_done_once_a_run_is_no_cost_of_the_launches_to_come(
    warm_up: list[tuple[int, float]], kept_s: float
) -> None:
    """They would be planned as half as many: a first visit takes twice as long as a second launch's."""
    made, now_s = [Block("first", 0.0, 1, 0.2)], 0.2
    for calls, wall_s in warm_up:
        made.append(Block("warmup", now_s, calls, wall_s))
        now_s += wall_s
    made.append(Block("wall", now_s, 10, 0.1))
    looked_at_s = 3.0
    visit = Visit("c", 0, setup_s=0.05, took_s=now_s + looked_at_s, blocks=tuple(made))
    first = Cost().after([visit], fresh=True)
    assert first.visit_s(fresh=True) == pytest.approx(0.05 + 0.2 + kept_s + 0.1)
    assert first.visit_s() == pytest.approx(0.05 + 0.1)


def test_a_kind_that_no_visit_has_timed_comes_before_one_that_has_been() -> None:
    """Launches of two visits would otherwise time wall and latency for ever."""
    entry = known("c", 4)
    seen = replace(entry.timing, kinds=frozenset({"first", "warmup", "wall", "latency"}))
    case = replace(entry.case, device="cuda")
    on_device = replace(entry, case=case, timing=seen, lifecycle=Lifecycle({-2: 2, -1: 2, 0: 2}))
    assert next_pass([on_device], 0, 10.0, 1e3, random.Random(1)) == [on_device]
    assert kinds_in_turn(on_device, 0) == ("device",)
    full = replace(on_device, timing=replace(seen, queued={"device": 0}))
    assert kinds_in_turn(full, 0) == ("cold",)
    counts = dict.fromkeys(range(3), 40)
    visited = Visited(counts, dict.fromkeys(counts, 0.0), 1e-6)
    timing = replace(seen, kinds=seen.kinds | {"device"}, call_s=2.0, visited=visited)
    assert satisfied(replace(on_device, timing=timing), Typical(), 10.0), "a long case has no cold calls"


def test_a_visit_of_one_second_a_call_counts_and_one_of_no_time_does_not() -> None:
    def after(wall_s: float) -> int:
        return Timing().after([Visit("c", 0, blocks=(Block("wall", 0, 1, wall_s),))]).visited.total

    assert (after(1.0), after(0.0)) == (1, 0)

"""Gain figures draw the numbers of their contests, whatever these are."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.text import Text

from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import Place
from bench.records import Crossing
from bench.render.drawing import colours, style
from bench.render.figures import gain
from bench.render.figures.contested import contested
from tests.render.figures import seen

NOTHING = pd.DataFrame({"case": []})


def contest(
    pair: tuple[str, str], points: Sequence[tuple[float, float, float, float]], **more: Any
) -> Contest:
    """A contest with (size, ratio, low, high) at each size."""
    sizes, ratio, low, high = zip(*points, strict=True) if points else ((), (), (), ())
    crossing = Crossing(
        "op", "n", *pair, more.pop("definition", "throughput"), more.pop("state", "inconclusive")
    )
    return Contest(
        crossing, "suite", "way", sizes, ratio, low, high, (1,) * len(sizes), more.pop("places", ())
    )


def two(pair: tuple[str, str], points: Sequence[tuple[float, float, float, float]], **more: Any) -> Choice:
    """A contest of two devices, given in the contest's own order; the first contender is the CPU."""
    return choice(["cpu", "cuda"], [contest(pair, points, **more)], "device")


def choice(names: Sequence[str], contests: Sequence[Contest], between: str = "way") -> Choice:
    definition = contests[0].crossing.definition
    return Choice("suite", "op", "n", between, definition, {}, tuple(names), (), tuple(contests))


def drawn(*choices: Choice, moved: bool = False) -> Axes:
    (of,) = contested(choices)
    with style.in_style(large=True):
        figure = gain.draw(of, NOTHING, colours.of_contenders(choices), moved).figure
    assert seen.overlaps(figure) == []
    assert seen.outside(figure) == []
    return figure.axes[0]


def curves(axes: Axes) -> list[list[tuple[float, float]]]:
    """The curves of two points or more that are drawn in data, in their order."""
    found = [
        seen.at(line)
        for line in axes.lines
        if line.get_zorder() == 2.5 and line.get_transform() == axes.transData
    ]
    return [curve for curve in found if curve]


def test_the_contest_s_numbers_are_drawn() -> None:
    points = [(16.0, 0.1, 0.08, 0.12), (64.0, 0.7, 0.5, 0.9), (256.0, 8.0, 7.0, 9.0)]
    axes = drawn(two(("cpu", "cuda"), points))
    assert curves(axes) == [[(16, 0.1), (64, 0.7), (256, 8)]]
    (whiskers,) = [seen.heights(each) for each in axes.collections if each.get_zorder() == 2]
    assert whiskers == [[0.08, 0.12], [0.5, 0.9], [7, 9]]


def test_a_contest_that_was_turned_is_drawn_against_the_cpu_all_the_same() -> None:
    axes = drawn(
        choice(
            ["cpu", "cuda"],
            [contest(("cuda", "cpu"), [(1.0, 4.0, 2.0, 8.0), (9.0, 2.0, 1.0, 4.0)])],
            "device",
        )
    )
    assert curves(axes) == [[(1, 0.25), (9, 0.5)]]


def test_of_two_ways_the_winner_s_gain_is_drawn() -> None:
    axes = drawn(
        choice(
            ["share", "copy"], [contest(("share", "copy"), [(1.0, 0.5, 0.4, 0.6), (9.0, 0.01, 0.008, 0.012)])]
        )
    )
    assert curves(axes) == [[(1, 2), (9, 100)]]
    assert {"share faster", "copy faster", "times as fast as copy"} <= {
        text.get_text() for text in axes.texts
    }


def test_a_crossing_is_marked_with_its_interval() -> None:
    points = [(16.0, 0.1, 0.08, 0.12), (256.0, 8.0, 7.0, 9.0)]
    crossing = contest(("cpu", "cuda"), points, places=(Place(60, 40, 90),))
    axes = drawn(choice(["cpu", "cuda"], [crossing], "device"))
    level = [seen.at(line) for line in axes.lines if {y for _, y in seen.at(line)} == {1.0}]
    assert [(40, 1), (90, 1)] in level
    assert [(60, 1)] in level


def test_an_unsettled_point_is_hollow() -> None:
    axes = drawn(
        choice(
            ["cpu", "cuda"],
            [contest(("cpu", "cuda"), [(1.0, 2.0, 1.9, 2.1), (9.0, 3.0, 0.1, 90.0)])],
            "device",
        )
    )
    hollow = [
        seen.at(line)
        for line in axes.lines
        if (line.get_markerfacecolor(), line.get_marker()) == (style.GROUND, "o")
    ]
    assert hollow == [[(9, 3)]]
    arrows = {line.get_marker() for line in axes.lines} & {"^", "v"}
    assert arrows == {"^", "v"}


def test_one_call_and_back_to_back_share_a_colour_and_differ_in_dashes() -> None:
    pair, points = ("cpu", "cuda"), [(1.0, 2.0, 1.9, 2.1), (9.0, 3.0, 2.9, 3.1)]
    both = [
        choice(pair, [contest(pair, points, definition=each)], "device") for each in ("latency", "throughput")
    ]
    lines = [
        line for line in drawn(*both).lines if line.get_zorder() == 2.5 and seen.at(line) == [(1, 2), (9, 3)]
    ]
    assert len({line.get_color() for line in lines}) == 1
    assert len({str(line.get_linestyle()) for line in lines}) == 2


RATIOS = st.floats(1e-6, 1e6)


@st.composite
def made(draw: st.DrawFn) -> Choice:
    """A contest of two to twenty contenders at one to eight sizes, with ratios up to a million."""
    names = [f"contender {i}" for i in range(draw(st.integers(2, 20)))]
    sizes = sorted(draw(st.sets(st.integers(1, 2**24), min_size=1, max_size=8)))
    contests = []
    for other in names[1:]:
        points = [
            (float(size), ratio, ratio / draw(st.floats(1, 1e3)), ratio * draw(st.floats(1, 1e3)))
            for size in sizes
            for ratio in [draw(RATIOS)]
        ]
        contests.append(contest((names[0], other), points))
    return choice(names, contests, draw(st.sampled_from(["device", "way", "num_workers"])))


@given(made())
@settings(max_examples=15)
def test_any_contest_is_drawn_without_labels_that_touch(any_choice: Choice) -> None:
    axes = drawn(any_choice)
    low, high = axes.get_ylim()
    assert 0 < low < 1 < high < math.inf
    for curve in curves(axes):
        assert np.isfinite(curve).all()
        assert all(low <= y <= high for _, y in curve)


def test_a_contest_of_nothing_is_not_drawn() -> None:
    assert contested([two(("cpu", "cuda"), [])]) == []


def test_a_title_is_asked_in_less_words_where_it_would_be_cut() -> None:
    pair = ("tensor", "from_numpy")
    made = choice(pair, [contest(pair, [(1.0, 4.0, 3.0, 5.0), (9.0, 5.0, 4.0, 6.0)])])
    axes = drawn(replace(made, operation="share_or_copy"))
    told = [text.get_text() for text in axes.figure.findobj(Text) if isinstance(text, Text)]
    assert "share or copy: share (from_numpy) against copy (tensor)" in told
    assert not any("…" in text for text in told if text.startswith("share or copy"))

"""Axes: every tick is where its label says, and there are neither too few nor too many."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from bench.analyze.names import THIN
from bench.render.drawing import scales, style
from bench.render.units import PREFIXES

ENDS = st.tuples(st.floats(1e-9, 1e9), st.floats(1.02, 1e12)).map(lambda pair: (pair[0], pair[0] * pair[1]))


def read(text: str) -> float:
    """The number that a tick's label says."""
    power = {prefix: exponent for exponent, prefix in PREFIXES.items() if prefix}
    number, unit = re.fullmatch(rf"([\d.{THIN}]+?){THIN}?([^\d.{THIN}]*)", text).groups()
    prefix = unit[:1] if len(unit) > 1 else ""
    return float(number.replace(THIN, "")) * 10.0 ** power.get(prefix, 0)


def blank(width: float = 4, height: float = 3) -> Axes:
    return style.placed(style.blank(width, height), 0.8, 0.6, width - 0.2, height - 0.3)


@given(ENDS, st.integers(2, 9))
def test_ticks_lie_within_the_axis_and_are_as_many_as_asked(ends: tuple[float, float], most: int) -> None:
    ticks = scales.log_ticks(*ends, most)
    assert all(ends[0] * 0.999 <= tick <= ends[1] * 1.001 for tick in ticks)
    assert len(ticks) <= most + 1
    assert ticks == sorted(set(ticks))


@given(ENDS)
def test_an_axis_has_two_ticks_at_least(ends: tuple[float, float]) -> None:
    assert len(scales.log_ticks(*ends, 6)) >= 2


@pytest.mark.parametrize("unit", ["s", "B/s", "×"])
@given(ENDS)
def test_a_tick_stands_where_its_label_says(unit: str, ends: tuple[float, float]) -> None:
    axes = blank()
    scales.logarithmic(axes, "y", ends, unit)
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        assert read(label.get_text()) == pytest.approx(place, rel=1e-6)


@given(st.sets(st.integers(1, 10**9), min_size=1, max_size=20))
def test_sizes_are_named_truly_and_never_touch(measured: set[int]) -> None:
    axes = blank()
    scales.sizes(axes, sorted(measured), "n")
    labels = axes.get_xticklabels()
    assert {read(label.get_text()) for label in labels} <= measured
    assert [read(label.get_text()) for label in labels] == pytest.approx(list(axes.get_xticks()))
    spans = sorted((extent.x0, extent.x1) for extent in (label.get_window_extent() for label in labels))
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert max(measured) in axes.get_xticks()


def test_32768_is_no_other_number() -> None:
    axes = blank(8)
    scales.sizes(axes, [1024, 32768, 65536], "n")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1024", f"32{THIN}768", f"65{THIN}536"]


def test_an_interval_of_any_width_leaves_the_middle_in_sight() -> None:
    low, high = scales.around([1, 4], [(1e-9, 1e9), (3, 5)])
    assert 0.3 < low < 1
    assert 4 < high < 12

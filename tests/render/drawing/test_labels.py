"""Labels: measured as they are drawn, and moved apart no further than they must be."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.render.drawing import labels, style

SPANS = st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 8)), max_size=12)


@given(SPANS)
def test_labels_do_not_touch_and_stay_inside_where_they_fit(spans: list[tuple[float, float]]) -> None:
    centres, heights = [c for c, _ in spans], [h for _, h in spans]
    places = labels.spread(centres, heights, 0, 100)
    order = sorted(range(len(places)), key=places.__getitem__)
    for below, above in pairwise(order):
        assert places[above] - places[below] >= (heights[below] + heights[above]) / 2 - 1e-6
    assert all(h / 2 - 1e-6 <= place <= 100 - h / 2 + 1e-6 for place, h in zip(places, heights, strict=True))


@given(SPANS)
def test_labels_keep_the_order_of_their_curves(spans: list[tuple[float, float]]) -> None:
    places = labels.spread([c for c, _ in spans], [h for _, h in spans], 0, 100)
    for (one, _), at in zip(spans, places, strict=True):
        assert all(at <= other + 1e-6 for (c, _), other in zip(spans, places, strict=True) if c > one)


def test_labels_that_have_room_stay_where_they_are() -> None:
    assert labels.spread([10, 50, 30], [5, 5, 5], 0, 100) == [10, 50, 30]


def test_labels_that_touch_lie_about_their_middle() -> None:
    assert labels.spread([50, 50], [10, 10], 0, 100) == [45, 55]


@pytest.mark.parametrize("text", ["round trip pageable", "16 777 216", "WWWiii…"])
@pytest.mark.parametrize("size", [7.5, 9, 12])
def test_a_width_is_that_of_the_drawn_text(text: str, size: float) -> None:
    with style.in_style(large=False):
        figure = style.blank(8, 2)
        figure.dpi = 600
        drawn = figure.text(0, 0, text, size=size)
        assert labels.width(text, size) == pytest.approx(drawn.get_window_extent().width / 600, rel=0.02)


def test_a_name_of_thousands_of_signs_is_not_tried_at_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def width(text: str, *_: object) -> float:
        tried.append(text)
        return float(len(text))

    monkeypatch.setattr(labels, "width", width)
    assert labels.shortened("n" * 5000, 20.0, 9) == "n" * 10 + "…" + "n" * 9
    assert len(tried) < 200


def test_a_shortened_text_fits_and_keeps_both_ends() -> None:
    short = labels.shortened("a name that somebody else's suite has chosen", 1.0, 9)
    assert labels.width(short, 9) <= 1
    assert (short[0], short[-1]) == ("a", "n")
    assert "…" in short


def test_what_cannot_be_seen_is_written_out() -> None:
    assert labels.fitted("a\x00b\u202f1") == "a\\x00b\u202f1"

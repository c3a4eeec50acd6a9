"""The page's pictures in a browser: drawn, asked by pointer and keys, enlarged, marked where simulated."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bench.analyze.report import report
from bench.render import figures, page
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded
from tests.render.browser.shown import NARROW, Shown

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_every_figure_is_drawn(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    pictures = tab.locator("figure .picture svg")
    assert pictures.count() == course.figures > 5
    for box in (pictures.nth(position).bounding_box() for position in range(course.figures)):
        assert box["width"] > 200
        assert box["height"] > 100
    tab.locator("#all tbody a").first.click()
    playwright.expect(tab.locator("dialog")).to_be_visible()  # it waits
    assert tab.locator("dialog svg circle").count() > 10


def test_a_figure_answers_a_pointer_and_the_arrow_keys(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    picture = tab.locator("[data-figure=workers]")
    picture.scroll_into_view_if_needed()
    marks = tab.evaluate("data.figures.workers")
    box, told = picture.bounding_box(), picture.locator(".told")
    x, y, name, value, key = marks[0]
    assert not told.is_visible()
    tab.mouse.move(box["x"] + x * box["width"] + 3, box["y"] + y * box["height"] - 3)
    playwright.expect(told).to_be_visible()  # it waits: a pointer's moves are told with the next picture
    assert told.inner_text() == f"{name}\n{value}"
    tab.mouse.move(box["x"] + 2, box["y"] + 2)
    playwright.expect(told).to_be_hidden()
    picture.focus()
    tab.keyboard.press("ArrowRight")
    assert told.inner_text() == f"{name}\n{value}"
    tab.keyboard.press("ArrowLeft")
    assert told.inner_text().startswith(marks[-1][2])
    tab.keyboard.press("Escape")
    assert not told.is_visible()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    playwright.expect(tab.locator("#details")).to_be_visible()  # it waits
    assert unquote(tab.evaluate("location.hash")) == f"#case={key}"


def test_a_figure_fits_a_phone_and_can_be_enlarged(tab: Any, course: Shown) -> None:
    tab.set_viewport_size(NARROW)
    tab.goto(course.url)
    figure = tab.locator("figure", has=tab.locator("[data-figure=workers]"))
    picture = figure.locator(".picture svg")
    assert picture.bounding_box()["width"] <= NARROW["width"]
    button = figure.get_by_role("button", name="Enlarge")
    button.focus()
    tab.keyboard.press("Enter")
    assert picture.bounding_box()["width"] > 1.5 * NARROW["width"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    tab.keyboard.press("Enter")
    assert picture.bounding_box()["width"] <= NARROW["width"]


def test_simulated_pages_say_so_in_every_picture(tab: Any, tmp_path: Path) -> None:
    made = report(
        [store.read_run(recorded.write(tmp_path / "run", made_cases.course()[:60], simulated=True))]
    )
    drawn = figures.draw(made)
    shown = Shown(tmp_path, page.render(made, drawn))
    tab.goto(shown.url)
    pictures = tab.locator("figure .picture svg")
    assert pictures.count() >= len(drawn) - 1 > 0  # that of moved data stands for the one without
    assert all("simulated" in pictures.nth(each).text_content() for each in range(pictures.count()))
    tab.locator("#all tbody a").first.click()
    playwright.expect(tab.locator("dialog")).to_be_visible()  # it waits
    drawings = tab.locator("dialog svg")
    assert drawings.count()
    assert all("simulated" in drawings.nth(each).text_content() for each in range(drawings.count()))

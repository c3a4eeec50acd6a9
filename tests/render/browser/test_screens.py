"""Pages for everybody: any screen, paper, without JavaScript, with a screen reader, in the dark."""

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.render.browser import axe
from tests.render.browser.shown import NARROW, WIDE, Shown

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


UNNAMED = """() => [...document.querySelectorAll("input, select, button, a, table, svg, section, dialog")]
    .filter((node) => node.checkVisibility() && !(
        node.innerText || node.getAttribute("aria-label") || node.getAttribute("aria-labelledby")
        || node.closest("[role=img]")?.getAttribute("aria-label")))
    .map((node) => node.outerHTML.slice(0, 80))"""
"""What a screen reader has no name for."""

CUT = """() => [...document.querySelectorAll("table, figure svg, p, li, dd")]
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.outerHTML.slice(0, 80))"""
"""What reaches beyond the paper or the screen."""


def test_sections_are_a_list_beside_and_a_menu_on_a_phone(browser: Any, course: Shown) -> None:
    opened = browser.new_page(viewport=WIDE, reduced_motion="reduce")  # it jumps
    opened.goto(course.url)
    sidebar = opened.locator(".sidebar")
    assert opened.locator(".menu").is_hidden()
    sidebar.get_by_role("link", name="Cases").click()
    playwright.expect(sidebar.locator("[aria-current]")).to_have_text("Cases")
    assert opened.locator("#all").bounding_box()["y"] < 100
    assert sidebar.bounding_box()["y"] == 0  # it stays
    opened.set_viewport_size(NARROW)
    assert sidebar.is_hidden()
    opened.locator(".menu summary").click()
    opened.locator(".menu").get_by_role("link", name="How far to trust it").click()
    assert opened.locator(".menu a").first.is_hidden()
    playwright.expect(opened.locator("#trust-title")).to_be_in_viewport()
    opened.close()


def test_paper_cuts_nothing_off(browser: Any, course: Shown) -> None:
    opened = browser.new_page(viewport={"width": 718, "height": 1000}, color_scheme="dark")  # A4 less margins
    opened.goto(course.url)
    opened.emulate_media(media="print")
    assert opened.evaluate(CUT) == []
    assert not any(opened.locator("input, select, .sidebar, .menu").nth(i).is_visible() for i in range(4))
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    opened.close()


def test_without_javascript_it_can_be_read(browser: Any, course: Shown) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(course.url)
    measured = course.made.cases["blocks"] > 0
    assert opened.locator("#all tbody tr").count() == measured.sum()
    assert "n = 1024, dtype = float32" in opened.locator("#all tbody").inner_text()
    assert opened.locator("#crossovers .matrix").first.is_visible()
    context.close()


def test_everything_has_a_name_for_screen_readers(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    assert tab.evaluate(UNNAMED) == []
    tab.locator("#all tbody a").first.click()
    playwright.expect(tab.locator("dialog")).to_be_visible()
    assert tab.evaluate(UNNAMED) == []
    levels = tab.locator("h1, main h2, main h3").evaluate_all(
        "nodes => nodes.map((node) => +node.tagName[1])"
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_is_seen_on_every_screen(browser: Any, course: Shown, colours: str, size: dict[str, int]) -> None:
    """Not blank, of the ground asked for, and no wider than the screen."""
    image = pytest.importorskip("PIL.Image")
    opened = browser.new_page(viewport=size, color_scheme=colours)
    opened.goto(course.url)
    picture = image.open(io.BytesIO(opened.screenshot())).convert("L")
    values = np.asarray(picture)
    assert (np.median(values) > 200) == (colours == "light")
    assert values.std() > 10
    assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for position in range(course.figures):
        shot = opened.locator("figure").nth(position).screenshot()
        assert np.asarray(image.open(io.BytesIO(shot)).convert("L")).std() > 3
    opened.close()


def found_on_every_screen(tab: Any, within: str = "html") -> dict[tuple[int, str], list[str]]:
    """What axe-core finds, by the screen's width and the ground, where it finds anything."""
    found = {}
    for size in (WIDE, NARROW):
        tab.set_viewport_size(size)
        for colours in ("light", "dark"):
            tab.emulate_media(color_scheme=colours, reduced_motion="reduce")
            found[size["width"], colours] = axe.findings(tab, within)
    return {screen: each for screen, each in found.items() if each}


def test_nothing_keeps_people_from_using_a_report(tab: Any, course: Shown) -> None:
    """By axe-core: its page, and within it a case's and a contest's details."""
    tab.goto(course.url)
    assert found_on_every_screen(tab) == {}
    for row in ("#all tbody a", "#crossovers td a"):
        tab.locator(row).first.click()
        playwright.expect(tab.locator("dialog")).to_be_visible()
        assert found_on_every_screen(tab, "dialog") == {}
        tab.get_by_label("Close").click()


def test_nothing_keeps_people_from_using_other_pages(tab: Any, past_page: Shown, profile_page: Shown) -> None:
    """By axe-core: those of histories and of a profile."""
    for other in (past_page, profile_page):
        tab.goto(other.url)
        assert found_on_every_screen(tab) == {}


def test_axe_finds_what_is_hard_to_read(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    tab.add_style_tag(
        content="h1, dialog :is(h2, h3) { color: #bbb !important; background: #fff !important; }"
    )
    assert any(found.startswith("color-contrast (serious)") for found in axe.findings(tab))
    tab.locator("#all tbody a").first.click()
    playwright.expect(tab.locator("dialog")).to_be_visible()
    assert any(found.startswith("color-contrast (serious)") for found in axe.findings(tab, "dialog"))


def test_a_question_and_its_answer_have_lines_of_their_own_on_a_phone(browser: Any, course: Shown) -> None:
    opened = browser.new_page(viewport=NARROW)
    opened.goto(course.url)
    for row in opened.locator(".decisions tbody tr").all():
        question, answer = row.locator("th").bounding_box(), row.locator("td").first.bounding_box()
        assert question["y"] + question["height"] <= answer["y"] + 1
    opened.close()

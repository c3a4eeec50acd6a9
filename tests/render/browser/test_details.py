"""What a page leads to in a browser: addresses, evidence, commands, by keyboard, whatever the names."""

import re
from typing import Any

import pytest

from tests.render.browser.shown import EVIL, Shown, first_column, table

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_a_command_is_copied(tab: Any, course: Shown) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(course.url)
    tab.locator("#all tbody a").first.click()
    tab.get_by_role("button", name="Copy").click()
    playwright.expect(tab.locator("dialog .command [role=status]")).to_have_text("copied")
    command = tab.evaluate("navigator.clipboard.readText()")
    assert command == tab.locator("dialog .command code").inner_text()
    assert command.startswith("bench run ")


def test_a_case_has_an_address(tab: Any, course: Shown) -> None:
    measured = course.made.cases[course.made.cases["blocks"] > 0]["case"].iat[0]
    tab.goto(course.url)
    tab.locator("#all tbody a").first.click()
    playwright.expect(tab.locator("dialog code").first).to_have_text(measured)  # it waits
    address = tab.url
    tab.goto("about:blank")
    tab.goto(address)
    playwright.expect(tab.locator("dialog")).to_be_visible()
    assert "bench run" in tab.locator("dialog").inner_text()
    tab.get_by_label("Close").click()
    playwright.expect(tab).not_to_have_url(re.compile("#case"))
    tab.goto(course.url + "#case=%E0%A4%A")  # cut off in the middle of a character
    playwright.expect(tab.locator("dialog")).to_be_hidden()


def test_answers_lead_to_evidence_and_on_to_cases(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    tab.locator("#answers a").first.click()
    playwright.expect(tab.locator("dialog")).to_be_visible()
    assert tab.locator("dialog svg circle").count() >= 2
    tab.locator("dialog summary").click()
    case = tab.locator("dialog li a").first
    name = case.inner_text()
    case.click()
    playwright.expect(tab.locator("dialog code").first).to_have_text(name)
    tab.go_back()
    playwright.expect(tab.locator("dialog h3").first).to_contain_text("How many times as fast")


def test_by_keyboard_alone(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    tab.keyboard.press("Tab")
    assert tab.locator(":focus").inner_text() == "Skip to the content"
    link = tab.locator("#all tbody a").nth(2)
    link.focus()
    tab.keyboard.press("Enter")
    playwright.expect(tab.locator("dialog")).to_be_visible()
    playwright.expect(tab.locator("#details-title")).to_be_focused()
    tab.keyboard.press("Escape")
    playwright.expect(tab.locator("dialog")).to_be_hidden()
    playwright.expect(link).to_be_focused()
    tab.locator("#all th button").first.focus()
    tab.keyboard.press("Space")
    assert tab.locator("#all th[aria-sort]").count() == 1


def test_names_that_are_markup_do_no_harm(tab: Any, course: Shown, past_page: Shown) -> None:
    tab.goto(course.url)
    table(tab, "all").get_by_role("searchbox").fill("alert(1)")
    tab.locator("#all tbody a", has_text=EVIL).click()
    playwright.expect(tab.locator("#details-title")).to_contain_text(EVIL)  # it waits
    tab.goto(past_page.url)
    tab.locator("#history .answers a").first.click()
    playwright.expect(tab.locator("#details-title")).to_contain_text(EVIL)  # it waits


def test_a_history_names_what_changed_and_draws_it(tab: Any, past_page: Shown) -> None:
    tab.goto(past_page.url)
    assert "Between run019" in tab.locator("#history .answers").inner_text()
    tab.locator("#history .answers a").first.click()
    playwright.expect(tab.locator("dialog svg circle")).to_have_count(40)
    assert tab.locator("dialog svg .change").count() == 1
    tab.get_by_label("Close").click()
    holder = table(tab, "history")
    holder.get_by_role("searchbox").fill("test_b[7]")
    assert first_column(holder) == ["test_b[7]"]

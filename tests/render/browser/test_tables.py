"""The page's tables in a browser: sorted, searched, filtered, folded; and crossings as a matrix."""

from pathlib import Path
from typing import Any

import pytest

from bench.analyze.report import report
from bench.render import page
from bench.storage import store
from tests import recorded_runs as recorded
from tests.made_cases import Made
from tests.render.browser.shown import Shown, cases_shown, first_column, table

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_sorting_by_number(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    cases = table(tab, "all")
    button = cases.get_by_role("button", name="time", exact=True)
    measured = course.made.cases[course.made.cases["blocks"] > 0]
    expected = list(measured.sort_values("median_s")["case"])
    button.click()
    assert cases_shown(cases) == expected[:25]
    assert cases.locator("th[aria-sort=ascending]").inner_text() == "time"
    button.click()
    assert cases_shown(cases) == expected[::-1][:25]
    assert cases.locator("th[aria-sort=descending]").count() == 1


def test_few_parameters_are_columns_of_their_own(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    cases = table(tab, "all")
    assert cases.locator("thead").inner_text().split("\t")[1] == "parameters"
    cases.get_by_role("searchbox").fill("bridge from_numpy")
    assert [each.strip() for each in cases.locator("thead th").all_inner_texts()][1:3] == ["how", "n"]
    cases.get_by_role("button", name="n", exact=True).click()
    sizes = cases.locator("tbody td:nth-child(3)").all_inner_texts()
    assert sizes == [
        f"{64 * 8**k:,}".replace(",", "\u202f") if k > 2 else str(64 * 8**k) for k in range(len(sizes))
    ]
    assert len(sizes) > 5
    cases.get_by_role("searchbox").fill("")
    assert "parameters" in cases.locator("thead").inner_text()


def test_search_asks_for_every_word_and_knows_other_words(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    cases = table(tab, "all")
    cases.get_by_role("searchbox").fill("MATMUL cuda")
    found = cases_shown(cases)
    assert found
    assert all("matmul" in name and "cuda" in name for name in found)
    assert cases.get_by_role("status").inner_text().startswith(f"{len(found)} of ")
    cases.get_by_role("searchbox").fill("matmul gpu")
    assert cases_shown(cases) == found
    for word, part in {"loader workers": "load_epoch", "ort": "onnxruntime", "pytorch": "torch"}.items():
        cases.get_by_role("searchbox").fill(word)
        shown = cases_shown(cases)
        assert shown
        assert all(part in name for name in shown)
    cases.get_by_role("searchbox").fill("nothing has this name")
    assert first_column(cases) == []


def test_what_was_not_measured_is_folded(tab: Any, course: Shown) -> None:
    made = course.made.cases
    failed = made[made["status"] == "failed"]["case"].iat[0]
    tab.goto(course.url)
    cases = table(tab, "all")
    cases.get_by_role("searchbox").fill("raises")
    assert cases_shown(cases) == []
    assert "1 that fit were not measured" in cases.get_by_role("status").inner_text()
    tab.locator("#failed a", has_text="raises").click()
    playwright.expect(tab.locator("dialog code").first).to_have_text(failed)
    assert "shapes do not match" in tab.locator("dialog").inner_text()


def test_filters_choose_by_column_and_by_family(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    cases = table(tab, "all")
    cases.get_by_label("Only rows whose device is").select_option("cuda")
    cases.get_by_role("searchbox").fill("forward")
    shown = cases_shown(cases)
    assert shown
    assert all("[cuda-" in name for name in shown)
    cases.get_by_role("searchbox").fill("")
    cases.get_by_label("Only rows whose device is").select_option("")
    tab.locator("#test_04_loader").get_by_role("link", name="The cases of this family").click()
    of_family = course.made.cases[course.made.cases["suite"] == "test_04_loader"]["case"]
    assert cases_shown(cases) == list(of_family)[:25]
    crossings = table(tab, "crossovers")
    crossings.get_by_label("Only rows whose outcome is").select_option("from_numpy throughout")
    assert set(crossings.locator("tbody td:nth-child(4)").all_inner_texts()) == {"from_numpy throughout"}


def test_more_rows_on_demand(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    cases = table(tab, "all")
    assert len(first_column(cases)) == 25
    cases.get_by_role("button", name="Show").click()
    assert len(first_column(cases)) == (course.made.cases["blocks"] > 0).sum()


def test_crossings_of_devices_are_a_matrix_that_leads_to_evidence(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    matrix = tab.locator("#crossovers .matrix").first
    assert matrix.locator("thead").inner_text().split("\t")[:2] == ["operation", "in place"]
    cell = matrix.locator("tr", has_text="matmul").locator("td").first
    assert "GPU from ≈" in cell.inner_text()
    cell.locator("a").click()
    playwright.expect(tab.locator("dialog h3").first).to_contain_text("How many times as fast")
    tab.get_by_label("Close").click()
    assert "matmul" not in "".join(
        row for row in first_column(table(tab, "crossovers")) if "threads" not in row
    )


LAST_OF_LINES = """(name) => {
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
  let last = "", top = NaN;
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    for (let at = 0; at < text.length; at++) {
      range.setStart(text, at); range.setEnd(text, at + 1);
      const now = range.getBoundingClientRect().top;
      if (now > top + 5) found.push(last);
      [last, top] = [text.data[at], now];
    }
  }
  return found;
}"""
"""The last sign of each line of an element but the last."""


@pytest.mark.parametrize("width", [390, 1280])
def test_cases_side_by_side_are_broken_between_words(tab: Any, tmp_path: Path, width: int) -> None:
    params = {"way": "from_numpy", "n": 64}
    name = Made("test_01_numpy_tensors", "share_or_copy_of_what_is_there", params, 1e-6)
    runs = [recorded.write(tmp_path / f"run of a long name {number}", [name]) for number in (1, 2)]
    shown = Shown(tmp_path, page.render(report([store.read_run(run) for run in runs]), {}))
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(shown.url)
    side_by_side = table(tab, "side-by-side")
    (ends,) = [each.evaluate(LAST_OF_LINES) for each in side_by_side.locator("tbody th").all()]
    assert set(ends) <= set("/_]:-")
    assert width > 1000 or ends
    assert first_column(side_by_side) == [name.id]

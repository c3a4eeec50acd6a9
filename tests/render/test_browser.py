"""The pages as a browser shows them: drawn, sorted, filtered, linked, reached by keyboard, harmless."""

import io
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from bench.analyze.report import report
from bench.analyze.runs.history import history
from bench.render import figures, history_page, page
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded
from tests.analyze.runs.past_runs import frame, headers
from tests.render import axe

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")

EVIL = "<script>alert(1)</script>"
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

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> "Shown":
    """The page of a run on two devices, with noisy, failed and skipped cases, and a name that is markup."""
    folder = tmp_path_factory.mktemp("page") / "run"
    made = report([store.read_run(recorded.write(folder, made_cases.course()))])
    assert any(EVIL in name for name in made.cases["case"])
    drawn = figures.draw(made)
    html = page.render(made, drawn)
    return Shown(folder, html, html.count("data-figure="), made)


@pytest.fixture(scope="module")
def past_page(tmp_path_factory: pytest.TempPathFactory) -> "Shown":
    runs = headers(40)
    evil = f"t.py::test_a[{EVIL}]"
    changed = frame(np.repeat([1.0, 1.3], 20), runs, case=evil)
    steady = [frame(np.full(40, 1.0), runs, case=f"t.py::test_b[{number}]") for number in range(30)]
    found = [series for cases in (changed, *steady) for series in history(cases, runs)]
    return Shown(tmp_path_factory.mktemp("past"), history_page.page(found, "reports"))


class Shown:
    """A page in a file, with what is expected of it."""

    def __init__(self, folder: Path, html: str, figures: int = 0, made: Any = None) -> None:
        self.file, self.figures, self.made = folder / "page.html", figures, made
        self.file.write_text(html, "utf-8")

    @property
    def url(self) -> str:
        return self.file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A fresh tab; the test fails if anything was said on its console, asked by a dialog, or fetched."""
    said: list[str] = []

    def refuse(dialog: Any) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    opened = browser.new_page(viewport=WIDE)
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", refuse)
    opened.on("request", lambda request: said.extend([request.url] * request.url.startswith("http")))
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()
    assert said == []


def table(tab: Any, section: str) -> Any:
    return tab.locator(f"#{section} .table")


def first_column(holder: Any) -> list[str]:
    return list(holder.locator("tbody th").all_inner_texts())


def cases_shown(holder: Any) -> list[str]:
    """The ids of the cases in a table, from the addresses that their rows lead to."""
    links = holder.locator("tbody th a").evaluate_all("links => links.map((link) => link.hash)")
    return [unquote(link.removeprefix("#case=")) for link in links]


def test_every_figure_is_drawn(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    pictures = tab.locator("figure .picture svg")
    assert pictures.count() == course.figures > 5
    for box in (pictures.nth(position).bounding_box() for position in range(course.figures)):
        assert box["width"] > 200
        assert box["height"] > 100
    tab.locator("#all tbody a").first.click()
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
    assert told.inner_text() == f"{name}\n{value}"
    tab.mouse.move(box["x"] + 2, box["y"] + 2)
    assert not told.is_visible()
    picture.focus()
    tab.keyboard.press("ArrowRight")
    assert told.inner_text() == f"{name}\n{value}"
    tab.keyboard.press("ArrowLeft")
    assert told.inner_text().startswith(marks[-1][2])
    tab.keyboard.press("Escape")
    assert not told.is_visible()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    assert unquote(tab.evaluate("location.hash")) == f"#case={key}"
    assert tab.locator("#details").is_visible()


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


def test_a_command_is_copied(tab: Any, course: Shown) -> None:
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(course.url)
    tab.locator("#all tbody a").first.click()
    tab.get_by_role("button", name="Copy").click()
    playwright.expect(tab.locator("dialog .command [role=status]")).to_have_text("copied")
    command = tab.evaluate("navigator.clipboard.readText()")
    assert command == tab.locator("dialog .command code").inner_text()
    assert command.startswith("bench run ")


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
    assert "#case" not in tab.url
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


def test_names_that_are_markup_do_no_harm(tab: Any, course: Shown, past_page: Shown) -> None:
    tab.goto(course.url)
    table(tab, "all").get_by_role("searchbox").fill("alert(1)")
    tab.locator("#all tbody a", has_text=EVIL).click()
    playwright.expect(tab.locator("#details-title")).to_contain_text(EVIL)  # it waits
    tab.goto(past_page.url)
    tab.locator("#history .answers a").first.click()
    playwright.expect(tab.locator("#details-title")).to_contain_text(EVIL)  # it waits


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


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_keeps_people_from_using_it(
    tab: Any, course: Shown, past_page: Shown, colours: str, size: dict[str, int]
) -> None:
    """By axe-core: the report's page, a case's and a contest's details, and a page of histories."""
    tab.emulate_media(color_scheme=colours, reduced_motion="reduce")
    tab.set_viewport_size(size)
    tab.goto(course.url)
    assert axe.findings(tab) == []
    for row in ("#all tbody a", "#crossovers td a"):
        tab.locator(row).first.click()
        playwright.expect(tab.locator("dialog")).to_be_visible()
        assert axe.findings(tab) == []
        tab.get_by_label("Close").click()
    tab.goto(past_page.url)
    assert axe.findings(tab) == []


def test_axe_finds_what_is_hard_to_read(tab: Any, course: Shown) -> None:
    tab.goto(course.url)
    tab.add_style_tag(content=".aside { color: #bbb !important; background: #fff !important; }")
    assert any(found.startswith("color-contrast (serious)") for found in axe.findings(tab))


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
    drawings = tab.locator("dialog svg")
    assert all("simulated" in drawings.nth(each).text_content() for each in range(drawings.count()))

"""A browser, and the pages that it opens."""

import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bench.analyze.report import report
from bench.analyze.runs.history import history
from bench.render import figures, history_page, page, profile
from bench.storage import store
from tests import made_cases
from tests import recorded_runs as recorded
from tests.analyze.profiles.made_traces import cuda_step, profile_of
from tests.analyze.runs.past_runs import frame, headers
from tests.render.browser.shown import EVIL, WIDE, Shown
from tests.waiting import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The page of a run on two devices, with noisy, failed and skipped cases, and a name that is markup."""
    folder = tmp_path_factory.mktemp("page") / "run"
    made = report([store.read_run(recorded.write(folder, made_cases.course()))])
    assert any(EVIL in name for name in made.cases["case"])
    drawn = figures.draw(made)
    html = page.render(made, drawn)
    return Shown(folder, html, html.count("data-figure="), made)


@pytest.fixture(scope="session")
def past_page(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    runs = headers(40)
    evil = f"t.py::test_a[{EVIL}]"
    changed = frame(np.repeat([1.0, 1.3], 20), runs, case=evil)
    steady = [frame(np.full(40, 1.0), runs, case=f"t.py::test_b[{number}]") for number in range(30)]
    found = [series for cases in (changed, *steady) for series in history(cases, runs)]
    return Shown(tmp_path_factory.mktemp("past"), history_page.page(found, "reports"))


@pytest.fixture(scope="session")
def profile_page(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The page of a profile with phases, operators, memory, stacks and a name that is markup."""
    return Shown(tmp_path_factory.mktemp("profile"), profile.page(profile_of(cuda_step())))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH")
    patience_ms = PATIENCE_S * 1000
    playwright.expect.set_options(timeout=patience_ms)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=patience_ms
        )
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
    opened.set_default_timeout(PATIENCE_S * 1000)
    yield opened
    opened.close()
    assert said == []

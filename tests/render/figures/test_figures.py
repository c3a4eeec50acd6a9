"""All figures of recorded and of made runs: nothing touches, nothing is cut, every point is in its place."""

import re
from pathlib import Path

import pytest

from bench.analyze.report import Report, report
from bench.render import figures, page
from bench.render.drawing import style
from bench.render.drawing.points import Drawing
from bench.storage import store
from tests import ROOT, made_cases
from tests import recorded_runs as recorded
from tests.made_cases import Made
from tests.render.figures import seen


def example(name: str, folder: Path) -> Report:
    """A committed example, read from its journal alone."""
    (folder / name).mkdir()
    journal = (ROOT / "reports" / name / "journal.jsonl.gz").read_bytes()
    (folder / name / "journal.jsonl.gz").write_bytes(journal)
    return report([store.read_run(folder / name)])


@pytest.fixture(scope="module", params=["example", "example-gpu", "made"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("runs")
    if request.param == "made":
        return report([store.read_run(recorded.write(folder / "run", made_cases.course()))])
    return example(request.param, folder)


@pytest.fixture(scope="module")
def drawings(made: Report) -> dict[str, Drawing]:
    found = {}
    for sketch in figures.sketches(made.runs[0], 1):
        with style.in_style(sketch.answer):
            if drawing := sketch.picture():
                found[sketch.name] = drawing
    return found


def test_no_label_touches_another(drawings: dict[str, Drawing]) -> None:
    touching = {name: found for name, each in drawings.items() if (found := seen.overlaps(each.figure))}
    assert touching == {}


def test_no_label_leaves_the_picture(drawings: dict[str, Drawing]) -> None:
    assert {name: out for name, each in drawings.items() if (out := seen.outside(each.figure))} == {}


def test_an_answer_has_few_labels_beside_its_curves(drawings: dict[str, Drawing]) -> None:
    for name, drawing in drawings.items():
        if drawing.figure.get_figwidth() == style.SLIDE_INCHES[0]:
            beside = [text for text in drawing.figure.axes[0].texts if text.get_position()[0] > 1]
            assert len({round(float(text.get_position()[1]), 3) for text in beside}) <= 14, name


def test_answers_are_16_to_9_with_text_for_the_back_row(drawings: dict[str, Drawing]) -> None:
    sizes_of = ((each.figure, tuple(each.figure.get_size_inches())) for each in drawings.values())
    slides = [figure for figure, size in sizes_of if size == style.SLIDE_INCHES]
    assert len(slides) >= 4
    for figure in slides:
        width, height = figure.get_size_inches()
        assert width / height == pytest.approx(16 / 9, abs=0.01)
        sizes = [float(text.get_fontsize()) for text in seen.texts(figure)]
        assert min(sizes) >= style.NOTE_SIZE


def test_every_point_is_in_its_picture_and_says_something(drawings: dict[str, Drawing]) -> None:
    for name, drawing in drawings.items():
        marks = drawing.marks()
        assert marks, name
        assert all(0 <= mark.x <= 1 and 0 <= mark.y <= 1 and mark.name and mark.told for mark in marks), name


def test_points_lead_to_cases_of_the_run(made: Report, drawings: dict[str, Drawing]) -> None:
    known = {*made.cases["case"], ""}
    assert {mark.case for drawing in drawings.values() for mark in drawing.marks()} <= known


@pytest.fixture(scope="module")
def drawn(made: Report) -> dict[str, figures.Drawn]:
    return figures.draw(made)


def test_the_page_has_the_points_of_all_figures_and_is_small(
    made: Report, drawn: dict[str, figures.Drawn]
) -> None:
    html = page.render(made, drawn)
    placed = re.findall(r'data-figure="([^"]+)"', html)
    assert len(placed) == len(set(placed)) > 5
    assert set(placed) <= set(drawn)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert len(html) < 2_000_000


def test_figures_follow_the_ground_of_the_page(drawn: dict[str, figures.Drawn]) -> None:
    svg = next(iter(drawn.values())).svg.decode()
    for colour in (style.INK, style.GROUND):
        assert f": {colour}" not in svg
    assert "var(--c" in svg
    assert "\n" not in svg, "a picture in a page needs no indents"
    assert "currentColor" in svg


def test_pictures_keep_no_digits_that_nobody_sees_and_all_that_they_say() -> None:
    with style.in_style(large=False):
        figure = style.blank(3, 2)
        figure.text(1 / 3, 1 / 7, "0.12345 ms", rotation=0)
        svg = style.saved(figure, [])["svg"].decode()
    assert ">0.12345 ms</text>" in svg
    tags = "".join(re.findall("<[^>]+>", svg))
    assert not re.search(r"\.\d{3}", tags)
    assert 'x="72" y="123.42"' in tags
    assert "rotate" not in tags
    assert svg.count("DejaVu Sans") == 1


def test_a_run_of_nothing_has_no_figures(tmp_path: Path) -> None:
    skipped = Made("test_a", "a", {"n": 1}, 1.0, skip="not today")
    drawn = figures.draw(report([store.read_run(recorded.write(tmp_path / "run", [skipped]))]))
    assert drawn == {}


def roofs(drawings: dict[str, Drawing]) -> dict[str, Drawing]:
    return {name: each for name, each in drawings.items() if name.startswith("roofline")}


def test_no_two_operations_look_alike_under_the_roofs(drawings: dict[str, Drawing]) -> None:
    for drawing in roofs(drawings).values():
        legend = drawing.figure.axes[0].get_legend()
        assert legend
        looks = [(line.get_color(), line.get_marker()) for line in legend.get_lines()]
        assert len(set(looks)) == len(looks)


def test_the_names_of_roofs_stand_beside_the_points_and_within_the_axes(drawings: dict[str, Drawing]) -> None:
    for drawing in roofs(drawings).values():
        (axes,) = drawing.figure.axes
        drawing.figure.draw_without_rendering()
        points = axes.transData.transform([(point.x, point.y) for point in drawing.points[0][1]])
        for text in (each for each in axes.texts if each.get_horizontalalignment() == "right"):
            box = text.get_window_extent()
            assert not [tuple(at) for at in points if box.contains(*at)], text.get_text()
            assert box.x0 >= axes.bbox.x0, text.get_text()

"""Crossings of devices as a matrix: every contest of devices in one place, as its record has it."""

from pathlib import Path

import pytest

from bench.analyze.estimates.confidence import of_crossing
from bench.analyze.names import contender
from bench.analyze.report import Report, report
from bench.render.parts import matrix
from bench.storage import store
from tests import ROOT, made_cases
from tests import recorded_runs as recorded


@pytest.fixture(scope="module", params=["made", "recorded"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A made run on two devices, and a real one on a GPU."""
    if request.param == "recorded":
        return report([store.read_run(ROOT / "reports" / "example-gpu")])
    folder = tmp_path_factory.mktemp("run") / "run"
    return report([store.read_run(recorded.write(folder, made_cases.course()))])


def test_every_contest_of_devices_has_one_place(made: Report) -> None:
    cells = [
        cell for each in matrix.matrices(made.choices) for row in each.rows for cell in row.cells if cell
    ]
    expected = {str(i) for i, contest in enumerate(made.contests) if matrix.placed(contest)}
    assert sorted(cell.key for cell in cells) == sorted(expected)
    assert len(expected) > 10
    assert all(
        len(row.cells) == len(each.columns) for each in matrix.matrices(made.choices) for row in each.rows
    )


def test_a_cell_says_what_its_contest_says(made: Report) -> None:
    for each in matrix.matrices(made.choices):
        for row in each.rows:
            for column, cell in zip(each.columns, row.cells, strict=True):
                if cell is None:
                    continue
                contest = made.contests[int(cell.key)]
                crossing = contest.crossing
                assert crossing.operation.replace("_", " ") == row.operation
                form = crossing.definition.partition(" ")[2].replace("_", " ") or "in place"
                assert form == column
                if crossing.state == "crosses_at":
                    rough = of_crossing(crossing.low or 0, crossing.high or 0) != "unsettled"
                    where = "≈ " if rough else "between "
                    begin = f"{contender('device', crossing.challenger)} from {where}"
                    assert cell.outcome.startswith(begin)
                    assert bool(cell.interval) == rough
                if cell.winner:
                    ahead = contest.ratio[-1] > 1
                    assert cell.winner == (crossing.challenger if ahead else crossing.incumbent)
                    assert "×" in cell.gain
                if cell.outcome == "not settled":
                    assert (cell.side, cell.confidence) == ("none", "unsettled")


def test_a_contest_is_as_sure_in_the_matrix_as_in_its_row(made: Report) -> None:
    """The recorded run has contests that are settled at their largest sizes alone."""
    contest_at = {str(i): contest for i, contest in enumerate(made.contests)}
    sure = {
        id(claim.evidence): claim.confidence
        for part in made.runs
        for answer in part.answers
        for claim in answer.claims
    }
    cells = [
        cell for each in matrix.matrices(made.choices) for row in each.rows for cell in row.cells if cell
    ]
    quoted = [cell for cell in cells if id(contest_at[cell.key]) in sure]
    assert len(quoted) > 5
    assert all(cell.confidence == sure[id(contest_at[cell.key])] for cell in quoted)


def test_without_an_accelerator_there_is_none(tmp_path: Path) -> None:
    made = report([store.read_run(recorded.write(tmp_path / "run", made_cases.course(None)))])
    assert matrix.matrices(made.choices) == []

"""What `bench list` says of a run to come: what would be skipped, and how long the rest would take."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.app import forecast
from bench.measure.drive.plan import PRESETS
from bench.measure.host.processor import cpu
from bench.measure.worker.protocol import Collected
from bench.records import Case
from bench.storage.journal import Journal
from tests import made_cases
from tests import recorded_runs as recorded

MADE = [made for made in made_cases.course(accelerator=None) if made.suite == "test_03_matmul"]
CASES = tuple(Case(made.id, made.suite, made.operation) for made in MADE)
ABSENT = "no accelerator: none on this machine"


def write(folder: Path, environment: Mapping[str, Any], **gate: Any) -> Path:
    """A run of the made cases, on a machine with these facts."""
    about = replace(recorded.header(folder.name), environment=environment, **gate)
    with Journal.create(folder, about) as journal:
        for event in recorded.events(MADE):
            journal.append(event)
    return folder


@pytest.fixture
def here() -> dict[str, Any]:
    """The facts of this machine that a header has."""
    return {"cpu": cpu(), "memory_bytes": psutil.virtual_memory().total}


def test_what_needs_an_accelerator_is_counted_with_its_reason(tmp_path: Path) -> None:
    missing = [Case(f"s.py::test_a[accelerator-{n}]", "s", "a", "accelerator") for n in range(2)]
    skips = {case.id: ABSENT for case in missing} | {CASES[0].id: "too old"}
    counted, *skipped, _ = forecast.lines(Collected((*CASES, *missing), skips), "default", tmp_path)
    assert counted == f"{len(CASES) + 2} cases: {len(CASES) - 1} on cpu"
    assert skipped == [
        "1 would be skipped: too old", f"2 need an accelerator and would be skipped: {ABSENT}"
    ]  # fmt: skip
    nothing = forecast.lines(Collected((*missing,), skips), "default", tmp_path)
    assert nothing[0] == "2 cases: none to measure here"
    assert len(nothing) == 2


@pytest.mark.parametrize(("preset", "most"), [("quick", "90 s at most"), ("default", "6 min at most")])
def test_without_a_past_run_a_preset_s_deadline_is_told(tmp_path: Path, preset: str, most: str) -> None:
    *_, time = forecast.lines(Collected(CASES), preset, tmp_path)
    assert most in time
    assert f"a run of this machine in {tmp_path}/ would tell more" in time


def test_a_past_run_of_this_machine_tells_how_long_cases_take(tmp_path: Path, here: dict[str, Any]) -> None:
    run = write(tmp_path / "20260102-here", here)
    write(tmp_path / "20260103-gate", here, gate={"base": {}})
    other = {**here, "memory_bytes": here["memory_bytes"] + 2**34}
    write(tmp_path / "20260104-other", other)
    *_, time = forecast.lines(Collected(CASES), "thorough", tmp_path)
    assert "no deadline" in time
    assert time.endswith(f"by what these cases took in {run}")


def test_twice_as_many_cases_need_twice_the_time_up_to_the_deadline(
    tmp_path: Path, here: dict[str, Any]
) -> None:
    (past,) = (ledger for _, ledger in forecast.past(write(tmp_path / "run", here).parent))
    preset = PRESETS["thorough"]
    whole_s = forecast.needed_s(CASES, preset, past)
    alike = [replace(case, id=f"{case.id}-again") for case in CASES]
    assert 0 < sum(forecast.needed_s([case], preset, past) for case in CASES) == pytest.approx(whole_s)
    assert forecast.needed_s([*CASES, *alike], preset, past) == pytest.approx(2 * whole_s)
    assert forecast.needed_s(alike, preset, past) == 0
    *_, time = forecast.lines(Collected((*CASES, *alike * 1000)), "default", tmp_path)
    assert "6 min at most, report included; about 6 min" in time


def test_a_forecast_heeds_minutes_and_launches_as_a_run_does(tmp_path: Path, here: dict[str, Any]) -> None:
    (past,) = (ledger for _, ledger in forecast.past(write(tmp_path / "run", here).parent))
    once, twenty = (forecast.needed_s(CASES, PRESETS["default"], past, launches) for launches in (1, 20))
    assert twenty > 10 * once > 0
    *_, time = forecast.lines(Collected(CASES), "thorough", tmp_path, minutes=60)
    assert time.startswith("--preset thorough --minutes 60 takes 60 min at most, report included; about ")


@pytest.mark.parametrize(
    ("seconds", "words"), [(4, "10 s"), (90, "90 s"), (101, "2 min"), (360, "6 min"), (10_000, "3 h")]
)
def test_a_forecast_has_few_digits(seconds: float, words: str) -> None:
    assert forecast.duration(seconds) == words

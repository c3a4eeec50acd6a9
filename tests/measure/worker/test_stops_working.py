"""A case that stops working: the exception is the case's whenever it comes; all cost one more launch."""

from pathlib import Path

import pandas as pd
import pytest

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Launch, Note, Visit
from bench.measure.drive.plan import Preset
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests import recorded_runs as recorded
from tests.measure.builders import Events, measured, suite

SUITE = """
import time
import pytest

@pytest.mark.parametrize("tickets", [1, 2, 3, 30, 3000])
def test_tickets(benchmark, tickets):
    left = list(range(tickets))
    benchmark(left.pop)

def test_caught(benchmark):
    with pytest.raises(KeyError):
        benchmark(lambda: {}["missing"])

def test_spent(benchmark):
    numbers = iter(range(200_000))
    benchmark(sum, numbers)

built = []

def kernel():
    if not built:
        built.append(time.sleep(1.0))  # compiled once, at the first call
    return sum(range(1000))

def test_compiles(benchmark):
    benchmark(kernel)

def test_good(benchmark):
    benchmark(sum, range(100_000))  # so long that no machine delays one a thousandfold
"""

BRIEF = Preset("quick", 2, float("inf"), 100.0, 0.3, 60.0)
"""Calls of more than 0.3 s belong to a longer preset: a busy machine delays none of these so long."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Events:
    return measured(suite(tmp_path_factory.mktemp("suite"), SUITE), preset=BRIEF)


def visits(events: Events, name: str) -> list[Visit]:
    return [event for event in events if isinstance(event, Visit) and f"::test_{name}" in event.case]


@pytest.mark.parametrize("tickets", [1, 2, 3, 30, 3000])
def test_calls_that_raise_later_fail_their_case_alone(events: Events, tickets: int) -> None:
    (visit,) = visits(events, f"tickets[{tickets}]")
    assert visit.outcome == "failed"
    assert "IndexError: pop from empty list" in visit.message
    assert {each.outcome for each in visits(events, "good")} == {"passed"}
    launches = [event for event in events if isinstance(event, Launch)]
    assert len(launches) == 2 + 1, "one more, in which what failed behind others is tried once more"
    (tried,) = {each.launch for each in events if isinstance(each, Visit) and each.outcome == "failed"} - {0}
    assert visit.launch in (0, tried)


def test_a_call_that_raises_into_its_test_is_not_timed(events: Events) -> None:
    (visit,) = visits(events, "caught")
    assert visit.outcome == "failed"
    assert visit.message == "the call raised, and its test caught it: nothing was timed\nKeyError: 'missing'"


def test_a_slow_first_call_judges_no_case(events: Events) -> None:
    first, *_ = visits(events, "compiles")
    assert first.blocks[0].kind == "first"
    assert first.blocks[0].wall_s > 0.99
    assert [block.calls for block in first.blocks if block.kind == "wall"]


def test_a_test_that_vanished_before_a_run_goes_on_is_skipped(tmp_path: Path) -> None:
    stays, goes = (f"def test_{name}(benchmark):\n    benchmark(sum, [1])\n" for name in ("stays", "goes"))
    past = measured(suite(tmp_path, stays + goes), launches=1)
    added = measured(suite(tmp_path, stays), launches=2, past=past)
    assert len([event for event in added if isinstance(event, Launch)]) == 1, "no worker is lost"
    assert {each.outcome for each in visits(added, "stays")} == {"passed"}
    (gone,) = visits(added, "goes")
    assert (gone.outcome, gone.message.partition(":")[0]) == ("skipped", "not collected any more")


def timed(events: Events, name: str) -> int:
    """How many blocks there are that may count."""
    return sum(block.kind == "wall" for visit in visits(events, name) for block in visit.blocks)


def read(events: Events, folder: Path) -> pd.DataFrame:
    """The cases of a run of these events."""
    with Journal.create(folder, recorded.header()) as journal:
        for event in events:
            journal.append(event)
    return AnalyzedRun(read_run(folder)).cases.set_index("operation")


def test_a_test_that_changed_before_a_run_goes_on_is_measured_anew(tmp_path: Path) -> None:
    stays = "def test_stays(benchmark):\n    benchmark(sum, [1])\n"
    before, after = "    raise KeyError('data')\n", "    benchmark(sum, [2])\n"
    changed, slow = "def test_fixed(benchmark):\n", "    benchmark(sum, range(10_000))\n"
    other = "def test_faster(benchmark):\n"
    past = measured(suite(tmp_path, changed + before + stays + other + slow), launches=1)
    added = measured(suite(tmp_path, changed + after + stays + other + after), launches=1, past=past)
    notes = [event.text for event in added if isinstance(event, Note)]
    assert notes == [
        "test_it.py::test_fixed, test_it.py::test_faster changed since the run began: measured anew; what "
        "was measured before does not count"
    ]
    cases = read([*past, *added], tmp_path / "run")
    assert set(cases["status"]) <= {"ok", "noisy"}
    assert timed(past, "faster")
    assert cases.loc["faster", "blocks"] == timed(added, "faster")
    assert cases.loc["fixed", "failed_visits"] == 0
    again = measured(tmp_path, launches=1, past=[*past, *added])
    assert not [event for event in again if isinstance(event, Note | Visit)], "it is told once"


def test_the_frame_says_what_failed_and_what_is_spent(events: Events, tmp_path: Path) -> None:
    cases = read(events, tmp_path / "run")
    assert set(cases.loc["tickets", "status"]) == {"failed"}
    assert cases.loc["good", "status"] in ("ok", "noisy")
    assert "its calls change their input" in cases.loc["spent", "warnings"]
    assert "its calls change their input" not in cases.loc["good", "warnings"]

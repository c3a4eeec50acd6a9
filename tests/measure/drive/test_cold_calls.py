"""`pedantic(rounds=1)` asks for a cold call: one in each process, and told as such."""

from pathlib import Path

from bench.analyze.analyzed import AnalyzedRun
from bench.events import Visit
from bench.storage.journal import Journal
from bench.storage.store import read_run
from tests import recorded_runs as recorded
from tests.measure.builders import measured, suite

SUITE = """
import time

loaded = []

def load():
    if not loaded:
        loaded.append(time.sleep(0.1))
    return sum(range(10_000))

def test_cold(benchmark):
    benchmark.pedantic(load, rounds=1)

def test_warmed_up(benchmark):
    benchmark.pedantic(sum, args=(range(10_000),), rounds=1, warmup_rounds=1)
"""


def test_a_single_round_is_the_cold_call_of_each_launch(tmp_path: Path) -> None:
    events = measured(suite(tmp_path, SUITE), launches=2)
    cold = [event for event in events if isinstance(event, Visit) and event.case.endswith("cold")]
    assert [[(block.kind, block.calls) for block in visit.blocks] for visit in cold] == [[("wall", 1)]] * 2
    assert [visit.launch for visit in cold] == [0, 1]
    assert min(visit.blocks[0].wall_s for visit in cold) > 0.099
    with Journal.create(tmp_path / "run", recorded.header()) as journal:
        for event in events:
            journal.append(event)
    told = AnalyzedRun(read_run(tmp_path / "run")).cases.set_index("operation")["warnings"]
    assert "a cold call: the first in each process" in told["cold"]
    assert "a cold call" not in told["warmed_up"]

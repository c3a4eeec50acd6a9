"""What wants a run's time, and whether there is anything left to measure."""

import math

from bench.measure.drive.entry import Entry, Lifecycle, Timing, Visited
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Plan, Preset
from bench.measure.drive.schedule import Schedule
from bench.measure.start.process import Spec
from bench.records import Case


def schedule(sizes: list[int], near: list[float]) -> Schedule:
    """Cases at these sizes that need no more visits, in a run that goes on near those sizes."""
    ledger, counts = Ledger(), dict.fromkeys(range(5), 99)
    for n in sizes:
        case = Case(f"t.py::test_x[{n}]", "t", "x", params={"n": n}, axis="n", between="way")
        visited = Visited(counts, dict.fromkeys(counts, 0.0), 1e-9)
        timing = Timing(call_s=1e-3, visited=visited, kinds=frozenset({"wall"}))
        ledger.entries[case.id] = Entry(case, timing, lifecycle=Lifecycle(counts))
    plan = Plan(Spec(()), Preset("default", 9, math.inf, 10.0, 2.0, 30.0))
    return Schedule(plan, ledger, math.inf, near={"t.py::test_x": {"n": near}})


def test_a_size_that_no_worker_has_collected_yet_is_still_to_come() -> None:
    """Its neighbours are known well enough, and want nothing."""
    open_ = schedule([64, 128], [64, 96, 128])
    assert not open_.claims()
    assert open_.uncollected()
    assert not schedule([64, 96, 128], [64, 96, 128]).uncollected()

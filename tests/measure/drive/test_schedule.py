"""What wants a run's time, and whether there is anything left to measure."""

import math
import random

import pytest

from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing, Visited
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import PRESETS, Plan, Preset
from bench.measure.drive.policy import TYPICAL_VISIT_S, next_pass
from bench.measure.drive.schedule import DEVICE_VISITS, Schedule, kept_before_s
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


def comparing(devices: tuple[str, ...], visits: int, cost_s: float, deadline_s: float = 300.0) -> Schedule:
    """Cases of one operation at three sizes on these devices, each visited so often; one of no contest."""
    ledger = Ledger()
    for device in devices:
        for n in (1, 2, 3):
            case = Case(f"t.py::test_x[{device}-{n}]", "t", "x", device, {"n": n}, "n", "device")
            cost = Cost(cost_s, cost_s) if visits else Cost()
            ledger.entries[case.id] = Entry(
                case, lifecycle=Lifecycle({0: visits} if visits else {}), cost=cost
            )
    other = Case("t.py::test_y", "t", "y")
    ledger.entries[other.id] = Entry(other)
    return Schedule(Plan(Spec(()), Preset("default", 9, deadline_s, 0.1, 2.0, 30.0)), ledger, deadline_s)


def test_time_is_kept_for_comparing_devices_before_all_others_are_seen() -> None:
    """Beside a GPU one round of all cases took two thirds of a run, and every device's case had one visit."""
    assert comparing(("cpu",), 1, 0.5).kept_s() == 0.0, "there is nothing to compare"
    assert comparing(("cpu", "cuda"), DEVICE_VISITS, 0.5).kept_s() == 0.0
    assert comparing(("cpu", "cuda"), 4, 0.5).kept_s() == pytest.approx(6 * 6 * 0.5)
    assert comparing(("cpu", "cuda"), 0, 0.0).kept_s() == pytest.approx(6 * DEVICE_VISITS * TYPICAL_VISIT_S)
    assert comparing(("cpu", "cuda"), 1, 99.0).kept_s() == 150.0, "half of the run, and no more"


def test_a_case_that_no_answer_rests_on_leaves_the_time_that_is_kept() -> None:
    assert kept_before_s(Entry(Case("plain", "t", "x")), 40.0) == 40.0
    assert kept_before_s(Entry(Case("way", "t", "x", "cpu", {"n": 1}, "n", "way")), 40.0) == 0.0


def test_devices_are_compared_first() -> None:
    cases = {
        "plain": Case("plain", "t", "x"),
        "way": Case("way", "t", "x", "cpu", {"n": 1}, "n", "way"),
        "device": Case("device", "t", "x", "cpu", {"n": 2}, "n", "device"),
    }
    order = next_pass([Entry(case) for case in cases.values()], 0, 0.1, 10.0, random.Random(1))
    assert [entry.case.id for entry in order] == ["device", "way", "plain"]


def test_minutes_take_in_the_report_and_leave_rounds_most_of_the_time() -> None:
    assert PRESETS["default"].within(6) == PRESETS["default"]
    for preset in PRESETS.values():
        for minutes in (1, 10, 600):
            within = preset.within(minutes)
            assert within.deadline_s + within.report_s == 60 * minutes
            assert 6 * within.refining_s <= within.deadline_s
            assert bool(within.refining_s) == bool(preset.refining_s)

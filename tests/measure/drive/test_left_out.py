"""What a run says it has left out, and what the longest preset would take."""

from dataclasses import replace

import pytest

from bench.events import Skip
from bench.measure.drive import left_out
from bench.measure.drive.entry import Cost, Entry, Lifecycle, Timing, Visited
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import PRESETS
from bench.measure.drive.worth import Scatter, Typical, seconds_to
from bench.records import Case

DEFAULT = PRESETS["default"]


def ledger(cases: int = 4, later_s: float = 0.1) -> Ledger:
    """Cases that were visited; each needs what the constants for a run's scatter give."""
    made = Ledger()
    for number in range(cases):
        name = f"t.py::test_{number}"
        made.entries[name] = Entry(
            Case(name, "t", "o"),
            Timing(call_s=1e-3, visited=Visited({0: 1}, {0: 0.0})),
            lifecycle=Lifecycle({0: 1}),
            cost=Cost(2 * later_s, later_s),
        )
    return made


def test_nothing_left_out_is_not_mentioned() -> None:
    assert left_out.note(DEFAULT, ledger(), 0) is None
    assert left_out.note(PRESETS["thorough"], ledger(), 9) is None
    assert left_out.note(DEFAULT, Ledger(), 9) is None, "what was timed tells the time of the rest"


def test_what_was_left_out_is_counted_with_what_it_would_take() -> None:
    made = ledger()
    made.learn(Skip("t.py::test_0", left_out.too_long(3.94)))
    made.learn(Skip("t.py::test_1", "no accelerator"))
    assert made.skips["t.py::test_0"] == "about 3.9 s a call; `--preset thorough` measures it"
    note = left_out.note(DEFAULT, made, 12)
    assert note is not None
    each_s = seconds_to(made.entries["t.py::test_2"], Typical(), 0.02, 30)
    minutes = 4 * each_s * (1 + 12 / 4) / 60
    assert note.text == (
        "left out: 12 sizes and cases that a longer preset measures as well, and 1 whose calls take more than"
        f" 2.5 s; `--preset thorough` takes about {minutes:.0f} min"
    )


def test_the_time_to_a_target_is_that_of_the_visits_it_takes() -> None:
    """Half of the variance from each level: 2 x (1.96 x 0.1 / 0.05)^2 is 31 visits, in 8 launches."""
    [entry] = ledger(1).entries.values()
    assert seconds_to(entry, Typical(Scatter(0.1, 0.05)), 0.05, 30) == pytest.approx(8 * 0.2 + (31 - 8) * 0.1)
    assert seconds_to(entry, Typical(Scatter(0.1, 0.0)), 0.05, 30) == pytest.approx(3 * 0.2 + (31 - 3) * 0.1)
    assert seconds_to(entry, Typical(Scatter(9.0, 0.0)), 0.05, 30) == pytest.approx(3 * 0.2 + 33 * 0.1), (
        "at most"
    )
    long = replace(entry, timing=replace(entry.timing, call_s=2.0))
    assert seconds_to(long, Typical(Scatter(0.1, 0.05)), 0.05, 30) == pytest.approx(8 * 0.2), (
        "one visit a launch"
    )

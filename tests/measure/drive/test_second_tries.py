"""A case that fails behind others in its process is tried once more in a new one before it is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from bench.events import Code, HeldBack, Launch, Note, Outcome, Visit
from bench.measure.drive.entry import Entry
from bench.measure.drive.second_tries import SecondTries
from bench.records import Case
from tests.measure.builders import FAST, Events, measured, outcomes, suite

FIRST_ONLY = """
import pytest
ran = []

@pytest.mark.parametrize("n", [1, 2, 3])
def test_it(benchmark, n):
    others = {*ran} - {n}
    ran.append(n)
    benchmark(sum, [n])
    assert not others, f"ran after {others}"
"""
"""Each test works unless another was there before it in its process."""


T = TypeVar("T")


def of_type(events: Events, type_: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, type_)]


def test_what_fails_behind_others_counts_where_it_works_alone(tmp_path: Path) -> None:
    text = FIRST_ONLY.replace("[1, 2, 3]", "[1, 2]")
    events = measured(suite(tmp_path, text), launches=2, preset=replace(FAST, target=1e-9))
    visits = of_type(events, Visit)
    passed = {visit.case for visit in visits if visit.outcome == "passed" and visit.blocks}
    assert len(passed) == 2
    (note,) = of_type(events, Note)
    (victim,) = [case for case in passed if note.text.startswith(case)]
    (other,) = passed - {victim}
    assert f"{victim} failed in a process after {other} (" in note.text
    assert "assert not {" in note.text or "ran after" in note.text
    of_victim = [visit for visit in visits if visit.case == victim]
    assert {visit.outcome for visit in of_victim} == {"passed"}  # the failure is not recorded
    assert [visit.launch for visit in of_victim] == [1, 2]  # once a launch, before the others


def test_what_fails_in_its_second_try_has_failed(tmp_path: Path) -> None:
    """Of three that exclude each other two fail at first; the latest of them has the second try to itself."""
    events = measured(suite(tmp_path, FIRST_ONLY), launches=1)
    passed = {visit.case for visit in of_type(events, Visit) if visit.outcome == "passed" and visit.blocks}
    (failed,) = {case.id for case in of_type(events, Case)} - passed
    assert [visit.launch for visit in of_type(events, Visit) if visit.case == failed] == [1]
    assert len(of_type(events, Note)) == 1
    assert len(of_type(events, Launch)) == 2


def test_a_run_that_goes_on_tries_once_more_what_failed_before_it_was_cut(tmp_path: Path) -> None:
    folder = suite(tmp_path, FIRST_ONLY.replace("[1, 2, 3]", "[1, 2]"))
    events = measured(folder, launches=1)
    (held,) = of_type(events, HeldBack)
    rest = measured(folder, launches=1, past=events[: events.index(held) + 1])
    assert not of_type(rest, HeldBack)
    assert next((each.case, each.outcome) for each in of_type(rest, Visit)) == (held.case, "passed")
    (note,) = of_type(rest, Note)
    assert note.text.startswith(f"{held.case} failed in a process after {held.before[0]} (")


def test_a_round_that_was_made_before_gives_up_no_second_try(tmp_path: Path) -> None:
    folder = suite(tmp_path, FIRST_ONLY.replace("[1, 2, 3]", "[1]"))
    events = measured(folder, launches=1)
    (case,) = [case.id for case in of_type(events, Case)]
    lost = HeldBack(case, ("another",), (Visit(case, 1, outcome="died", message="killed"),))
    rest = measured(folder, launches=2, past=[*events, lost])
    assert {visit.outcome for visit in of_type(rest, Visit)} == {"passed"}
    assert len(of_type(rest, Note)) == 1


@pytest.mark.parametrize(("tests", "launches"), [(["bad"], 1), (["bad", "good"], 2), (["good"], 1)])
def test_what_fails_without_others_is_not_tried_again(
    tmp_path: Path, tests: Sequence[str], launches: int
) -> None:
    """Beside others it is, at most once."""
    bodies = {"bad": "    assert 0", "good": "    benchmark(sum, [1])"}
    text = "import pytest\nran = []\n"
    for name in tests:
        text += f"def test_{name}(benchmark):\n    ran.append(1)\n{bodies[name]}\n"
    events = measured(suite(tmp_path, text), launches=1)
    assert outcomes(events) == {f"test_{name}": {"bad": "failed", "good": "passed"}[name] for name in tests}
    assert len(of_type(events, Launch)) <= launches
    assert len([visit for visit in of_type(events, Visit) if visit.outcome == "failed"]) == ("bad" in tests)
    assert not of_type(events, Note)


def test_what_breaks_pytest_itself_costs_no_neighbour(tmp_path: Path) -> None:
    """Its process ends at the next test, which is tried again before anything else."""
    broken = (
        "import pathlib\ndef test_breaks(benchmark):\n    pathlib.Path.exists = None\n    benchmark(int)\n"
    )
    suite(tmp_path, broken, "test_b.py")
    good = "".join(f"def test_{name}(benchmark):\n    benchmark(sum, [1])\n" for name in "acde")
    events = measured(suite(tmp_path, good), launches=1)
    assert all(any(visit.blocks for visit in of_type(events, Visit) if visit.case == case.id)
               for case in of_type(events, Case))  # fmt: skip


# By itself.


def entry(name: str) -> Entry:
    return Entry(Case(name, "t", name))


def visit(name: str, outcome: Outcome = "passed", message: str = "") -> Visit:
    return Visit(name, 0, outcome=outcome, message=message)


@pytest.fixture
def tries() -> SecondTries:
    """In a launch in which three cases have failed behind a good one."""
    tries = SecondTries()
    tries.begin()
    assert not tries.holds(entry("good"), [visit("good")])
    for name in ("one", "two", "three"):
        assert tries.holds(entry(name), [visit(name, "failed", f"E   of {name}\nt.py:1: Error")])
    return tries


def names(order: Sequence[Entry]) -> list[str]:
    return [each.case.id for each in order]


def test_what_is_held_back_waits_for_another_launch_and_comes_first_there(tries: SecondTries) -> None:
    entries = [entry(name) for name in ("one", "good", "two", "three")]
    assert names(tries.order(entries, 0)) == ["good"]
    tries.begin()
    assert names(tries.order(entries, 1)) == ["three", "two", "one", "good"]


def test_a_run_that_goes_on_knows_what_was_held_back_and_what_came_of_it() -> None:
    tries = SecondTries()
    for name in ("a", "b", "c.py::test_c"):
        tries.learn(HeldBack(name, ("good",), (visit(name, "failed"),)))
    tries.learn(visit("a"))
    tries.learn(Code("c.py::test_c", "changed"))
    assert (list(tries.held), tries.victims) == (["b"], ["a"])
    assert not tries.holds(entry("b"), [visit("b", "failed")])  # a third try is not made
    assert names(tries.order([entry(name) for name in ("good", "b", "a")], 1)) == ["b", "a", "good"]


def test_a_hang_is_not_held_back(tries: SecondTries) -> None:
    assert not tries.holds(entry("four"), [visit("four", "timeout")])


def test_the_remark_names_few_and_counts_many() -> None:
    for before, expected in (
        (
            ["a"],
            "after a (boom), and works where it comes first, which is what counts: that one seems to leave",
        ),
        (["a", "b"], "after a and b (boom)"),
        (["a", "b", "c", "b"], "after 3 others, the latest c (boom)"),
    ):
        tries = SecondTries()
        tries.begin()
        for name in before:
            tries.holds(entry(name), [visit(name)])
        tries.holds(entry("x"), [visit("x", "failed", "def test():\nE   boom\nE   more\nt.py:3: Error")])
        tries.begin()
        assert not tries.holds(entry("x"), [visit("x")])
        (note,) = tries.told([visit("x")])
        assert note.text.startswith("x failed in a process "), note.text
        assert expected in note.text
        assert not list(tries.given_up())


def test_failures_are_told_where_no_time_is_left(tries: SecondTries) -> None:
    assert [each.case for each in tries.given_up()] == ["one", "two", "three"]
    assert not list(tries.given_up())

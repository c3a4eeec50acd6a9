"""The search for the first slower commit, with judges that know it."""

from collections.abc import Collection, Sequence

import pytest

from bench.analyze.gate.bisection import Probe, search, steps
from bench.records import Commit, Verdict


def listing(bad: str, goods: Sequence[str]) -> list[str]:
    """Commits in a row, each made from the one before it, by number."""
    left = range(max(map(int, goods)) + 1, int(bad) + 1)
    distance = {each: min(each - left.start + 1, left.stop - 1 - each) for each in left}
    return [str(each) for each in sorted(left, key=lambda each: -distance[each])]


def searched(count: int, first: int, unknown: Collection[int] = ()) -> tuple[list[str], list[int], float]:
    """What is found where `first` is the first bad one; the commits asked about, and the error spent."""
    asked, spent = [], 0.0

    def judge(commit: str, error: float) -> bool | None:
        nonlocal spent
        asked.append(int(commit))
        spent += error
        return None if int(commit) in unknown else int(commit) >= first

    found = search("0", str(count), listing, judge, 0.01)
    return sorted(found, key=int), asked, spent


@pytest.mark.parametrize("count", [1, 2, 3, 12, 100])
def test_every_culprit_is_found_in_as_few_probes_as_halving_takes(count: int) -> None:
    for first in range(1, count + 1):
        found, asked, spent = searched(count, first)
        assert found == [str(first)]
        assert len(asked) <= steps(count)
        assert len(set(asked)) == len(asked)
        assert spent <= 0.01


def test_commits_that_cannot_be_judged_are_gone_round() -> None:
    found, asked, spent = searched(100, 12, unknown=range(30, 71))
    assert found == ["12"]
    assert len(asked) < 2 * steps(100), "not one after the other through all that cannot be judged"
    assert spent <= 0.01


def test_what_cannot_be_told_apart_is_what_remains() -> None:
    assert searched(12, 8, unknown=[6, 7])[0] == ["6", "7", "8"]
    assert searched(12, 8, unknown=[7])[0] == ["7", "8"]
    assert searched(12, 8, unknown=[8])[0] == ["8", "9"]
    found, asked, spent = searched(5, 3, unknown=range(1, 5))
    assert found == ["1", "2", "3", "4", "5"]
    assert sorted(asked) == [1, 2, 3, 4]
    assert spent <= 0.01


def test_a_probe_is_bad_good_or_neither() -> None:
    def probe(verdict: Verdict | None) -> Probe:
        return Probe(Commit("1"), Commit("0"), verdict)

    def verdict(state: str) -> Verdict:
        return Verdict("a", state, "screen", "", 0.05)  # type: ignore[arg-type]

    states = [probe(verdict(state)).slower for state in ("slower", "same", "faster", "undecided")]
    assert states == [True, False, False, None]
    assert probe(None).slower is None

"""Second tries: a case that fails behind others in its process may fail because of them.

Such a failure, in a case's first visit or in any that ends its process, is held back, and the case is tried
once more, first in a new launch. What fails there as well, or hangs, or fails without another between it and
its own latest visit there, has failed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from bench.events import Code, Event, HeldBack, Note, Visit, test_of
from bench.measure.drive.entry import Entry
from bench.measure.worker import controls

HELD = ("failed", "died")
"""Outcomes that are held back. Another hang would cost its patience once more."""

MOST_NAMED = 2
"""Cases that a remark names of those that came before."""


@dataclass
class SecondTries:
    """The failures held back, by case, each with what came before it; of them, those of the present launch.

    `victims` are cases that worked when they came first: they do so in every launch, once.
    """

    held: dict[str, tuple[list[Visit], list[str]]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    victims: list[str] = field(default_factory=list)
    _before: list[str] = field(default_factory=list)
    _tried: set[str] = field(default_factory=set)

    def learn(self, event: Event) -> None:
        """Takes in an event of a run that was cut: what it held back is still to be tried once more."""
        match event:
            case HeldBack(case, before, visits):
                self._tried.add(case)
                self.held[case] = [*visits], [*before]
            case Visit(case) if case in self.held:
                del self.held[case]
                if event.outcome == "passed":
                    self.victims.append(case)
            case Code(test):
                self.forget([test])

    def forget(self, tests: Collection[str]) -> None:
        """Forgets what was held back of tests that have other code by now."""
        for case in [case for case in self.held if test_of(case) in tests]:
            del self.held[case]

    def begin(self) -> None:
        """A new launch begins: what waited for one is now due."""
        self.waiting, self._before = set(), []

    def order(self, entries: Iterable[Entry], launch: int) -> list[Entry]:
        """A pass's cases, those first that may fail behind others, without those whose launch is another.

        What failed first may have broken the others, and comes last of those that are tried again.
        """
        last = [*self.victims, *self.held]
        ranks = {case: number for number, case in enumerate(reversed(last), start=-len(last))}
        due = [entry for entry in entries if not self._is_over(entry, launch)]
        return sorted(due, key=lambda entry: ranks.get(entry.case.id, 0))

    def _is_over(self, entry: Entry, launch: int) -> bool:
        case = entry.case.id
        return case in self.waiting or (case in self.victims and launch in entry.lifecycle.visits)

    def holds(self, entry: Entry, visits: Sequence[Visit]) -> HeldBack | None:
        """What is to be recorded where what came of a visit, in one worker or on two sides, is held back."""
        case, outcomes = entry.case.id, {visit.outcome for visit in visits}
        failed = "died" in outcomes or ("failed" in outcomes and not entry.lifecycle.visits)
        others = list(takewhile(lambda each: each != case, reversed(self._before)))[::-1]
        if failed and others and case not in self._tried:
            self._tried.add(case)
            self.held[case] = [*visits], others
            self.waiting.add(case)
            return HeldBack(case, tuple(others), tuple(visits))
        if entry.case.suite != controls.SUITE:
            self._before.append(case)
        return None

    def told(self, visits: Sequence[Visit]) -> Iterable[Note]:
        """What is to be said of a case that was tried again, and works."""
        case = visits[0].case
        if case not in self.held:
            return
        before, others = self.held.pop(case)
        if all(visit.outcome == "passed" for visit in visits):
            self.victims.append(case)
            yield Note("warning", _remark(case, before, others))

    def given_up(self) -> Iterable[Visit]:
        """The failures for whose second try no time was left."""
        for case in list(self.held):
            yield from self.held.pop(case)[0]


def _remark(case: str, failed: Sequence[Visit], before: Sequence[str]) -> str:
    message = next(visit.message for visit in failed if visit.outcome in HELD)
    lines = message.strip().splitlines() or [""]
    reason = next((line for line in lines if line.startswith("E  ")), lines[-1]).removeprefix("E  ").strip()
    *others, latest = dict.fromkeys(before)
    if not others:
        named, culprit = latest, "that one seems to leave"
    elif len(others) < MOST_NAMED:
        named, culprit = f"{' and '.join(others)} and {latest}", "one of them seems to leave"
    else:
        named, culprit = f"{len(others) + 1} others, the latest {latest}", "one of them seems to leave"
    why = f" ({reason})" if reason else ""
    return (
        f"{case} failed in a process after {named}{why}, and works where it comes first, which is what "
        f"counts: {culprit} something changed that it needs"
    )

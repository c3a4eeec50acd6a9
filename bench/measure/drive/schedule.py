"""How a run's time is shared: among its rounds, and in a round among the kinds of worker.

What each case gets of a launch is `bench.measure.drive.policy`'s.
"""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from bench.events import Sizes
from bench.measure.drive.entry import Entry
from bench.measure.drive.ledger import Ledger
from bench.measure.drive.plan import Plan
from bench.measure.drive.policy import TYPICAL_VISIT_S, among, claim, launch_until_s, satisfied
from bench.measure.drive.worth import launches_worth, typical

EXPECTED_ROUNDS = 8
"""Rounds that a run is taken to have before its first one has shown what its cases take."""

DEVICE_VISITS = 10
"""Visits of each case by which devices are compared that time is kept for, before the last cases of no
contest are seen for the first time: beside a GPU one round of all cases may take most of a run."""

MAX_KEPT = 0.5
"""The largest part of a run that is kept for them."""

MAX_PLANNED_S = 3600.0
"""Seconds that a run without a deadline plans ahead."""


@dataclass(frozen=True)
class Turn:
    """A kind of worker's part of a round, which began at `begun_s`; so many rounds are to follow."""

    kind: str
    round: int
    begun_s: float
    later: int


@dataclass
class Schedule:
    """The time of a run, and the cases that it goes to.

    `deadline_s` is what rounds may take by now, `start_s` what starting a round's workers takes, `look_s`
    what a look at the last one took, `near` the sizes that further launches look at alone (None: every case).
    """

    plan: Plan
    ledger: Ledger
    deadline_s: float
    start_s: float = 0.0
    look_s: float = 0.0
    near: Sizes | None = None

    def entries(self, kind: str = "") -> list[Entry]:
        """The cases that this round may measure, of one kind of worker or of all."""
        return [
            entry
            for entry in self.ledger.entries.values()
            if kind in ("", entry.case.worker) and (self.near is None or among(entry.case, self.near))
        ]

    def claims(self) -> dict[str, float]:
        """The claims to the time left of the cases that want visits, summed by kind of worker."""
        claims: dict[str, float] = defaultdict(float)
        for entry in self._wanting():
            claims[entry.case.worker] += claim(entry)
        return claims

    def _wanting(self) -> list[Entry]:
        """The cases that want visits."""
        entries = self.entries()
        run, asked, aim = typical(entries), self.plan.launches, self.plan.preset.target
        return [
            entry
            for entry in entries
            if not entry.lifecycle.closed and (asked or not satisfied(entry, run, aim))
        ]

    def uncollected(self) -> bool:
        """True where `near` has a size that no case has: a worker that starts from now on collects it."""
        known: dict[tuple[str, str], set[object]] = defaultdict(set)
        for entry in self.ledger.entries.values():
            test, axis = entry.case.id.partition("[")[0], entry.case.axis or ""
            known[test, axis].add(entry.case.params.get(axis))
        return any(
            not known[test, axis].issuperset(sizes)
            for test, axes in (self.near or {}).items()
            for axis, sizes in axes.items()
        )

    @property
    def opening_s(self) -> float:
        """What comes before the first case of a round."""
        return self.look_s + self.start_s

    def looks(self, elapsed_s: float) -> bool:
        """True where a look at what is known leaves time for what it may ask for."""
        return elapsed_s + self.opening_s < self.plan.preset.deadline_s

    def in_time(self, elapsed_s: float) -> bool:
        """True where there is time for another round."""
        return elapsed_s + self.start_s < self.deadline_s

    def goes_on(self, elapsed_s: float) -> bool:
        """True where there is time for another round and a case that wants it."""
        return self.in_time(elapsed_s) and bool(self.claims())

    def later(self, number: int, elapsed_s: float) -> int:
        """How many rounds are to follow this one."""
        if self.plan.launches:
            return max(0, self.plan.launches - number - 1)
        if not number:
            return EXPECTED_ROUNDS - 1
        entries = self._wanting()
        left_s = min(self.deadline_s - elapsed_s, MAX_PLANNED_S)
        return launches_worth(left_s, self.opening_s, entries, typical(self.entries())) - 1

    def until_s(self, turn: Turn, later: int) -> float:
        """When a turn is to end, if so many rounds follow."""
        return launch_until_s(turn.kind, self.claims(), turn.begun_s, self.deadline_s, self.opening_s, later)

    def kept_s(self) -> float:
        """What the cases by which devices are compared have still to take, where there are two devices."""
        cases = [each for each in self.entries() if each.compares_devices and not each.lifecycle.closed]
        if len({each.case.device for each in cases}) < 2:
            return 0.0
        known_s = [each.cost.visit_s() for each in cases if each.cost.visit_s()]
        usual_s = median(known_s) if known_s else TYPICAL_VISIT_S
        lacking = ((each, DEVICE_VISITS - sum(each.lifecycle.visits.values())) for each in cases)
        kept_s = sum(max(0, visits) * (each.cost.visit_s() or usual_s) for each, visits in lacking)
        return min(kept_s, MAX_KEPT * self.deadline_s)

    def near_cases(self) -> set[str]:
        """The cases at the sizes that contests lack, by the latest round."""
        sizes = self.ledger.sizes.get(max(self.ledger.sizes, default=0), {})
        return {entry.case.id for entry in self.entries() if among(entry.case, sizes)}


def kept_before_s(unseen: Entry, kept_s: float) -> float:
    """What a case that was never visited leaves of the time kept for comparing devices: one of a contest may
    take it, since an answer rests on it as well."""
    return 0.0 if unseen.in_contest else kept_s

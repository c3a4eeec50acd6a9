"""The ledger: what is known of each case while a run or a gate goes on, and where its seconds went.

It learns from the events that are recorded and from nothing else, so that a run that is resumed knows what
the run that was cut knew.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench import events
from bench.events import Event, Sizes, Visit
from bench.measure.drive.entry import BLOCK_S, WARMUP_KINDS, Entry, Timing
from bench.records import Case

SPENT_ON = ("timed", "warmup", "setup", "teardown", "imports")
"""What the seconds of a run go to; the rest is `other`."""


@dataclass
class Ledger:
    """The entries by case, and how far the run has come. `write` keeps an event before it returns.

    `problems` are files that could not be collected, `done` the kinds of worker that had their turn in a
    round, `devices` those whose own tasks were
    begun, `sizes` those asked for after each round, `skips` why cases were left aside, `digests` the code of
    tests.
    """

    block_s: float = BLOCK_S
    write: Callable[[Event], None] = field(default=lambda _event: None, compare=False)
    entries: dict[str, Entry] = field(default_factory=dict)
    problems: set[str] = field(default_factory=set)
    done: set[tuple[str, int]] = field(default_factory=set)
    launches: int = 0
    devices: set[str] = field(default_factory=set)
    ceilings: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sizes: dict[int, Sizes] = field(default_factory=dict)
    skips: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0
    spent_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SPENT_ON, 0.0))

    def record(self, event: Event) -> None:
        """Learns from an event, and writes it down: a run that is resumed then learns the same."""
        self.learn(event)
        self.write(event)

    def learn(self, event: Event) -> None:
        """Takes in an event. Of two sides, the visits of a case are one: see `learn_visit`."""
        self.elapsed_s = max(self.elapsed_s, getattr(event, "elapsed_s", 0.0))
        match event:
            case Case() if "::" in event.id:
                self.entries[event.id] = Entry(event, Timing(self.block_s))
            case Case():
                self.problems.add(event.id)
            case events.Code():
                self._learn_code(event)
            case events.Launch():
                self.launches = event.launch + 1
            case events.Launched():
                self.done.add((event.worker, event.round))
            case events.SizesAdded():
                self.sizes[event.round] = event.sizes
            case events.Initialized():
                self.devices.add(event.device)
            case events.CeilingsMeasured():
                self.devices.add(event.device)
                self.ceilings[event.device] = event.ceilings
            case events.Skip() if entry := self.entries.get(event.case):
                self.skips[event.case] = event.reason
                closed = replace(entry.lifecycle, closed="skipped")
                self.entries[event.case] = replace(entry, lifecycle=closed)
            case Visit():
                self.learn_visit(event)

    def record_code(self, digests: Mapping[str, str]) -> list[str]:
        """Records the code of tests where it is new; those that have other code than before, and are measured
        anew."""
        known = dict(self.digests)
        for test, digest in digests.items():
            if known.get(test) != digest:
                self.record(events.Code(test, digest))
        changed = [test for test, digest in digests.items() if known.get(test, digest) != digest]
        if changed:
            text = "changed since the run began: measured anew; what was measured before does not count"
            self.record(events.Note("warning", f"{', '.join(changed)} {text}"))
        return changed

    def _learn_code(self, code: events.Code) -> None:
        """Forgets what is known of a test's cases where its code was another."""
        before = self.digests.get(code.test)
        self.digests[code.test] = code.digest
        if before in (None, code.digest):
            return
        self.done.clear()  # its rounds are to be made again
        for case, entry in self.entries.items():
            if events.test_of(case) == code.test:
                self.entries[case] = Entry(entry.case, Timing(self.block_s))
                self.skips.pop(case, None)

    def learn_visit(self, *visits: Visit) -> None:
        """Takes in a visit: one event, or one of each side."""
        self.spent_s["setup"] += max(visit.setup_s for visit in visits)  # sides set up side by side
        self.spent_s["teardown"] += max(visit.teardown_s for visit in visits)
        for block in (block for visit in visits for block in visit.blocks):
            self.spent_s["warmup" if block.kind in WARMUP_KINDS else "timed"] += block.wall_s
        if entry := self.entries.get(visits[0].case):
            self.entries[entry.case.id] = entry.after(visits)

    def spent_of(self, elapsed_s: float) -> dict[str, float]:
        """What so many seconds of the run went to, by name."""
        return {**self.spent_s, "other": elapsed_s - sum(self.spent_s.values())}

    def fit_calls(self, case: str, multiple: int) -> None:
        """Makes a multiple of so many calls a block of the case."""
        entry = self.entries[case]
        if entry.timing.multiple != multiple:
            self.entries[case] = replace(entry, timing=entry.timing.with_multiple(multiple))


def digests(texts: Mapping[str, str]) -> dict[str, str]:
    """A fingerprint of the code of each test, from the texts of cases; none where there is no text."""
    found = {events.test_of(case): text for case, text in texts.items() if text}
    return {
        test: hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16] for test, text in found.items()
    }


def restored(past: Iterable[Event]) -> Ledger:
    """The ledger of a run that was cut, from its events; its last launch then stays a launch of its own."""
    ledger = Ledger()
    for event in past:
        ledger.learn(event)
    return ledger

"""What a bisection finds, in lines for a terminal or a job's log."""

from collections.abc import Sequence

from bench.analyze.estimates import changes
from bench.analyze.estimates.confidence import of_interval
from bench.analyze.gate.bisection import Probe
from bench.patterns import name
from bench.records import Change, Commit

SHORT = 10
"""Signs of a commit's id that are shown."""


def judged(probe: Probe) -> str:
    """A line of one commit: id, what it is, its change, its subject; why, where that stays open."""
    verdict, subject = probe.verdict, probe.commit.subject
    if verdict is None:
        return f"{_short(probe.commit)}  not measured  {subject}: {probe.reason}"
    why = f": {probe.reason}" if verdict.state == "undecided" else ""
    change = f"  {_change(verdict.change)}" if verdict.change else ""
    return f"{_short(probe.commit)}  {verdict.state}{change}  {subject}{why}"


def culprit(found: Probe, explained: Sequence[str], confirmed: Probe, case: str) -> list[str]:
    """The commit that made the case slower, by how much, and why; what came later, where most did."""
    commit = found.commit
    who = ", ".join(filter(None, (commit.author, commit.day)))
    lines = [f"{_short(commit)} is the first slower commit: {commit.subject} ({who})", f"  {_of(found)}"]
    lines += [f"  {line}" for line in explained]
    whole, own = (each.verdict and each.verdict.change for each in (confirmed, found))
    if whole and own and commit.id != confirmed.commit.id and whole.low > own.high:
        of_bad = f"{_short(confirmed.commit)} is further behind {_short(confirmed.base)}, {_change(whole)}"
        again = f"bench bisect --good {_short(commit)} --bad {_short(confirmed.commit)} '{case}'"
        lines.append(f"  {of_bad}: what made the rest of it is found by {again}")
    return lines


def several(remaining: Sequence[Commit], probes: Sequence[Probe]) -> list[str]:
    """The commits among which the culprit is, and what is known of each."""
    why = {probe.commit.id: probe for probe in probes}
    known = [
        judged(why[each.id]) if each.id in why else f"{_short(each)}  {each.subject}" for each in remaining
    ]
    return [f"the first slower commit is one of these {len(remaining)}:", *(f"  {line}" for line in known)]


def _of(found: Probe) -> str:
    """The culprit's own change, against its parent."""
    parent = f"against its parent {_short(found.base)}"
    if found.verdict is None:
        return f"its own change is not known: {parent} it was not measured: {found.reason}"
    verdict = found.verdict
    told = f"{name(verdict.case)}: {verdict.state}"
    if change := verdict.change:
        told += f", {_change(change)}, {of_interval(change.low, change.high)},"
    creep = (
        "" if verdict.state == "slower" else "; so the case became slower in steps too small to be told alone"
    )
    return f"{told} {parent}{creep}"


def _change(change: Change) -> str:
    return f"{changes.change(change.ratio)} ({changes.bounds(change.low, change.high)})"


def _short(commit: Commit) -> str:
    return commit.id[:SHORT]

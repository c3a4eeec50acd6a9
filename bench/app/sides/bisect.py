"""The commit that made a case slower: commits between a good and a bad one, each gated against the good one.

The search is that of git bisect; what judges a commit is the gate's lock step, and its decision.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.bisection import Probe, search, steps
from bench.analyze.gate.decision import Decision, replay
from bench.analyze.gate.settings import Settings
from bench.app import UserError, profile
from bench.app.sides import gate, revisions
from bench.measure.sides import commits, worktrees
from bench.measure.sides.side import SideError
from bench.patterns import matches
from bench.records import Commit
from bench.storage.store import read_run

ENDS = 2
"""Gates beside those of the search: bad against good before it, the culprit against its parent behind it."""


@dataclass(frozen=True)
class Search:
    """What is searched: which case, between which commits of a repository, by which settings.

    `part` is how often a gate of one of its ends may err; `confidence` holds for all gates together.
    """

    repository: Path
    request: revisions.SidesRequest
    good: Commit
    bad: Commit
    settings: Settings
    part: float


@dataclass(frozen=True)
class Gated:
    """A commit that was gated, the run in which that is recorded, and what differs where that was asked."""

    probe: Probe
    run: Path | None = None
    explained: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a bisection ends with: all that were judged on the way, and the commits that may be the culprit.

    `culprit` is that commit against its parent; None where several remain.
    """

    probes: tuple[Gated, ...]
    remaining: tuple[Commit, ...]
    culprit: Gated | None = None


def prepared(request: revisions.SidesRequest, good: str, bad: str) -> Search:
    """The search that is asked for, by bad's settings. Raises UserError for commits that span none."""
    if not (request.selection.paths or request.suites):
        paths = profile.paths_of([request.case])
        request = replace(request, selection=replace(request.selection, paths=paths))
    try:
        repository = worktrees.repository_of(Path.cwd())
        start, end = commits.ends(repository, good, bad)
        with worktrees.checkouts(repository, start.id, end.id) as trees:
            settings = revisions.settings_of(trees, repository)
        between = len(commits.halving(repository, end.id, [start.id]))
    except worktrees.CheckoutError as error:
        raise UserError(str(error)) from None
    regressions = tuple(each for each in settings.budgets if each.max_regression is not None)
    part = (1 - settings.confidence) / (steps(between) + ENDS)
    return Search(repository, request, start, end, replace(settings, budgets=regressions), part)


def confirm(asked: Search) -> Gated:
    """Bad gated against good. Raises SideError and UserError where that cannot be measured."""
    return _gated(asked, asked.good, asked.bad, asked.part)


def bisect(asked: Search, tell: Callable[[Gated], None]) -> Found:
    """The search among what lies between; `tell` gets each commit as it has been judged."""
    probes: list[Gated] = []

    def judge(id_: str, error: float) -> bool | None:
        commit = commits.about(asked.repository, id_)
        probes.append(_tried(asked, asked.good, commit, error))
        tell(probes[-1])
        return probes[-1].probe.slower

    listing = partial(commits.halving, asked.repository)
    error = 1 - asked.settings.confidence - ENDS * asked.part
    found = search(asked.good.id, asked.bad.id, listing, judge, error)
    in_order = commits.oldest_first(asked.repository, found)
    remaining = tuple(commits.about(asked.repository, id_) for id_ in in_order)
    if len(remaining) > 1:
        return Found(tuple(probes), remaining)
    # Fresh launches: those that the culprit was chosen by show its change larger than it is.
    parent = commits.about(asked.repository, remaining[0].parent or asked.good.id)
    culprit = _tried(asked, parent, remaining[0], asked.part, explained=True)
    return Found(tuple(probes), remaining, culprit)


def _tried(asked: Search, base: Commit, head: Commit, error: float, explained: bool = False) -> Gated:
    """As `_gated`; a commit that cannot be measured says why."""
    try:
        return _gated(asked, base, head, error, explained)
    except (SideError, UserError) as problem:
        return Gated(Probe(head, base, reason=str(problem)))


def _gated(asked: Search, base: Commit, head: Commit, error: float, explained: bool = False) -> Gated:
    """Head gated against base, which errs as often as `error` at most. Raises SideError and UserError."""
    settings = replace(asked.settings, confidence=1 - error)
    request = replace(asked.request, settings=settings, exact=True)
    folder = gate.measure(request, base.id, head.id, null=False, explained=explained)
    run = read_run(folder)
    lines = next((each.lines for each in run.explained), ())
    return Gated(_probe(base, head, request.case, replay(AnalyzedRun(run))), folder, tuple(lines))


def _probe(base: Commit, head: Commit, case: str, decision: Decision) -> Probe:
    """What the gate of one case says of head."""
    for verdict in decision.verdicts:
        return Probe(head, base, verdict, verdict.reason)
    broken, skipped = (
        [each.reason for each in of if matches(case, each.case)]
        for of in (decision.troubles, decision.skipped)
    )
    reason = next(iter((*broken, *skipped)), "was not measured")
    return Probe(head, base, reason=reason, skipped=not broken and bool(skipped))

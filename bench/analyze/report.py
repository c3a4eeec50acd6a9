"""Everything that a report says, computed: one frozen record that rendering only lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from bench.analyze.blocks.clean import judged
from bench.analyze.contests.across import Across, across
from bench.analyze.contests.contests import Contest, contests
from bench.analyze.contests.transfers import disordered
from bench.analyze.estimates.doubts import failed_checks
from bench.analyze.estimates.estimate import estimates_of
from bench.analyze.gate.decision import Decision, replay
from bench.analyze.runs.history import MIN_RUNS, CaseHistory, history
from bench.analyze.runs.projection import Projection, project, usual_columns, with_facts
from bench.render.answers import Answer, answers
from bench.storage.tables import merge

if TYPE_CHECKING:
    from bench.storage.tables import Run


@dataclass(frozen=True)
class RunReport:
    """One run's part of a report: its estimates, its blocks with `disturbed` and `counted`, what crosses.

    `gate` is the verdict where the run compared two sides.
    """

    run: Run
    cases: pd.DataFrame
    blocks: pd.DataFrame
    contests: tuple[Contest, ...]
    doubts: tuple[str, ...]
    gate: Decision | None = None


@dataclass(frozen=True)
class Report:
    """A report on one run or several; `simulated` names devices whose times are made up.

    `across` has contests between runs, and `projection` the runs side by side where there are several.
    """

    runs: tuple[RunReport, ...]
    answers: tuple[Answer, ...]
    simulated: tuple[str, ...]
    across: tuple[Across, ...] = ()
    projection: Projection | None = None

    @property
    def cases(self) -> pd.DataFrame:
        """Every run's cases frame under each other."""
        return merge([each.cases for each in self.runs])

    @property
    def blocks(self) -> pd.DataFrame:
        """Every run's blocks under each other, with `disturbed` and `counted`."""
        frames = [each.blocks for each in self.runs]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    @property
    def contests(self) -> list[Contest]:
        within = [contest for each in self.runs for contest in each.contests]
        return within + [each.contest for each in self.across]

    @property
    def history(self) -> list[CaseHistory]:
        """What changed from run to run, where there are runs enough to tell."""
        if len(self.runs) < MIN_RUNS:
            return []
        return history(self.cases, {each.run.name: each.run.header for each in self.runs})


def report(
    runs: Sequence[Run],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    filters: Sequence[tuple[str, str]] = (),
) -> Report:
    """The report of runs as they were read. Pure: the same runs give the same report.

    `rows`, `columns` and `filters` say how runs are set side by side: see `bench.analyze.runs.projection`.
    Raises UnknownColumnError where one of them names none.
    """
    parts = tuple(_part(run, name) for run, name in zip(runs, _names(runs), strict=True))
    between = tuple(across(parts))
    found = [contest for part in parts for contest in part.contests] + [each.contest for each in between]
    simulated = {name for run in runs for name in simulated_devices(run)}
    projection = None
    if len(runs) > 1 or rows or columns or filters:
        cases, facts = with_facts([(part.run, part.cases) for part in parts])
        columns = columns or usual_columns(cases)
        projection = project(cases, facts, rows or ("case",), columns, filters)
    return Report(parts, tuple(answers(found)), tuple(sorted(simulated)), between, projection)


def simulated_devices(run: Run) -> list[str]:
    """Devices of a run that say of themselves that they are simulated."""
    return [
        str(facts.get("device", facts.get("name", "accelerator")))
        for facts in run.environment.get("devices") or ()
        if facts.get("simulated")
    ]


def _names(runs: Sequence[Run]) -> list[str]:
    """What each of several runs is called in answers: its machine if that tells them apart, else its name."""
    if len(runs) == 1:
        return [""]
    machines = [run.machine for run in runs]
    return machines if len(set(machines)) == len(machines) else [run.name for run in runs]


def _part(run: Run, name: str) -> RunReport:
    """A run's part; its contests go by `name`, if it is not alone."""
    blocks = judged(run)
    found = contests(run, blocks)
    if name:
        crossings = (replace(each.crossing, fixed={**each.crossing.fixed, "on": name}) for each in found)
        found = [replace(each, crossing=named) for each, named in zip(found, crossings, strict=True)]
    cases, doubts = estimates_of(run, blocks), tuple(_doubts(run, found))
    decision = replay(run) if run.header.gate else None
    return RunReport(run, cases, blocks, tuple(found), doubts, decision)


def _doubts(run: Run, found: list[Contest]) -> list[str]:
    """What concerns the whole run: failed self-checks first, then notes, then what does not add up."""
    doubts = [
        f"self-check failed on {device}: {', '.join(names)}; its device columns are untrusted"
        for device, names in failed_checks(run).items()
    ]
    doubts += [note.text for note in run.notes if note.level != "info"]
    if run.end is None or not run.end.complete:
        doubts.append("the run was cut short: go on with it by --resume")
    return doubts + disordered(found)

"""Everything that a report says, computed: one frozen record that rendering only lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.analyze.answers import Answer, answers
from bench.analyze.clean import marked
from bench.analyze.contests import Contest, contests
from bench.analyze.doubts import failed_checks
from bench.analyze.estimate import estimates_of
from bench.analyze.transfers import disordered
from bench.tables import merge

if TYPE_CHECKING:
    from bench.tables import Run


@dataclass(frozen=True)
class RunReport:
    """One run's part of a report: its estimates, its blocks with `disturbed` and `counted`, what crosses."""

    run: Run
    cases: pd.DataFrame
    blocks: pd.DataFrame
    contests: tuple[Contest, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A report on one run or several; `simulated` names devices whose times are made up."""

    runs: tuple[RunReport, ...]
    answers: tuple[Answer, ...]
    simulated: tuple[str, ...]

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
        return [contest for each in self.runs for contest in each.contests]


def report(runs: Sequence[Run]) -> Report:
    """The report of runs as they were read. Pure: the same runs give the same report."""
    parts = tuple(_part(run) for run in runs)
    found = [contest for part in parts for contest in part.contests]
    simulated = {name for run in runs for name in simulated_devices(run)}
    return Report(parts, tuple(answers(found)), tuple(sorted(simulated)))


def simulated_devices(run: Run) -> list[str]:
    """Devices of a run that say of themselves that they are simulated."""
    return [
        str(facts.get("device", facts.get("name", "accelerator")))
        for facts in run.environment.get("devices") or ()
        if facts.get("simulated")
    ]


def _part(run: Run) -> RunReport:
    blocks = marked(run.blocks)
    found = contests(run, blocks)
    return RunReport(run, estimates_of(run, blocks), blocks, tuple(found), tuple(_doubts(run, found)))


def _doubts(run: Run, found: list[Contest]) -> list[str]:
    """What concerns the whole run: failed self-checks first, then notes, then what does not add up."""
    doubts = [
        f"self-check failed on {device}: {', '.join(names)}; its device columns are untrusted"
        for device, names in failed_checks(run).items()
    ]
    doubts += [str(note.get("text", "")) for note in run.notes if note.get("level") != "info"]
    if run.end is None or not run.end.get("complete"):
        doubts.append("the run was cut short: go on with it by --resume")
    return doubts + disordered(found)

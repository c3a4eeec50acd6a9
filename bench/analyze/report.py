"""Everything that a report says, computed: records that rendering words and lays out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.contests.across import Across, across
from bench.analyze.contests.contests import Choice, Contest, choices
from bench.analyze.contests.order import Disorder, compared, disorders
from bench.analyze.gate.decision import Decision, replay
from bench.analyze.pitfalls import Pitfall, pitfalls
from bench.analyze.questions.answers import Answer, answers
from bench.analyze.runs.history import CaseHistory, history
from bench.analyze.runs.levels import MIN_RUNS
from bench.analyze.runs.projection import Projection, View, project, with_facts
from bench.storage.tables import Run, merge


@dataclass(frozen=True)
class RunReport:
    """One run's part of a report; each thing is computed when it is first asked for, and only once.

    Where there are several runs, `name` is what sets this one's contests apart.
    """

    analyzed: AnalyzedRun
    name: str = ""

    @property
    def run(self) -> Run:
        return self.analyzed.run

    @property
    def cases(self) -> pd.DataFrame:
        """The cases frame, one row a case and side."""
        return self.analyzed.cases

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Every choice of the run, with the run's name among its circumstances and its contests'."""
        on = {"on": self.name} if self.name else {}
        return tuple(
            replace(
                choice,
                fixed={**choice.fixed, **on},
                contests=tuple(_on(each, on) for each in choice.contests),
            )
            for choice in choices(self.run, self.analyzed.blocks)
        )

    @cached_property
    def contests(self) -> tuple[Contest, ...]:
        """Every contest of the run."""
        return tuple(each for choice in self.choices for each in choice.contests)

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """What the run answers to each question."""
        return answers(self.choices, self.cases, bool(self.run.environment.get("devices")))

    @cached_property
    def pitfalls(self) -> tuple[Pitfall, ...]:
        """What is slow, and no contest tells; nothing of a run that compared two sides."""
        return () if self.run.header.gate else pitfalls(self.cases, self.analyzed.blocks, self.contests)

    @cached_property
    def disorders(self) -> tuple[Disorder, ...]:
        """Contests that contradict each other."""
        return tuple(disorders(self.contests))

    @cached_property
    def ordered(self) -> int:
        """How many leads of a device were held against one with less moved, to find those."""
        return compared(self.contests)

    @cached_property
    def gate(self) -> Decision | None:
        """The decision where the run compared two sides."""
        return replay(self.analyzed) if self.run.header.gate else None


def _on(contest: Contest, circumstances: Mapping[str, str]) -> Contest:
    crossing = contest.crossing
    return replace(contest, crossing=replace(crossing, fixed={**crossing.fixed, **circumstances}))


@dataclass(frozen=True)
class Report:
    """A report on one run or several.

    `across` has contests between runs, and `projection` the runs side by side where there are several.
    """

    runs: tuple[RunReport, ...]
    across: tuple[Across, ...] = ()
    projection: Projection | None = None

    @cached_property
    def simulated(self) -> list[str]:
        """Names of devices whose times are made up, as they say of themselves."""
        devices = (facts for each in self.runs for facts in each.run.environment.get("devices") or ())
        made_up = (facts for facts in devices if facts.get("simulated"))
        return sorted({str(facts.get("device", facts.get("name", "accelerator"))) for facts in made_up})

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Every run's cases frame under each other."""
        return merge([each.cases for each in self.runs])

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """Every run's blocks under each other, with `disturbed` and `counted`."""
        frames = [each.analyzed.blocks for each in self.runs]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    @cached_property
    def contests(self) -> list[Contest]:
        """Every run's contests, then those between runs."""
        return [contest for choice in self.choices for contest in choice.contests]

    @cached_property
    def choices(self) -> list[Choice]:
        """Every run's choices, then those between runs."""
        return [choice for each in self.runs for choice in each.choices] + [
            each.choice for each in self.across
        ]

    @cached_property
    def between(self) -> tuple[Answer, ...]:
        """What contests between runs answer to each question; empty where there are none."""
        choices = [each.choice for each in self.across]
        return answers(choices, self.cases, accelerator=True) if choices else ()

    @cached_property
    def history(self) -> list[CaseHistory]:
        """What changed from run to run, where there are runs enough to tell."""
        if len(self.runs) < MIN_RUNS:
            return []
        return history(self.cases, {each.run.name: each.run.header for each in self.runs})


def report(runs: Sequence[Run], view: View | None = None) -> Report:
    """The report of runs, side by side where there are several or a view is asked for.

    Pure: the same runs give the same report. Raises UnknownColumnError where the view names no column.
    """
    parts = tuple(RunReport(AnalyzedRun(run), name) for run, name in zip(runs, _names(runs), strict=True))
    projection = None
    if len(runs) > 1 or view:
        projection = project(*with_facts([(part.run, part.cases) for part in parts]), view or View())
    between = across([part.analyzed for part in parts])
    return Report(parts, tuple(between), projection)


def _names(runs: Sequence[Run]) -> list[str]:
    """What each of several runs is called in answers: its machine if that tells them apart, else its name."""
    machines = [run.machine for run in runs]
    names = machines if len(set(machines)) == len(machines) else [run.name for run in runs]
    return names if len(runs) > 1 else [""]

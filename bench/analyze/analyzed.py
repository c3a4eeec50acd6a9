"""A recorded run with its marked blocks, its estimates and its quality: whoever reads a run starts here."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.analyze.blocks.clean import marked_blocks, pace_of_run
from bench.analyze.estimates.beaten import Beaten
from bench.analyze.estimates.confidence import Confidence, of_interval
from bench.analyze.estimates.contradictions import Checking
from bench.analyze.estimates.estimate import Estimates, estimates
from bench.analyze.estimates.scatter import Centres
from bench.storage.tables import Run


@dataclass(frozen=True)
class Quality:
    """What a run's numbers rest on; shares and the half-width are NaN where nothing was timed.

    `launches` are those of the run, `launches_of_case` those of the median case. `blocks` and the shares are
    of wall blocks; `off_pace_share` is None where no pace was read, NaN where none prevailed. `half_width` is
    that of the median case's interval, relative to its centre; `solid_share` is of cases.
    """

    launches: int
    launches_of_case: float
    blocks: int
    disturbed_share: float
    counted_share: float
    off_pace_share: float | None
    cases: int
    noisy: int
    warned: int
    half_width: float
    solid_share: float
    checks: int
    passed_checks: int
    spent_s: float

    @property
    def confidence(self) -> Confidence:
        """The run in one word: that of its median case. From one launch it is rough at best, as nothing of
        the run itself says how far launches differ; after a failed self-check unsettled. How many blocks
        counted has no say: what disturbed ones cost is in the interval, as fewer make it wider.
        """
        word = of_interval(1 / (1 + self.half_width), 1 + self.half_width)
        if self.passed_checks < self.checks:
            return "unsettled"
        return "rough" if word == "solid" and self.launches_of_case < 2 else word


@dataclass(frozen=True)
class Starts:
    """How a run's workers were started: so many forked, from so many templates; so many fresh, by reason.

    Runs from before there were templates have neither.
    """

    forked: int
    templates: int
    fresh: Mapping[str, int]


@dataclass(frozen=True)
class AnalyzedRun:
    """A recorded run and what is computed from it: each thing when it is first asked for, and only once."""

    run: Run

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """The run's blocks with `disturbed` and `counted`: see `bench.analyze.blocks.clean.marked_blocks`."""
        return marked_blocks(self.run)

    @cached_property
    def _estimates(self) -> Estimates:
        return estimates(self.run, self.blocks)

    @property
    def centres(self) -> Centres:
        """The centre of every row of the run's cases; an element is NaN where none of its blocks counts."""
        return self._estimates.centres

    @property
    def cases(self) -> pd.DataFrame:
        """The cases frame, one row a case and side: the columns of `bench.storage.tables`."""
        return self._estimates.cases

    @property
    def checkings(self) -> tuple[Checking, ...]:
        """What every report checks of its own figures."""
        return self._estimates.checkings

    @property
    def beaten(self) -> tuple[Beaten, ...]:
        """The ceilings that cases beat."""
        return self._estimates.beaten

    @cached_property
    def starts(self) -> Starts:
        """How the workers of all launches were started."""
        forks = [launch.template for launch in self.run.launches if launch.start == "fork"]
        reasons = Counter(launch.start_reason for launch in self.run.launches if launch.start_reason)
        return Starts(len(forks), len(set(forks)), reasons)

    @cached_property
    def quality(self) -> Quality:
        """How far the run can be trusted."""
        run, blocks = self.run, self.blocks
        cases = self.cases[self.cases["blocks"] > 0]
        wall = blocks[blocks["kind"] == "wall"]
        paces_s, (low_s, high_s) = wall["pace_s"].dropna(), pace_of_run(wall)
        off_pace = float((~paces_s.between(low_s, high_s)).mean()) if math.isfinite(high_s) else math.nan
        return Quality(
            launches=int(blocks["launch"].nunique()),
            launches_of_case=float(cases["launches"].median()),
            blocks=len(wall),
            disturbed_share=float(wall["disturbed"].mean()),
            counted_share=float(wall["counted"].mean()),
            off_pace_share=off_pace if len(paces_s) else None,
            cases=len(cases),
            noisy=int((cases["status"] == "noisy").sum()),
            warned=int((cases["warnings"] != "").sum()),
            half_width=float(((cases["high_s"] / cases["low_s"]) ** 0.5 - 1).median()),
            solid_share=float((cases["confidence"] == "solid").mean()),
            checks=len(run.checks),
            passed_checks=sum(check.passed for check in run.checks),
            spent_s=sum(run.end.spent_s.values()) if run.end else 0.0,
        )

"""How far a run can be trusted, in numbers."""

import math
from dataclasses import dataclass

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.blocks.clean import pace_of_run


@dataclass(frozen=True)
class Quality:
    """What a run's numbers rest on; shares and the half-width are NaN where nothing was timed.

    `launches` are those of the run, `launches_of_case` those of the median case. `blocks` and the shares are
    of wall blocks; `off_pace_share` is None where no pace was read, NaN where none prevailed. `half_width` is
    that of the median case's interval, relative to its centre.
    """

    launches: int
    launches_of_case: float
    blocks: int
    disturbed_share: float
    off_pace_share: float | None
    cases: int
    noisy: int
    warned: int
    half_width: float
    checks: int
    passed_checks: int
    spent_s: float


def quality(analyzed: AnalyzedRun) -> Quality:
    """The numbers of a run, from its blocks and its cases."""
    run, blocks = analyzed.run, analyzed.blocks
    cases = analyzed.cases[analyzed.cases["blocks"] > 0]
    wall = blocks[blocks["kind"] == "wall"]
    paces_s, (low_s, high_s) = wall["pace_s"].dropna(), pace_of_run(wall)
    off_pace = float((~paces_s.between(low_s, high_s)).mean()) if math.isfinite(high_s) else math.nan
    return Quality(
        launches=int(blocks["launch"].nunique()),
        launches_of_case=float(cases["launches"].median()),
        blocks=len(wall),
        disturbed_share=float(wall["disturbed"].mean()),
        off_pace_share=off_pace if len(paces_s) else None,
        cases=len(cases),
        noisy=int((cases["status"] == "noisy").sum()),
        warned=int((cases["warnings"] != "").sum()),
        half_width=float(((cases["high_s"] / cases["low_s"]) ** 0.5 - 1).median()),
        checks=len(run.checks),
        passed_checks=sum(bool(check.get("passed")) for check in run.checks),
        spent_s=sum(((run.end or {}).get("spent_s") or {}).values()),
    )

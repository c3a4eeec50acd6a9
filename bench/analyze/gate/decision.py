"""The gate's decision, as a pure function of recorded launches: live, replay and calibration share it.

A launch is a pair of fresh workers, and one number a case: ln(head/base). Five launches screen. What they
make suspect, or leave open, is judged anew on eight fresh launches, and what those leave open on twelve
more: an alarm has to be true twice, and the launches that raised it do not vote again. What surely stands
still after three or four launches, or after any even number of fresh ones, is let go there.

A gate run is a run whose visits carry a side, `base` or `head`, and whose header has an entry `gate`:

    {"base": {...}, "head": {...}, "settings": asdict(settings), "added": [...], "removed": [...],
     "missing": [...], "renamed": {OLD: NEW}, "edited": [...]}

Whoever measures asks `replay(AnalyzedRun(read_run(folder)))`, makes as many launches of the cases in `wanted`
as it says, asks again, and is done when there are none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.doubts import gist
from bench.analyze.gate.budgets import ABSENT, BudgetCheck, check_budgets, selects
from bench.analyze.gate.pairs import KINDS, launch_ratios
from bench.analyze.gate.series import CHECKPOINTS, EXTENSION, Judgement, judge, moved, typical_scatter
from bench.analyze.gate.settings import Settings, of_header
from bench.events import test_of
from bench.patterns import moved_to, name
from bench.records import Kind, Verdict

__all__ = ["CHECKPOINTS", "Decision", "Settings", "Sides", "Trouble", "decide", "replay"]

CONTROLS = "control"
"""The suite of controls: cases of ours with identical code on both sides."""

MISSING = "is not on head: bring it back, or list it under `removed` or `renamed` in [tool.bench.gate]"

LogsByKind = dict[Kind, NDArray[np.float64]]
"""By kind of block: ln(head/base) by launch number, NaN for a launch that cannot tell."""

BROKEN = ("failed", "died", "timeout")
SEVERITY = ("slower", "faster", "same", "undecided")


@dataclass(frozen=True)
class Sides:
    """What differs between the two sides' benchmarks.

    `removed` were taken out on purpose, `missing` are on base alone for no reason given; `edited` are cases
    whose benchmark itself is another on head.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    edited: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trouble:
    """A case that could not be compared, the side that is at fault ("" for both), and why."""

    case: str
    side: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """What the gate says: a verdict for each case compared, and everything that is no verdict.

    `wanted` says for each case how many launches it lacks until it may be settled; it is empty when the gate
    is done. `without_accelerator` of the skipped cases need an accelerator where there is none.
    """

    verdicts: tuple[Verdict, ...]
    controls: tuple[Verdict, ...] = ()
    wanted: Mapping[str, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    skipped: tuple[Trouble, ...] = ()
    budgets: tuple[BudgetCheck, ...] = ()
    sides: Sides = field(default_factory=Sides)
    settings: Settings = field(default_factory=Settings)
    without_accelerator: int = 0

    @property
    def contaminated(self) -> bool:
        """True where identical code was not equally fast: no verdict of such a run counts."""
        return any(control.state in ("slower", "faster") for control in self.controls)

    @property
    def undecided_share(self) -> float:
        """The share of the compared cases that stayed undecided."""
        undecided = sum(verdict.state == "undecided" for verdict in self.verdicts)
        return undecided / len(self.verdicts) if self.verdicts else 0.0

    @property
    def uncollected_on_base(self) -> set[str]:
        """Files that could not be collected on base."""
        return {each.case for each in self.troubles if each.side == "base" and "::" not in each.case}

    @property
    def exit_status(self) -> int:
        """3 a side failed or a case is missing, else 5 all was skipped, else 1 slower, over budget, or faster
        where that fails, too, else 4 undecided, else 0.

        What a contaminated run shows is no evidence: it is undecided as a whole.
        """
        missing = any(check.standing == "missing" for check in self.budgets)
        if self.troubles or self.wanted or missing or not (self.verdicts or self.skipped):
            return 3
        if not self.verdicts:
            return 5
        if self.contaminated:
            return 4
        over = any(check.standing == "over" for check in self.budgets)
        failing = ("slower", "faster") if self.settings.faster == "fail" else ("slower",)
        if over or any(verdict.state in failing for verdict in self.verdicts):
            return 1
        return 4 if self.settings.undecided == "fail" and any(map(may_be_slower, self.verdicts)) else 0


def may_be_slower(verdict: Verdict) -> bool:
    """True for an undecided case, unless all that is undecided is how much faster it became."""
    change = verdict.change
    gained = change is not None and change.ratio < 1 and change.high < 1 + verdict.budget
    return verdict.state == "undecided" and not gained


def replay(analyzed: AnalyzedRun) -> Decision:
    """The decision on a recorded gate run: its header holds everything besides the blocks."""
    entry = analyzed.run.header.gate
    names = ("added", "removed", "missing", "edited")
    sides = Sides(
        **{name: tuple(entry.get(name) or ()) for name in names}, renamed=dict(entry.get("renamed") or {})
    )
    settings = of_header(entry["settings"])
    decision = decide(analyzed.blocks, analyzed.run.cases, settings, sides)
    return replace(decision, budgets=check_budgets(analyzed, settings.budgets))


def decide(
    blocks: pd.DataFrame, cases: pd.DataFrame, settings: Settings, sides: Sides | None = None
) -> Decision:
    """The decision on blocks that `bench.analyze.blocks.clean.marked` marked, and cases as a `Run` has them.

    Launches 0-4 screen, 5-12 confirm, 13-24 extend. Those from 0 on without a gap count as made.
    """
    sides = sides or Sides()
    ratios = launch_ratios(blocks)
    launches = set(blocks["launch"].unique())
    made = next(number for number in count() if number not in launches)
    troubles, skipped = _uncompared(cases, sides, done=made >= CHECKPOINTS[0])
    out = {each.case for each in (*troubles, *skipped)}
    compared = [case for case in dict.fromkeys(cases["case"]) if case not in out]
    controls = set(cases.loc[cases["suite"] == CONTROLS, "case"])
    devices = dict(zip(cases["case"], cases["device"], strict=True))
    budgets = {case: budget_of(case, devices[case], settings) for case in compared if case not in controls}
    verdicts, witnesses, wanted = weigh(ratios, budgets, controls.intersection(compared), made, settings)
    return Decision(
        verdicts, witnesses, wanted, tuple(troubles), tuple(skipped), sides=sides, settings=settings,
        without_accelerator=sum(devices[each.case] == ABSENT for each in skipped),
    )  # fmt: skip


def weigh(
    ratios: pd.DataFrame, budgets: Mapping[str, float], controls: set[str], made: int, settings: Settings
) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...], dict[str, int]]:
    """Verdicts, controls and wanted launches, from `launch_ratios`, budgets by case and the launches made."""
    table = series_of(ratios)
    nothing: LogsByKind = {"wall": np.full(EXTENSION.stop, np.nan)}
    error = error_of(sum(len(table.get(case, nothing)) for case in budgets), settings.confidence)
    typical = {
        kind: typical_scatter(table[case][kind] for case in budgets if kind in table.get(case, {}))
        for kind in KINDS
    }
    judgements = {
        case: {
            kind: judge(logs, made, budget, error, typical[kind])
            for kind, logs in table.get(case, nothing).items()
        }
        for case, budget in budgets.items()
    }
    verdicts = tuple(_verdict(case, kinds, budgets[case]) for case, kinds in judgements.items())
    budget = settings.max_regression
    witnesses = tuple(
        _verdict(case, {"wall": moved(table.get(case, nothing)["wall"], made, budget)}, budget)
        for case in sorted(controls)
    )
    if shifted := [witness for witness in witnesses if witness.state in ("slower", "faster")]:
        return tuple(_contaminated(verdict, shifted[0]) for verdict in verdicts), witnesses, {}
    lacking = next((each - made for each in CHECKPOINTS if each > made), 0)
    still = [case for case, kinds in judgements.items() if any(each.open for each in kinds.values())]
    wanted = dict.fromkeys([*still, *sorted(controls)], lacking) if lacking and still else {}
    return verdicts, witnesses, wanted


def is_control(case: str) -> bool:
    return case.startswith(f"{CONTROLS}::")


def error_of(tests: int, confidence: float) -> float:
    """How often one of so many tests may err so that the table keeps its confidence (Bonferroni)."""
    return (1 - confidence) / max(tests, 1)


def budget_of(case: str, device: str, settings: Settings) -> float:
    """The smallest slowdown that matters for a case: the strictest budget that selects it, if any."""
    limits = (budget.max_regression for budget in settings.budgets if selects(budget, case, device))
    return min((limit for limit in limits if limit is not None), default=settings.max_regression)


def series_of(ratios: pd.DataFrame) -> dict[str, LogsByKind]:
    """For each case and kind the launches' log ratios by launch number, NaN for those that cannot tell.

    Wall time is always among the kinds: where it was disturbed throughout, the device's must not hide that.
    """
    rows = ratios.reindex(columns=range(EXTENSION.stop)).dropna(how="all")
    unknown = np.full(EXTENSION.stop, np.nan)
    table: dict[str, LogsByKind] = {}
    for (case, kind), logs in zip(rows.index, rows.to_numpy(dtype=float), strict=True):
        table.setdefault(case, {"wall": unknown})[kind] = logs
    return table


def _verdict(case: str, kinds: Mapping[Kind, Judgement], budget: float) -> Verdict:
    """One verdict from wall and device time: what a caller waits for decides, unless the device moved."""
    kind = min(kinds, key=lambda each: SEVERITY.index(kinds[each].state))
    if kinds[kind].state != "slower" and kinds["wall"].state == "undecided":
        kind = "wall"
    judgement = kinds[kind]
    reason = judgement.reason if kind == "wall" else f"{kind} time: {judgement.reason}"
    return Verdict(case, judgement.state, judgement.stage, reason, budget, judgement.change(case, kind))


def _contaminated(verdict: Verdict, control: Verdict) -> Verdict:
    reason = f"the control {name(control.case)} moved: {control.reason}; without that: {verdict.reason}"
    return replace(verdict, state="undecided", reason=reason)


def _uncompared(cases: pd.DataFrame, sides: Sides, done: bool) -> tuple[list[Trouble], list[Trouble]]:
    """Cases that failed or are missing, and cases skipped or taken out; `done` once the screen was made."""
    troubles, skipped = [], []
    for case, rows in cases.groupby("case", sort=False, observed=True):
        by_side = {row["side"]: row for row in rows.to_dict("records")}
        broken = {side: row for side, row in by_side.items() if row["outcome"] in BROKEN}
        if all(row["outcome"] == "skipped" for row in by_side.values()):
            skipped.append(Trouble(str(case), "", next(iter(by_side.values()))["message"] or "skipped"))
        elif broken and _fatal(by_side, broken):
            troubles += [Trouble(str(case), side, _outcome(row)) for side, row in broken.items()]
        elif done and by_side.keys() >= {"base", "head"} and by_side["base"]["outcome"] == "skipped":
            skipped.append(Trouble(str(case), "base", by_side["base"]["message"] or "skipped"))
        elif done:
            troubles += [Trouble(str(case), side, why) for side, why in _missing(by_side)]
    uncollected = {each.case for each in troubles if each.side == "head" and "::" not in each.case}
    elsewhere = moved_to(sides.missing, sides.added)
    for case in sides.missing:
        troubles.append(Trouble(case, "head", _why_missing(case, uncollected, elsewhere)))
    return troubles, skipped


def _why_missing(case: str, uncollected: Collection[str], elsewhere: Mapping[str, str]) -> str:
    """Why a case of base is not on head: its file could not be collected, or it seems to lie in another."""
    if (file := case.partition("::")[0]) in uncollected:
        return f"is not on head, where {file} could not be collected"
    if case not in elsewhere:
        return MISSING
    old, new = (test_of(each) for each in (case, elsewhere[case]))
    return (
        f"is on base in {file}, on head in {new.partition('::')[0]}: if it was moved, say so in "
        f'[tool.bench.gate] by renamed = {{ "{old}" = "{new}" }}'
    )


def _fatal(by_side: Mapping[str, Any], broken: Mapping[str, Any]) -> bool:
    """False for a case that fails on both sides when visited again: it keeps the blocks that it has."""
    return len(broken) < len(by_side) or any(row["failed_visits"] >= row["visits"] for row in broken.values())


def _outcome(row: Mapping[str, Any]) -> str:
    """The outcome and the line that says most; how a process ended stands first."""
    message = str(row["message"]).strip()
    line = gist(message) if row["outcome"] == "failed" else message.partition("\n")[0]
    return f"{row['outcome']}: {line}" if line else str(row["outcome"])


def _missing(by_side: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The sides on which a case was not measured, though it was to be."""
    measured = {side for side, row in by_side.items() if row["outcome"] not in ("", "skipped")}
    sides = {"base", "head"} - measured
    if len(sides) == 2:
        return [("", "was not measured on either side")]
    return [(side, by_side[side]["message"] if side in by_side else "was not measured") for side in sides]

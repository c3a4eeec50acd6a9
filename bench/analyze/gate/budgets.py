"""Absolute budgets: a time on one machine, memory, a share of a ceiling, a ratio to another case of a run.

A budget fails only where the whole 95 % interval lies beyond it. `max_regression`, which is relative to the
base, is what the gate's verdicts hold a case to.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates.intervals import half_width
from bench.analyze.gate.pairs import launch_logs
from bench.analyze.gate.settings import Budget
from bench.patterns import aliases, matches

MARGIN = 0.2
"""What a budget that is set leaves beyond the interval: a system's updates move times by several per cent."""

LOOSE = 1.25
"""How many times what would be set today a budget may be before a tighter one is suggested."""

ABSENT = "accelerator"
"""The device of a case that needs an accelerator where there is none."""

Standing = Literal["met", "over", "unclear", "not comparable", "skipped", "missing", "not selected"]


@dataclass(frozen=True)
class BudgetCheck:
    """How a case stands to a budget; `value`, `low`, `high`, `allowed` and `tighter` are in the limit's unit.

    `limit` is max_time (seconds), max_memory (bytes), min_ceiling_share (a share) or max_ratio (a ratio); ""
    for a budget as a whole. `tighter` is what the budget would be if it were set by this run; None where that
    is not tighter.
    """

    case: str
    limit: str
    standing: Standing
    allowed: float = math.nan
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = ""
    tighter: float | None = None


def check_budgets(analyzed: AnalyzedRun, budgets: tuple[Budget, ...]) -> tuple[BudgetCheck, ...]:
    """How a run's cases (in a gate run those of head) stand to the budgets."""
    if not budgets:
        return ()
    run, logs = analyzed.run, launch_logs(analyzed.run, analyzed.blocks)
    measured = _Measured(run.machine, of_head(analyzed.cases), run.cases, logs)
    return tuple(checked for budget in budgets for checked in _of_budget(budget, measured))


def of_head(cases: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cases frame that stand for the code as it is now: all but those of a base."""
    return cases[cases["side"] != "base"]


def selects(budget: Budget, case: str, device: str) -> bool:
    """True where the budget is meant for the case."""
    fits = any(matches(budget.pattern, each) for each in aliases(case))
    elsewhere = device == ABSENT and budget.device != "cpu"
    return fits and (budget.device in ("", device, device.partition(":")[0]) or elsewhere)


@dataclass(frozen=True)
class _Measured:
    """What budgets are held against: estimates, identities, and ln(seconds per call) by row and launch."""

    machine: str
    estimates: pd.DataFrame
    cases: pd.DataFrame
    logs: Mapping[int, pd.Series]


def _of_budget(budget: Budget, measured: _Measured) -> Iterator[BudgetCheck]:
    pairs = measured.cases.loc[:, ["case", "device"]].drop_duplicates().itertuples(index=False)
    cases = [case for case, device in pairs if selects(budget, case, device)]
    if not cases:
        yield BudgetCheck(budget.pattern, "", "not selected", reason="none of its cases was to be measured")
    for case in cases:
        rows = measured.estimates[measured.estimates["case"] == case]
        yield from _of_case(budget, case, rows, measured)


def _of_case(budget: Budget, case: str, rows: pd.DataFrame, measured: _Measured) -> Iterator[BudgetCheck]:
    if rows.empty or math.isnan(rows["median_s"].iat[0]):
        absent = not rows.empty and rows["device"].iat[0] == ABSENT and rows["status"].iat[0] == "skipped"
        reason = "was not measured on head" if rows.empty else str(rows["reason"].iat[0])
        yield BudgetCheck(case, "", "skipped" if absent else "missing", reason=reason)
        return
    row = rows.iloc[0]
    if budget.max_time_s is not None:
        yield _time(budget, row, measured.machine)
    if budget.max_memory_bytes is not None:
        yield _memory(budget.max_memory_bytes, row)
    if budget.min_ceiling_share is not None:
        yield _ceiling_share(budget.min_ceiling_share, row)
    if budget.max_ratio is not None:
        yield _ratio(budget, case, int(rows.index[0]), measured)


def _time(budget: Budget, row: Mapping[str, Any], machine: str) -> BudgetCheck:
    assert budget.max_time_s is not None
    check = BudgetCheck(row["case"], "max_time", "met", budget.max_time_s, *_interval(row))
    if budget.machine and budget.machine != machine:
        reason = f"set on {budget.machine}, measured on {machine or 'a machine without a name'}"
        return replace(check, standing="not comparable", reason=reason)
    return _with_standing(check, row["status"] == "noisy")


def _memory(most_bytes: float, row: Mapping[str, Any]) -> BudgetCheck:
    """Memory is counted, not timed: it has no interval."""
    peak = float(row["peak_memory_bytes"])
    check = BudgetCheck(row["case"], "max_memory", "met", most_bytes, peak, peak, peak)
    if math.isnan(peak):
        return replace(check, standing="missing", reason="what its calls need could not be counted")
    return _with_standing(check)


def _ceiling_share(min_share: float, row: Mapping[str, Any]) -> BudgetCheck:
    share, (median_s, low_s, high_s) = row["ceiling_share"], _interval(row)
    interval = share, share * median_s / high_s, share * median_s / low_s
    check = BudgetCheck(row["case"], "min_ceiling_share", "met", min_share, *interval)
    if math.isnan(share):
        reason = "no ceiling is known for it: its suite declares no flops or bytes, or none was measured"
        return replace(check, standing="missing", reason=reason)
    return _with_standing(check, row["status"] == "noisy")


def _ratio(budget: Budget, case: str, row: int, measured: _Measured) -> BudgetCheck:
    assert budget.max_ratio is not None
    check = BudgetCheck(case, "max_ratio", "met", budget.max_ratio)
    partners = _partners(budget.to, row, measured)
    if len(partners) != 1:
        how_many = "several cases" if partners else "no measured case"
        reason = f"{how_many} of {budget.to!r} differ from it in one thing alone"
        return replace(check, standing="missing", reason=reason)
    both = (measured.logs.get(row, pd.Series()) - measured.logs.get(partners[0], pd.Series())).dropna()
    if len(both) < 2:
        return replace(check, standing="unclear", reason="fewer than two launches have clean blocks of both")
    middle, half = both.mean(), half_width(both.std(), len(both))
    value, low, high = (math.exp(each) for each in (middle, middle - half, middle + half))
    to = measured.cases["case"].iat[partners[0]]
    return _with_standing(replace(check, value=value, low=low, high=high, reason=f"to {to}"))


def _partners(pattern: str, row: int, measured: _Measured) -> list[int]:
    """Rows of cases that the pattern fits and that differ from this one in one thing alone."""
    cases, own = measured.cases, _facets(measured.cases.loc[row])
    side = cases["side"]
    partners = []
    for other in (each for each in measured.logs if each != row and side.at[each] == side.at[row]):
        facets = _facets(cases.loc[other]) if matches(pattern, cases["case"].at[other]) else {}
        if sum(own[name] != facets[name] for name in own.keys() & facets.keys()) == 1:
            partners.append(other)
    return partners


def _facets(case: Mapping[str, Any]) -> dict[str, Any]:
    """What sets cases apart, by name; a parameter cannot have the first two names."""
    return {"::test": (case["suite"], case["operation"]), "::device": case["device"], **case["params"]}


def _interval(row: Mapping[str, Any]) -> tuple[float, float, float]:
    return float(row["median_s"]), float(row["low_s"]), float(row["high_s"])


def _with_standing(check: BudgetCheck, noisy: bool = False) -> BudgetCheck:
    """The standing of what was measured, and a tighter budget where this one is loose."""
    if noisy or not (math.isfinite(check.low) and math.isfinite(check.high)):
        reason = "its time is known too badly" if noisy else "it has no interval"
        return replace(check, standing="unclear", reason=reason)
    is_minimum = check.limit == "min_ceiling_share"
    if check.high < check.allowed if is_minimum else check.low > check.allowed:
        return replace(check, standing="over")
    if check.low < check.allowed < check.high:
        return replace(check, standing="unclear", reason=check.reason or "the interval holds the budget")
    tighter = check.low / (1 + MARGIN) if is_minimum else check.high * (1 + MARGIN)
    loose = tighter > check.allowed * LOOSE if is_minimum else tighter * LOOSE < check.allowed
    return replace(check, tighter=tighter) if loose else check

"""Do intervals hold what a next run measures? Recorded runs against each other, and simulations with a truth.

    python -m trust coverage --runs RUN RUN ...     folders of runs, or their journals

Ratios are taken less what all cases of two runs share: that is the machine's pace, which no interval from
within a run can hold. Nor can it hold how unlike that was from case to case. The share that hold 1 is
demanded of the runs' own intervals, and said of those of `bench compare` as well, which have that in them.
How sure the share is comes from a bootstrap over suites and runs: cases of a suite, and pairs with a run in
common, are no independent witnesses.
"""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.estimates import scatter
from bench.analyze.estimates.intervals import CONFIDENCE, Centre, difference
from bench.analyze.estimates.visits import visits_of
from bench.analyze.runs.compare import centres_by_case
from bench.analyze.runs.shift import between
from bench.storage.journal import StoreError, find_runs
from bench.storage.store import read_run
from trust.claims import Claim, Proof, per_cent, share

LEAST, MOST = 0.93, 0.98
"""Of intervals that say 95 %, how many should hold: fewer are too narrow, more too wide."""

REDRAWN = 2000
"""Bootstraps: the ends of a 95 % interval rest on fifty each."""

SIMULATED_CASES, SIMULATED_RUNS, MOST_LAUNCHES = 200, 40, 12


def prove(folder: Path, runs: Sequence[Path] = ()) -> Proof:
    """The claims about simulations, and about recorded runs where some are given."""
    found = {}
    for path in runs:
        for each in _folders(path, folder / "runs"):
            if each.name in found:
                raise StoreError(f"two runs are called {each.name}; give them folders of different names")
            found[each.name] = AnalyzedRun(read_run(each))
    table = pairs(found)
    claims = [*_simulated(), *_of_runs(found), *_of_scatter(found), *_of_pairs(table)]
    return Proof(tuple(claims), {"pairs": table} if len(table) else {})


def _folders(path: Path, into: Path) -> list[Path]:
    """The runs at a path; a journal becomes a run's folder of its name first."""
    if path.is_dir():
        return find_runs(path)
    if not path.is_file():
        raise StoreError(f"{path} does not exist; expected a run's folder, or its journal")
    own = path.name.partition(".")[0]
    name = path.resolve().parent.name if own == "journal" else own
    target = into / name / ("journal.jsonl" + (".gz" if path.suffix == ".gz" else ""))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return [target.parent]


def ratios(first: Mapping[str, Centre], second: Mapping[str, Centre]) -> pd.DataFrame:
    """A row a case that both have: ln(second/first), its standard error, its degrees of freedom."""
    changes = {case: difference(second[case], first[case]) for case in first if case in second}
    rows = [(case, each.mean, each.error, each.freedom) for case, each in changes.items()]
    return pd.DataFrame(rows, columns=["case", "log", "error", "freedom"])


def with_interval(table: pd.DataFrame, log: float = 0.0, error: float = 0.0) -> pd.DataFrame:
    """The ratios with their 95 % intervals, less a shift of all that is known with such an error."""
    half = stdtrit(table["freedom"], (1 + CONFIDENCE) / 2) * np.hypot(table["error"], error)
    logs = table["log"] - log
    ends = {"ratio": np.exp(logs), "low": np.exp(logs - half), "high": np.exp(logs + half)}
    return table[["case"]].assign(**ends)


def pairs(runs: Mapping[str, AnalyzedRun]) -> pd.DataFrame:
    """A row a case of each two runs that repeat each other: their names, the case, its suite, the ratio less
    the shift with its interval, and the shift. `compared`: whether the ratio holds 1 as `compare` has it.
    """
    frames = []
    for (before, first), (after, second) in combinations(runs.items(), 2):
        table = ratios(*(centres_by_case(each.run, each.centres) for each in (first, second)))
        environments = first.run.environment, second.run.environment
        shift = between(table["log"].to_numpy(), table["error"].to_numpy(), *environments)
        if shift and shift.kind == "unlike":  # another machine, torch or thread count is no repetition
            continue
        log, error, apart = (shift.log, shift.error, shift.apart) if shift else (0.0, 0.0, 0.0)
        row = with_interval(table, log, error).assign(before=before, after=after, shift=math.exp(log))
        compared = _holds(with_interval(table, log, math.hypot(error, apart)))
        suite = row["case"].str.partition("::")[0]
        frames.append(row.assign(suite=suite, shift_error=error, apart=apart, compared=compared))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _of_runs(runs: Mapping[str, AnalyzedRun]) -> list[Claim]:
    claims = []
    for name, each in runs.items():
        cases = each.cases[each.cases["blocks"] > 0]
        half = (cases["high_s"] / cases["low_s"]) ** 0.5 - 1
        widths = f"{100 * half.median():.0f} %, {100 * half.quantile(0.9):.0f} %"
        settled = share(int((cases["confidence"] != "unsettled").sum()), len(cases))
        solid = share(int((cases["confidence"] == "solid").sum()), len(cases))
        claims += [
            Claim(f"coverage: {name}: half of the interval, median case and nine in ten", widths),
            Claim(f"coverage: {name}: cases that are settled; solid ones", f"{settled}; {solid}"),
        ]
    return claims


def _of_scatter(runs: Mapping[str, AnalyzedRun]) -> list[Claim]:
    """What `scatter` takes for granted where a run has too few cases that tell."""
    claims = []
    for name, each in runs.items():
        visits = visits_of(each.run, each.blocks)
        blocks = float(visits["spread"].median())
        by_launch = visits.groupby(["row", "launch"])["log"]
        within = math.sqrt(_variance(by_launch))
        means = by_launch.mean().groupby(level="row")
        left = _variance(means) - within**2 / by_launch.size().mean()
        read = f"{blocks:.3f}; {within:.3f}; {math.sqrt(max(left, 0.0)):.3f}"
        claims.append(Claim(f"coverage: {name}: deviation of blocks, visits, launches, in logarithms", read))
    return claims


def _variance(groups: Any) -> float:
    """The variance within groups, over all that have two values or more."""
    sizes = groups.size() - 1
    return float((groups.var() * sizes).sum() / sizes.sum()) if sizes.sum() else 0.0


def _of_pairs(table: pd.DataFrame) -> list[Claim]:
    if table.empty:
        return []
    holds = _holds(table)
    claims = []
    for (before, after), each in table.assign(holds=holds).groupby(["before", "after"], sort=False):
        shift, apart = per_cent(each["shift"].iat[0]), 100 * each["apart"].iat[0]
        claims += [
            Claim(f"coverage: what all cases of {after} share against {before}", shift),
            Claim(f"coverage: {before}, {after}: deviation of cases beyond their errors", f"{apart:.1f} %"),
            Claim(f"coverage: {before}, {after}: ratios that hold 1", _share(each["holds"])),
        ]
    low, high = _redrawn(table.assign(holds=holds))
    read = f"{_share(holds)}; {100 * low:.0f} to {100 * high:.0f} % by suites and runs"
    passed = bool(LEAST <= holds.mean() <= MOST)
    return [
        *claims,
        Claim("coverage: ratios that hold 1, all pairs", read, "93 to 98 %", passed),
        Claim("coverage: the same by the bounds of `bench compare`", _share(table["compared"])),
    ]


def _holds(table: pd.DataFrame) -> pd.Series:
    return (table["low"] <= 1) & (table["high"] >= 1)


def _share(holds: pd.Series) -> str:
    return share(int(holds.sum()), len(holds))


def _redrawn(table: pd.DataFrame) -> tuple[float, float]:
    """The 95 % interval of the share that hold 1, from a bootstrap over suites and runs."""
    random = np.random.default_rng(1)
    counts = table.groupby(["before", "after", "suite"])["holds"].agg(["sum", "size"]).reset_index()
    runs = pd.unique(counts[["before", "after"]].to_numpy().ravel())
    shares = []
    suites = pd.unique(counts["suite"])
    before, after = (pd.Index(runs).get_indexer(counts[name]) for name in ("before", "after"))
    suite = pd.Index(suites).get_indexer(counts["suite"])
    held, of = counts["sum"].to_numpy(), counts["size"].to_numpy()
    for _ in range(REDRAWN):
        of_run, of_suite = _times_drawn(random, len(runs)), _times_drawn(random, len(suites))
        weight = of_run[before] * of_run[after] * of_suite[suite]
        if weight.sum():
            shares.append(float((weight * held).sum() / (weight * of).sum()))
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _times_drawn(random: np.random.Generator, names: int) -> NDArray[np.int_]:
    """How often each of so many names is drawn, in as many draws."""
    return np.bincount(random.integers(0, names, names), minlength=names)


def _simulated() -> list[Claim]:
    """Cases of one to twelve launches, whose scatter is unlike and has heavy tails, or none."""
    draws: dict[str, Callable[[np.random.Generator, int], scatter.Array]] = {
        "heavy tails": lambda random, count: random.standard_t(4, count) / math.sqrt(2),
        "no tails": lambda random, count: random.normal(size=count),
    }
    claims = []
    for name, draw in draws.items():
        random, held, count = np.random.default_rng(1), 0, SIMULATED_CASES * SIMULATED_RUNS
        for _ in range(SIMULATED_RUNS):
            launches = random.integers(1, MOST_LAUNCHES + 1, SIMULATED_CASES)
            held += _held(random, launches, draw)
        passed = 0.93 <= held / count <= 0.97
        what = f"coverage: simulated, {name}, 1 to {MOST_LAUNCHES} launches: intervals that hold the truth"
        claims.append(Claim(what, share(held, count), "93 to 97 %", passed))
    return claims


def _held(
    random: np.random.Generator,
    launches: scatter.Numbers,
    draw: Callable[[np.random.Generator, int], scatter.Array],
) -> int:
    """How many intervals of a simulated run hold the truth, 0.

    Three visits a launch, 10 % between visits, 8 % between launches, times what makes the cases' variances
    F-distributed with eight degrees of freedom.
    """
    unlike = np.sqrt(8 / random.chisquare(8, len(launches)))
    case = np.repeat(np.arange(len(launches)), launches)
    shifts = 0.08 * draw(random, len(case)) * unlike[case]
    launch = np.repeat(np.arange(len(case)), 3)
    logs = shifts[launch] + 0.10 * draw(random, len(launch)) * unlike[case][launch]
    found = scatter.centres(logs, case[launch], launch, np.zeros(len(launches), dtype=int))
    return int((np.abs(found.log) <= found.half()).sum())

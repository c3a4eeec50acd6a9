"""What other tools' rules would say of the launches that calibrate the gate: the same work, the same minutes.

Each rule gets what its tool would have measured, a process for each launch and side, and says whether head is
slower. Blocks of the two sides alternate here, which the tools themselves do not do: it favours them.

pytest-benchmark   one process a side, one after the other: base of a launch against head of the next
pyperf             five processes a side, three values each, in one t-test over all values
asv                two rounds of five samples a side, in turn, as `asv continuous --interleave-rounds`
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LaunchTimes = Sequence[NDArray[np.float64]]
"""One case on one side: seconds per call, an array a launch."""

PROCESSES = 5
"""Launches of one trial: those of the gate's screen."""

PYPERF_VALUES, PYPERF_ALPHA = 3, 0.05
"""pyperf's defaults: three values a process; `pyperf._utils.is_significant` tests at 5 %, two-sided."""

ASV_ROUNDS, ASV_SAMPLES, ASV_ALPHA = 2, 5, 0.002
"""asv's defaults: two rounds, five samples in each, and the p of `asv_runner.statistics.is_different`."""


def pytest_benchmark(
    statistic: Callable[[NDArray[np.float64]], float],
) -> Callable[[LaunchTimes, LaunchTimes], bool]:
    """`--benchmark-compare-fail=STATISTIC:5%`."""
    return lambda base, head: bool(statistic(head[1]) > 1.05 * statistic(base[0]))


def pyperf(min_speed: float) -> Callable[[LaunchTimes, LaunchTimes], bool]:
    """`pyperf compare_to --min-speed`; a change that is not significant is none."""

    def slower(base: LaunchTimes, head: LaunchTimes) -> bool:
        from scipy.stats import ttest_ind  # its import takes a second, and only calibrations need it

        one, two = (np.concatenate([each[:PYPERF_VALUES] for each in side]) for side in (base, head))
        significant = ttest_ind(one, two).pvalue < PYPERF_ALPHA
        return bool(significant and two.mean() > (1 + min_speed) * one.mean())

    return slower


def asv(factor: float) -> Callable[[LaunchTimes, LaunchTimes], bool]:
    """`asv continuous --factor`."""

    def slower(base: LaunchTimes, head: LaunchTimes) -> bool:
        from scipy.stats import mannwhitneyu  # as above

        rounds = (side[:ASV_ROUNDS] for side in (base, head))
        one, two = (np.concatenate([each[:ASV_SAMPLES] for each in side]) for side in rounds)
        different = mannwhitneyu(one, two).pvalue < ASV_ALPHA
        return bool(different and np.median(two) > factor * np.median(one))

    return slower


RULES: dict[str, Callable[[LaunchTimes, LaunchTimes], bool]] = {
    "pytest-benchmark, mean:5%": pytest_benchmark(np.mean),
    "pytest-benchmark, median:5%": pytest_benchmark(np.median),
    "pytest-benchmark, min:5%": pytest_benchmark(np.min),
    "pyperf compare_to": pyperf(0.0),
    "pyperf compare_to --min-speed=5": pyperf(0.05),
    "asv continuous (factor 1.1)": asv(1.1),
    "asv continuous --factor=1.05": asv(1.05),
}
"""By what a user would write: whether head is slower."""


def trials(blocks: pd.DataFrame, launches: Sequence[int]) -> list[dict[str, dict[str, bool]]]:
    """For each five of the launches, in their order, what every rule says of every case.

    `blocks` are a run's; a case that one of the launches lacks on a side is left out of that trial.
    """
    wall = blocks[(blocks["kind"] == "wall") & blocks["side"].isin(("base", "head"))]
    wall = wall.assign(case=wall["case"].astype(str), seconds=wall["wall_s"] / wall["calls"])
    starts = range(0, len(launches) - PROCESSES + 1, PROCESSES)
    return [_trial(wall, launches[start : start + PROCESSES]) for start in starts]


def _trial(wall: pd.DataFrame, launches: Sequence[int]) -> dict[str, dict[str, bool]]:
    chosen = wall[wall["launch"].isin(launches)]
    by_case: dict[str, dict[str, bool]] = {}
    for case, rows in chosen.groupby("case", sort=False):
        base, head = (_series(rows[rows["side"] == side], launches) for side in ("base", "head"))
        if len(base) == len(head) == len(launches):
            by_case[str(case)] = {name: rule(base, head) for name, rule in RULES.items()}
    return by_case


def _series(rows: pd.DataFrame, launches: Iterable[int]) -> LaunchTimes:
    by_launch = {int(launch): each.to_numpy(float) for launch, each in rows.groupby("launch")["seconds"]}
    return [by_launch[launch] for launch in launches if launch in by_launch]

"""What to know before trusting a case's figure: warnings that travel with it."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from bench.analyze.blocks.clean import unread
from bench.analyze.declared import number
from bench.analyze.estimates.beaten import MISCOUNTED, Beaten
from bench.analyze.estimates.changes import change
from bench.analyze.estimates.contradictions import Checking, row_warnings
from bench.analyze.estimates.scatter import MIN_CASES
from bench.analyze.estimates.unsure import unsure
from bench.storage.tables import Run

MODE_GAP = 0.05
"""Launches disagree when they fall into groups this far apart (and three times a group's own range): a
process that got a bad memory layout stays slow from start to end, and the median says nothing of it."""

DRIFT = 0.05
"""Change from the first to the last block of a launch from which a case drifts, if four errors from none."""

MIN_FOR_DRIFT = 20

WARMING = 0.05
"""How much slower a launch's first counted block may be than its others; beyond that, in more than half of
two launches or more, the warm-up ended too early and leaks into the steady state."""

CAPPED = 0.05
"""Share of a case's blocks under a power cap from which there is a warning: GPUs touch it now and then."""

SPENT = 1000.0
"""How many times the others the first call after a set-up may take: cold caches make ten of calls that do the
same, and some hundred where a call does next to nothing."""

KEPT_BYTES = 64
"""Kept by every call, from which memory grows: the smallest objects with something in them."""

MIN_OTHERS = 3
"""Counted blocks that a launch's first one is compared with."""

RowWarning = tuple[int, str]
"""A warning, and the row of the frame that it is about."""


def warnings(
    run: Run,
    cases: pd.DataFrame,
    frame: pd.DataFrame,
    blocks: pd.DataFrame,
    beaten: Sequence[Beaten],
    checks: Sequence[Checking],
) -> pd.Series:
    """One string a row: its warnings joined by "; ".

    `beaten` are the ceilings that cases beat, `checks` what the run's checks of itself found.
    """
    measured = frame["blocks"] > 0
    found = chain(
        _of_launches(frame, blocks, measured),
        _of_visits(frame, blocks),
        _of_calls(cases, frame, blocks),
        _above(beaten),
        row_warnings(checks),
        unsure(frame, cases, blocks, run.header.environment),
        _of_records(run, cases, frame, blocks, measured),
    )
    by_row: list[list[str]] = [[] for _ in range(len(frame))]
    for row, text in found:
        by_row[row].append(text)
    return pd.Series(["; ".join(texts) for texts in by_row], dtype="str")


def _of_launches(frame: pd.DataFrame, blocks: pd.DataFrame, measured: pd.Series) -> Iterable[RowWarning]:
    """Rows of which too little is known: no clean block, no warm call, one launch."""
    unclean = measured & (frame["clean_blocks"] == 0)
    yield from _where(unclean, "every block was disturbed: the median counts them all, and has no interval")
    for row in _cold(blocks):
        text = "as `pedantic(rounds=1)` asks for, not the steady state"
        yield row, f"a cold call: the first in each process, {text}"
    others = "the run's other cases" if (frame["launches"] > 1).sum() >= MIN_CASES else "recorded machines"
    one = measured & (frame["launches"] == 1)
    yield from _where(one, f"one launch: how far launches differ is taken from {others}")


def _of_visits(frame: pd.DataFrame, blocks: pd.DataFrame) -> Iterable[RowWarning]:
    """Rows whose visits, launches or blocks say unlike things."""
    counted = blocks[(blocks["kind"] == "wall") & blocks["counted"]]
    for row, ratio in _unsettled(frame, counted).items():
        yield row, f"unsettled: its slowest visit took {ratio:.3g} times as long a call as its fastest"
    for row, gap in _mode_gaps(counted).items():
        yield row, f"launches disagree: two groups {change(np.exp(gap))} apart"
    for row, slope in _drifts(counted).items():
        yield row, f"drifts by {change(np.exp(slope))} within a launch"
    for row, excess in _warming(counted).items():
        text = f"the first block of a launch against its others: {change(np.exp(excess))}"
        yield row, f"still warming up: {text}"


def _of_calls(cases: pd.DataFrame, frame: pd.DataFrame, blocks: pd.DataFrame) -> Iterable[RowWarning]:
    """Rows whose calls do more than the same each time, or leave the device's queue dry."""
    for row, ratio in _spent(blocks).items():
        text = "its calls change their input, or are answered from a cache"
        yield row, f"the first call after a set-up takes {ratio:.0f} times as long as the others: {text}"
    for row, left in ((row, extra.get("left_behind")) for row, extra in enumerate(cases["extra"])):
        if left:
            yield row, f"leaves behind, which was put back: {left}"
    for row in map(int, np.flatnonzero(frame["kept_bytes"] >= KEPT_BYTES)):
        text = "its memory grows, as the garbage collector is off in a block"
        yield row, f"keeps {frame['kept_bytes'].iat[row]:,.0f} bytes a call: {text}"
    yield from _dry(frame, blocks)


def _of_records(
    run: Run, cases: pd.DataFrame, frame: pd.DataFrame, blocks: pd.DataFrame, measured: pd.Series
) -> Iterable[RowWarning]:
    """Rows of which the run itself recorded what speaks against them."""
    for row, (declared, count) in _miscounted(frame, cases).items():
        yield row, f"declares {declared:.3g} flops, where torch counts {count:.3g}"
    capped = blocks["notes"].str.contains("power_cap").groupby(blocks["row"]).mean()
    for row, share in capped[capped > CAPPED].items():
        yield row, f"the GPU's power limit held its clocks down in {share:.0%} of the blocks"
    wall = blocks[blocks["kind"] == "wall"]
    blind = unread(wall).groupby(wall["row"]).all()
    yield from ((row, "disturbance could not be read") for row in blind.index[blind])
    for row in map(int, np.flatnonzero(measured & (cases["failed_visits"] > 0))):
        failed, visits, message = (cases[name].iat[row] for name in ("failed_visits", "visits", "message"))
        yield row, f"{failed} of {visits} visits {cases['outcome'].iat[row]}: {gist(message)}"
    for device, names in failed_checks(run).items():
        text = f"device columns untrusted: {', '.join(names)}"
        yield from _where(measured & (frame["device"] == device), text)


def _above(beaten: Sequence[Beaten]) -> Iterable[RowWarning]:
    """Rows that beat a ceiling that could not be raised to them: what they declare cannot be."""
    for each in beaten:
        if not each.raised:
            text = "more work was declared than is done, or the precision is not on record"
            name = " ".join(dict.fromkeys(filter(None, (each.name, each.kind))))
            yield from ((row, f"above the {name} ceiling, which was not raised: {text}") for row in each.rows)


def _dry(frame: pd.DataFrame, blocks: pd.DataFrame) -> Iterable[RowWarning]:
    """Rows without a device's own time, or a cold one, because the queue ran dry; and why it did."""
    dry = blocks[blocks["notes"].str.contains("queue_ran_dry")]
    for kind, column, what in (("device", "device_s", "device"), ("cold", "cold_s", "cold")):
        fewest = dry[dry["kind"] == kind].groupby("row")["calls"].min()
        for row, calls in fewest[frame.loc[fewest.index, column].isna()].items():
            why = "each call waits for the device" if calls == 1 else f"{calls} calls did not fit into it"
            yield row, f"no {what} time: queue_ran_dry, {why}"


PLACE = re.compile(r"\S.*:\d+")
"""A file and a line, with which pytest ends what it says of a fixture."""


def gist(message: str) -> str:
    """The line of a failure's text that says most: what pytest marks as raised (`E  `), else the last one
    with words in it; the first where the last names a place alone, or of a process that ended, whose last
    output follows."""
    lines = [line for line in message.strip().splitlines() if re.search(r"\w", line)]
    if lines and lines[0].startswith("the process "):
        return lines[0]
    raised = [line[1:] for line in lines if line.startswith("E  ")]
    if raised:  # a syntax error's own lines, and what an assertion compares, stand further in
        return min(raised, key=lambda line: len(line) - len(line.lstrip())).strip()
    if lines and PLACE.fullmatch(lines[-1]):
        return lines[0].strip()
    return lines[-1].strip(" |") if lines else ""


def failed_checks(run: Run) -> dict[str, list[str]]:
    """Names of the self-checks that failed, by device."""
    failed: dict[str, list[str]] = {}
    for check in run.checks:
        if not check.passed:
            failed.setdefault(check.device, []).append(check.name)
    return failed


def _miscounted(frame: pd.DataFrame, cases: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """Rows whose declared FLOPs are not those that torch counted, and both."""
    rows = {}
    for row, (declared, extra) in enumerate(zip(frame["flops"].tolist(), cases["extra"], strict=True)):
        count = number(extra, "counted_flops")
        if count and abs(declared / count - 1) > MISCOUNTED:
            rows[row] = declared, count
    return rows


def _unsettled(frame: pd.DataFrame, counted: pd.DataFrame) -> dict[int, float]:
    """Rows of which not even the order is known, and the ratio of their slowest visit to their fastest."""
    visit = [counted["row"], counted["launch"], counted["pass"]]
    visits = (counted["wall_s"] / counted["calls"]).groupby(visit).median().groupby(level=0)
    ratio = visits.max() / visits.min()
    unsettled = ratio.index[frame["confidence"].loc[ratio.index] == "unsettled"]
    return {int(row): float(ratio[row]) for row in unsettled}


def _spent(blocks: pd.DataFrame) -> dict[int, float]:
    """Rows whose first call after a set-up takes thousands of times as long as the others: how many.

    The first visit of a launch tells only where there is no other: a process's first call may compile.
    """
    made = blocks.sort_values(["row", "launch", "pass", "start_s"], kind="stable")
    visit = made.groupby(["row", "launch", "pass"], sort=False)
    leading = visit["wall_s"].first()[visit["calls"].first() == 1]
    per_call_s = made["wall_s"] / made["calls"]
    rest = per_call_s[made["kind"] == "wall"].groupby([made["row"], made["launch"], made["pass"]]).median()
    ratios = (leading / rest.clip(lower=1e-9)).dropna().rename("ratio").reset_index()
    later = ratios["pass"] > ratios.groupby(["row", "launch"])["pass"].transform("min")
    several = later.groupby(ratios["row"]).transform("any")
    ratio = ratios[later | ~several].groupby("row")["ratio"].median()
    return {int(row): float(ratio[row]) for row in ratio.index[ratio > SPENT]}


def _cold(blocks: pd.DataFrame) -> list[int]:
    """Rows whose visits make one call, which counts: no call came before it to warm up.

    Other tools tell nothing of what came before; nor do they read a pace.
    """
    visits = blocks[blocks["pace_s"].notna()].groupby(["row", "launch", "pass", "side"], observed=True)
    cold = (visits["calls"].sum() == 1) & (visits["kind"].first() == "wall")
    return [int(row) for row, each in cold.groupby(level=0).all().items() if each]


def _where(mask: pd.Series, text: str) -> Iterable[RowWarning]:
    return ((int(row), text) for row in np.flatnonzero(mask))


def _mode_gaps(counted: pd.DataFrame) -> dict[int, float]:
    """Rows whose launches fall into two groups, of two or more each, with the gap between them in logs."""
    medians = (counted["wall_s"] / counted["calls"]).groupby([counted["row"], counted["launch"]]).median()
    table = np.log(medians).unstack("launch")
    logs = np.sort(table.to_numpy(), axis=1)  # NaN, for a launch without a counted block, sorts last
    launches = np.isfinite(logs).sum(axis=1)
    largest = np.zeros(len(logs))
    for split in range(2, logs.shape[1] - 1):
        gap = logs[:, split] - logs[:, split - 1]
        top = logs[np.arange(len(logs)), np.maximum(launches - 1, 0)]
        own = np.maximum(logs[:, split - 1] - logs[:, 0], top - logs[:, split])
        apart = (launches >= split + 2) & (gap > MODE_GAP) & (gap > 3 * own)
        largest = np.where(apart, np.fmax(largest, gap), largest)
    return {int(row): float(gap) for row, gap in zip(table.index, largest, strict=True) if gap > 0}


def _drifts(counted: pd.DataFrame) -> dict[int, float]:
    """Rows whose time moves from the start to the end of a launch: the slope over a launch, in logs."""
    launch = [counted["row"], counted["launch"]]
    logs = np.log(counted["wall_s"] / counted["calls"])
    y = logs - logs.groupby(launch).transform("mean")
    size = y.groupby(launch).transform("size")
    x = y.groupby(launch).cumcount() / (size - 1).clip(lower=1) - (size > 1) / 2
    sums = pd.DataFrame({"xx": x * x, "xy": x * y, "yy": y * y}).groupby(counted["row"]).sum()
    count = counted.groupby("row").size()
    slope = sums["xy"] / sums["xx"]
    spread = (sums["yy"] - slope * sums["xy"]).clip(lower=0) / (count - 2) / sums["xx"]
    sure = (count >= MIN_FOR_DRIFT) & (slope.abs() > DRIFT) & (slope**2 > 16 * spread)
    return {int(row): float(slope[row]) for row in slope.index[sure]}


def _warming(counted: pd.DataFrame) -> dict[int, float]:
    """Rows most of whose launches begin slower than they go on: by how much the median one does, in logs."""
    logs = np.log(counted["wall_s"] / counted["calls"])
    launch = [counted["row"], counted["launch"]]
    others = logs.mask(counted.groupby(launch).cumcount() == 0).groupby(launch)
    excess = (logs.groupby(launch).first() - others.median())[others.count() >= MIN_OTHERS]
    by_row = excess.groupby(level=0)
    most = (excess > WARMING).groupby(level=0).mean() > 0.5
    return {int(row): float(by_row.median()[row]) for row in most.index[most & (by_row.size() >= 2)]}

"""What the harness costs: per call, beside `timeit`; per block, with eight threads awake."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd

from bench.events import Visit
from bench.measure.sides.stopping import BLOCK_S
from bench.measure.start.process import Spec
from trust.claims import Claim, Proof
from trust.recorded import visits
from trust.sides import ROOT, Plan, Side, together

LAUNCHES = 9
"""A processor whose speed jumps between a visit's two readings spoils the visit: one in four."""

THREADS = 8

READINGS = 0.03
"""What the readings around a block may take of it. A gate's blocks are the shortest."""


def prove(folder: Path) -> Proof:
    """The claims about the harness's own cost."""
    spec = Spec((str(ROOT / "trust/cases/test_cost.py"),), directory=ROOT, rootdir=ROOT)
    together(folder, Plan(spec, launches=LAUNCHES, seconds=1.0), [Side("ours")])
    table = compared(visits(folder, "ours"))
    per_block = pd.DataFrame(reading(threads) for threads in (1, 2, 4, THREADS))
    between = between_blocks_s(folder)
    return Proof(tuple(claims(table, per_block.iloc[-1], between)), {"cases": table, "readings": per_block})


def compared(visited: Iterable[Visit]) -> pd.DataFrame:
    """A row a case: medians over its visits of our seconds a call, of timeit's, and of the ratio in a visit.

    Both are read within a tenth of a second there: later the processor may run at half the speed.
    """
    read = pd.DataFrame(
        {
            "case": visit.case.rpartition("::")[2],
            "ours": median(block.wall_s / block.calls for block in wall),
            "timeit_s": visit.extra_info["timeit_s"],
        }
        for visit in visited
        if (wall := [block for block in visit.blocks if block.kind == "wall"])
    )
    read["ratio"] = read["ours"] / read["timeit_s"]
    return read.groupby("case", sort=False).median().reset_index()


def claims(table: pd.DataFrame, readings: Mapping[str, float], between: float) -> Iterator[Claim]:
    for row in table.itertuples():
        bare = row.case == "test_bare"
        yield Claim(
            f"cost: {row.case}, against timeit",
            f"{row.ratio:.2f} × ({row.ours * 1e9:.1f} ns against {row.timeit_s * 1e9:.1f} ns)",
            "≤ 1.2 ×" if bare else "",
            bool(row.ratio <= 1.2) if bare else None,
        )
    share = readings["all_s"] / BLOCK_S
    yield Claim(
        f"cost: readings around a block of a gate ({BLOCK_S * 1e3:g} ms), {THREADS} threads awake",
        f"{100 * share:.1f} % of it, {readings['all_s'] * 1e6:.0f} µs",
        f"≤ {100 * READINGS:.0f} %",
        share <= READINGS,
    )
    yield Claim("cost: of these, the kernel's answers alone", f"{readings['kernel_s'] * 1e6:.0f} µs")
    yield Claim("cost: from the end of a block to the start of the next", f"{between * 1e6:.0f} µs")


def reading(threads: int) -> Mapping[str, float]:
    """What `trust.readings` prints of a process of so many threads."""
    printed = subprocess.run(
        [sys.executable, "-m", "trust.readings", str(threads)], cwd=ROOT, capture_output=True, check=True
    )
    seconds: dict[str, float] = json.loads(printed.stdout)
    return seconds


def between_blocks_s(folder: Path) -> float:
    """The median gap between two wall blocks in a row: readings, channel, decisions, calls that lead in."""
    gaps: list[float] = []
    for visit in visits(folder, "ours"):
        wall = [block for block in visit.blocks if block.kind == "wall"]
        for before, after in pairwise(wall):
            gaps.append(after.start_s - before.start_s - before.wall_s)
    return median(gaps)

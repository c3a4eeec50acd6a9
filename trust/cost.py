"""What the harness costs: per call, beside `timeit`; per block, with eight threads awake."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd

from bench.measure.interference import Readings
from bench.measure.schedule import BLOCK_S
from bench.measure.workers import Spec
from trust.claims import Claim, Proof
from trust.sides import ROOT, Plan, Side, by_side, estimates, together, visits

THREADS = 8
BLOCKS = 200
READING_LIMIT_S = 30e-6

SETTLING = 5000
"""Rounds of hashing, some milliseconds without Python's lock: threads that wait for that lock sleep again
meanwhile. A library's threads do not need it."""


def prove(folder: Path) -> Proof:
    """The claims about the harness's own cost."""
    spec = Spec((str(ROOT / "trust/cases/test_cost.py"),), directory=ROOT, rootdir=ROOT)
    runs = together(folder, Plan(spec, launches=3, seconds=1.0), [Side("ours")])
    timeit_s = pd.DataFrame(
        {"case": visit["case"], "timeit_s": visit["extra_info"]["timeit_s"]}
        for visit in visits(folder, "ours")
    )
    table = by_side(estimates(runs), "median_s").join(timeit_s.groupby("case", sort=False).median())
    table = table.assign(ratio=table["ours"] / table["timeit_s"]).reset_index()
    table["case"] = table["case"].str.rpartition("::")[2]
    readings_s = {threads: reading_s(threads) for threads in (1, 2, 4, THREADS)}
    per_block = pd.DataFrame({"threads": list(readings_s), "seconds": list(readings_s.values())})
    between = between_blocks_s(folder)
    return Proof(tuple(claims(table, readings_s[THREADS], between)), {"cases": table, "readings": per_block})


def claims(table: pd.DataFrame, reading: float, between: float) -> Iterator[Claim]:
    for row in table.itertuples():
        bare = row.case == "test_bare"
        yield Claim(
            f"cost: {row.case}, against timeit",
            f"{row.ratio:.2f} × ({row.ours * 1e9:.1f} ns against {row.timeit_s * 1e9:.1f} ns)",
            "≤ 1.2 ×" if bare else "",
            bool(row.ratio <= 1.2) if bare else None,
        )
    yield Claim(
        f"cost: readings around a block, {THREADS} threads awake",
        f"{reading * 1e6:.0f} µs",
        f"≤ {READING_LIMIT_S * 1e6:.0f} µs",
        reading <= READING_LIMIT_S,
    )
    yield Claim("cost: from the end of a block to the start of the next", f"{between * 1e6:.0f} µs")


def reading_s(threads: int) -> float:
    """The median seconds of the readings around a block in which so many threads are awake."""
    readings, spent_s = Readings(), []
    try:
        with awake(threads - 1) as wake:
            for _ in range(BLOCKS):
                begun_s = time.perf_counter()
                readings.before(BLOCK_S)
                ready_s = time.perf_counter()
                wake()
                hashlib.pbkdf2_hmac("sha256", b"", b"", SETTLING)
                ended_s = time.perf_counter()
                readings.after()
                spent_s.append(ready_s - begun_s + time.perf_counter() - ended_s)
    finally:
        readings.close()
    return median(spent_s)


@contextmanager
def awake(count: int) -> Iterator[Callable[[], None]]:
    """A function that wakes `count` threads and returns when each has run."""
    begin, done, over = threading.Barrier(count + 1), threading.Barrier(count + 1), threading.Event()

    def run() -> None:
        while True:
            begin.wait()
            if over.is_set():
                return
            done.wait()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    def wake() -> None:
        begin.wait()
        done.wait()

    try:
        yield wake
    finally:
        over.set()
        begin.wait()
        for thread in threads:
            thread.join()


def between_blocks_s(folder: Path) -> float:
    """The median gap between two wall blocks in a row: readings, channel, decisions, calls that lead in."""
    gaps: list[float] = []
    for visit in visits(folder, "ours"):
        wall = [block for block in visit["blocks"] if block["kind"] == "wall"]
        for before, after in pairwise(wall):
            gaps.append(after["start_s"] - before["start_s"] - before["wall_s"])
    return median(gaps)

"""The estimates and headers of a history, as if they had been read from runs."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.events import Header

CASE = "suites/test_a.py::test_a[cpu-1]"


def headers(count: int) -> dict[str, Header]:
    """The headers of so many runs, one a second, on one machine."""
    return {
        f"run{number:03d}": Header(
            created=f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}+00:00",
            commit={"id": f"{number:040x}"},
            environment={"machine_id": "m", "cpu": {"model": "p"}, "torch": {"version": "2.12"}},
        )
        for number in range(count)
    }


def frame(seconds: ArrayLike, runs: Iterable[str], device: str = "cpu", case: str = CASE) -> pd.DataFrame:
    """The estimates of one case in each of some runs, half a per cent wide."""
    seconds = np.asarray(seconds)
    return pd.DataFrame(
        {
            "case": case, "side": "", "device": device, "status": "ok", "median_s": seconds,
            "low_s": seconds * 0.995, "high_s": seconds * 1.005, "run": list(runs),
        }
    )  # fmt: skip

"""Beside torch.utils.benchmark and pytest-benchmark: the same calls, in the same processes, quiet and busy.

In each visit the peers time the call first, by their own rules and with their usual settings, then we do.
Whether blocked_autorange agrees with us shows in turns of it between our blocks (`trust.beside`).
`to_2_s` is how long a tool takes until the 95 % interval of its median, by one and the same formula over its
series, is ±2 %, and so on: on a machine whose pace changes no tool may get as far within a second.
Which of our blocks were made at another pace than most, and do not count, is known only after the run.
blocked_autorange cannot stop before its 0.2 s are over; `at_once_s` is when it could have, had it looked.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.blocks.clean import marked_blocks
from bench.measure.drive.policy import relative_width
from trust.beside import ALONE, TURN_S, WIDTH
from trust.claims import Claim, Proof, per_cent, share
from trust.company import Company
from trust.recorded import by_side, estimates, visits
from trust.sides import Plan, Side, suites, together

FILES = ("test_01_numpy_tensors.py", "test_03_matmul_mul.py", "test_05_forward_backward.py")
CASES = (
    "65536-clone or 4194304-clone or (test_matmul[ and not 2048) or test_mul[cpu-16] or test_mul[cpu-512] or "
    "test_forward[cpu-1] or test_forward[cpu-48] or test_loss[cpu-mlp] or test_optimizer_step[cpu-mlp]"
)

BLOCKS = ALONE + 40
"""Of ours in a visit: enough for ±2 % where blocks scatter by 8 %, and 40 beside a peer."""

WIDTHS = {"2": 0.02, "5": 0.05, "10": 0.1}
"""Half-widths that a tool is to reach, by the name of their columns; the first is demanded."""

CLOSE = 0.03
TOOLS = {"ours": "this suite", "tub": "blocked_autorange", "pb_mean": "pytest-benchmark, mean",
         "pb_median": "pytest-benchmark, median"}  # fmt: skip


def prove(folder: Path) -> Proof:
    """The claims about our peers."""
    spec = suites(CASES, *FILES, arguments=("-p", "trust.beside"))
    with Company() as company:
        runs = together(
            folder,
            Plan(spec, launches=3, seconds=0.0, most_passes=1, blocks=BLOCKS, deadline_s=240.0),
            [Side("quiet"), Side("busy", company.busy)],
        )
    frame = estimates(runs)
    frame["ours"] = frame["median_s"].where(frame["status"] == "ok")
    ours = frame.set_index(["case", "side"])["ours"]
    readings = [each for side, run in runs.items() for each in _readings(folder, side, marked_blocks(run))]
    each = pd.DataFrame(readings).groupby(["case", "side"], sort=False)
    table = each.median(numeric_only=True).drop(columns="launch").join(ours).reset_index()
    return Proof(tuple(claims(table)), {"cases": table, "busy": beside_busy(table)})


def _readings(folder: Path, side: str, blocks: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What was read in each visit, all in seconds but for the ratio `beside_tub`."""
    for visit in visits(folder, side):
        extra = visit.extra_info
        if "near" not in extra:
            continue
        peers, near = json.loads(extra["peers"]), np.array(json.loads(extra["near"]))
        tub, pb = peers["blocked_autorange"], peers["pytest-benchmark"]
        moments, series = np.array(tub["series"], dtype=float).reshape(-1, 2).T.tolist()
        ours = blocks[(blocks["case"] == visit.case) & (blocks["launch"] == visit.launch)]
        yield {
            "case": visit.case,
            "side": side,
            "launch": visit.launch,
            "tub": tub["seconds"],
            "pb_mean": pb["seconds"],
            "pb_median": pb["median_s"],
            "beside_tub": beside(ours, near[:, 0]),
            "tub_at_once_s": reached(moments, series, WIDTH),
            "pb_took_s": pb["took_s"],
            **{
                f"tub_to_{name}_s": max(reached(moments, series, width), tub["took_s"])
                for name, width in WIDTHS.items()
            },
            **{
                f"ours_to_{name}_s": reached(*_series(ours, near[:, 1]), width)
                for name, width in WIDTHS.items()
            },
        }


def beside(blocks: pd.DataFrame, near_s: NDArray[np.float64]) -> float:
    """Our seconds per call as a multiple of those that a peer read before and after each block.

    The median over blocks that nobody disturbed, at whatever pace: a change of it meets both.
    """
    wall = blocks[blocks["kind"] == "wall"]
    between_s = np.sqrt(near_s[:-1] * near_s[1:])
    clean = wall["counted"].to_numpy()[1:]
    ratios = (wall["wall_s"] / wall["calls"]).to_numpy()[1:] / between_s
    ratios = ratios[clean & np.isfinite(ratios)]
    return float(np.median(ratios)) if len(ratios) else math.nan


def reached(moments: Sequence[float], series: Sequence[float], width: float) -> float:
    """The first moment at which the series so far was narrow enough; infinite if it never was."""
    for number, moment in enumerate(moments, start=1):
        if relative_width(series[:number]) <= width:
            return moment
    return math.inf


def _series(blocks: pd.DataFrame, took_s: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """When each block that counts was there, and its seconds per call.

    Moments count from the first call on, without what the peer's turns between the blocks took.
    """
    wall = blocks[blocks["kind"] == "wall"]
    others_s = np.concatenate([[0.0], np.cumsum(took_s)[:-1]])
    moments = wall["start_s"] + wall["wall_s"] - blocks["start_s"].iat[0] - others_s
    counted = wall["counted"]
    return moments[counted].tolist(), (wall["wall_s"] / wall["calls"])[counted].tolist()


def beside_busy(table: pd.DataFrame) -> pd.DataFrame:
    """For each tool, how far a competing process moves what it reads: busy/quiet, a row a case."""
    ratios = {}
    for tool in TOOLS:
        sides = by_side(table, tool)
        ratios[tool] = sides["busy"] / sides["quiet"]
    return pd.DataFrame(ratios).reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    quiet = table[table["side"] == "quiet"]
    apart = float((quiet["beside_tub"] - 1).abs().median())
    alone = float((quiet["ours"] / quiet["tub"] - 1).abs().median())
    return [
        Claim("idle: off blocked_autorange, median case", f"{100 * apart:.1f} %", "≤ 2 %", apart <= 0.02),
        Claim("idle: the same of the two figures, each by itself", f"{100 * alone:.1f} %"),
        *_to_width(quiet),
        Claim(
            "idle: time after which blocked_autorange could have stopped at ±2 %, median case",
            _seconds(float(quiet["tub_at_once_s"].median())),
        ),
        Claim(
            "idle: time that pytest-benchmark takes, median case",
            _seconds(float(quiet["pb_took_s"].median())),
        ),
        *_moved(beside_busy(table)),
    ]


def _to_width(quiet: pd.DataFrame) -> Iterator[Claim]:
    """How long it takes to each width, in the median of the cases in which either tool reaches it."""
    for name, width in WIDTHS.items():
        ours, tub = quiet[f"ours_to_{name}_s"], quiet[f"tub_to_{name}_s"]
        either = np.isfinite(ours) | np.isfinite(tub)
        against = float((ours[either] / tub[either]).median())
        demanded = width == WIDTH
        ours_there, tub_there = (int(np.isfinite(each).sum()) for each in (ours, tub))
        yield Claim(
            f"idle: time to ±{name} %, ours as a share of blocked_autorange's, median case that gets there",
            f"{against:.2f}; of {len(quiet)} cases ours gets there in {ours_there}, it in {tub_there}",
            "≤ 1" if demanded else "",
            against <= 1 if demanded else None,
        )


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if math.isfinite(seconds) else "never"


def _moved(ratios: pd.DataFrame) -> Iterator[Claim]:
    """How each tool fares beside a competitor: there to compare with. Ours says which it cannot know."""
    for tool, name in TOOLS.items():
        read = ratios[tool].dropna()
        off = np.log(read).abs()
        close = int(((read - 1).abs() <= CLOSE).sum())
        furthest = per_cent(float(read[off.idxmax()])) if len(read) else "none"
        said = f"{share(close, len(read))}, furthest {furthest}"
        if len(read) < len(ratios):
            why = "said to be noisy" if tool == "ours" else f"stopped after {TURN_S:.0f} s"
            said += f"; {len(ratios) - len(read)} {why}"
        yield Claim(f"busy: within 3 % of its own quiet value, {name}", said)

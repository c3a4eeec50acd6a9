"""What the gate's rule finds, and what it costs: `python -m trust.rule` prints docs/measurements.md's tables.

Launches are drawn from a normal distribution of ln(head/base), in tables of twenty cases that scatter alike,
at the default budget of 5 %: once as they are, and once all slower by just that budget.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from bench.analyze.gate import series
from bench.analyze.gate.decision import error_of
from bench.analyze.gate.resampling import LAUNCHES, Rate
from bench.analyze.gate.settings import Settings
from bench.records import VerdictState

SETTINGS = Settings()
CASES = 20
SCATTERS = (0.013, 0.03, 0.05)
"""Of ln(head/base) from launch to launch: a steady case, a usual one, and a noisy one of recorded gates."""

TABLES = 200
SEED = 1

ALONE = 5
"""Cases of a table that are also judged as if it told nothing of the others."""

EARLY = (0.95, 0.985, 0.99, 0.995, 1.0)
"""Confidences of an early look; at 1 no case is let go early."""

MIDDLE = SCATTERS[1]
"""The scatter at which those are compared."""


@dataclass(frozen=True)
class Told:
    """What the rule says of a case in the end, and after how many launches it was settled."""

    state: VerdictState
    launches: int


def told(logs: NDArray[np.float64], typical: float | None) -> Told:
    """The verdict on a case's launches, looked at whenever the gate looks."""
    error = error_of(CASES, SETTINGS.confidence)
    for made in series.CHECKPOINTS:
        judgement = series.judge(logs, made, SETTINGS.max_regression, error, typical)
        if not judgement.open:
            break
    return Told(judgement.state, made)


@dataclass(frozen=True)
class Outcome:
    """What comes of cases that scatter by so much, slower ones and unchanged ones."""

    scatter: float
    found: Rate
    false_alarms: Rate
    passed_screen: Rate
    launches: float
    launches_alone: float


def outcome(scatter: float, tables: int) -> Outcome:
    """So many tables simulated; `launches_alone` are those of an unchanged case whose table tells nothing."""
    random = np.random.default_rng(SEED)
    slower, unchanged, alone = [], [], []
    suspects = 0
    for _ in range(tables):
        table = random.normal(0.0, scatter, (CASES, LAUNCHES))
        typical = series.typical_scatter(table)  # the same for both: no shift changes it
        slower += [told(logs + math.log1p(SETTINGS.max_regression), typical) for logs in table]
        unchanged += [told(logs, typical) for logs in table]
        alone += [told(logs, None) for logs in table[:ALONE]]
        limit = math.log1p(series.SUSPECT * SETTINGS.max_regression)
        suspects += int((np.median(table[:, list(series.STAGES[0])], axis=1) >= limit).sum())
    return Outcome(
        scatter,
        Rate(sum(each.state == "slower" for each in slower), len(slower)),
        Rate(sum(each.state == "slower" for each in unchanged), len(unchanged)),
        Rate(suspects, len(unchanged)),
        float(np.mean([each.launches for each in unchanged])),
        float(np.mean([each.launches for each in alone])),
    )


def lines(tables: int) -> Iterator[str]:
    """Both tables in Markdown: the rule at each scatter, and by how sure an early look must be."""
    yield from _head(
        "launches scatter by", "slower by 5 %: found", "unchanged: called slower", "… passes the screen",
        "… its launches", "… where nothing is known of other cases",
    )  # fmt: skip
    for each in (outcome(scatter, tables) for scatter in SCATTERS):
        cells = (_of(each.found), _of(each.false_alarms), _percent(each.passed_screen))
        launches = (f"{each.launches:.1f}", f"{each.launches_alone:.1f}")
        yield _row(f"{100 * each.scatter:g} %", *cells, *launches)
    yield ""
    yield from _head("an early look must be sure by", "slower by 5 %: found", "launches of an unchanged case")
    for confidence in EARLY:
        with patch.object(series, "EARLY_CONFIDENCE", confidence):
            each = outcome(MIDDLE, tables)
        sure = f"{100 * confidence:g} %" if confidence < 1 else "no case is let go early"
        yield _row(sure, _percent(each.found), f"{each.launches:.1f}")


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), f"|{'--:|' * len(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.trials}"


def _percent(rate: Rate) -> str:
    return f"{100 * rate.share:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m trust.rule", description="What the gate's rule finds, simulated."
    )
    parser.add_argument(
        "--tables", type=int, default=TABLES, metavar="N", help="of twenty cases, for each row"
    )
    print(*lines(parser.parse_args(arguments).tables), sep="\n")


if __name__ == "__main__":
    main()

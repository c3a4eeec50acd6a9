"""How contenders stand to the best of them: its time is 1, the others' are ratios to it.

Of a contest at the largest size that most of its contenders have, read from its curve as its answer is; of
other cases of one operation on one device where they do the same declared work.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from bench.analyze.contests.contests import Choice
from bench.analyze.questions.answers import Answer, gain_at, pair_of

WORK = ("flops", "items", "bytes")
"""Declared work, the most telling first: two cases are set against each other where the first one equals."""


@dataclass(frozen=True)
class Other:
    """A contender's time as a ratio to the best's, with its 95 % interval."""

    name: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """The contenders of an operation, the best first; `between` names what competes, "" for any parameter.

    `axis` and `size` say where, "" and NaN where nothing has a size.
    """

    suite: str
    operation: str
    between: str
    best: str
    others: tuple[Other, ...]
    axis: str = ""
    size: float = math.nan
    fixed: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""


def standings(answers: Sequence[Answer], cases: pd.DataFrame) -> tuple[Standing, ...]:
    """Every operation's, in the order in which suites were collected."""
    quoted = [claim.choice for answer in answers for claim in answer.claims]
    made = [*filter(None, map(_of_contest, quoted)), *_of_ways(cases)]
    order = {operation: i for i, operation in enumerate(dict.fromkeys(cases["operation"].astype("str")))}
    return tuple(sorted(made, key=lambda each: order.get(each.operation, -1)))


def _of_contest(choice: Choice) -> Standing | None:
    """At the largest of the sizes that most contenders have."""
    first = choice.contenders[0]
    count: dict[float, int] = {}
    for contest in choice.contests:
        for size in contest.sizes:
            count[size] = count.get(size, 0) + 1
    most = max(count.values(), default=0)
    size = max((size for size, met in count.items() if met == most), default=math.nan)
    ratios = {first: (1.0, 1.0, 1.0)}
    for name in choice.contenders[1:]:
        met = (each for each in choice.contests if name in pair_of(each))
        if gain := gain_at(replace(choice, contests=tuple(met)), first, size):
            ratios[name] = gain.ratio, gain.low, gain.high
    best, others = _to_best(ratios)
    form = choice.definition.partition(" ")[2]
    found = Standing(
        choice.suite, choice.operation, choice.between, best, others, choice.axis, size, choice.fixed, form
    )
    return found if others else None


def _to_best(ratios: Mapping[str, tuple[float, float, float]]) -> tuple[str, tuple[Other, ...]]:
    """Of ratios to the first the best, and the others' to that: what both intervals leave open is added."""
    best = min(ratios, key=lambda name: ratios[name][0])
    others = []
    for name, ratio in sorted(ratios.items(), key=lambda each: each[1][0]):
        if name != best:
            middle = math.log(ratio[0] / ratios[best][0])
            half = math.hypot(*(math.log(each[2] / each[1]) / 2 for each in (ratio, ratios[best])))
            others.append(Other(name, *(math.exp(middle + sign * half) for sign in (0, -1, 1))))
    return best, tuple(others)


def _of_ways(cases: pd.DataFrame) -> Iterator[Standing]:
    """Cases that no contest has, and that do the same work."""
    known = cases[(cases["axis"] == "") & (cases["between"] == "") & cases["low_s"].notna()]
    work = known[list(WORK)].bfill(axis=1)[WORK[0]].fillna(0)
    groups = known.groupby(["suite", "operation", "device", work.rename("work")], sort=False)
    for (suite, operation, device, _), rows in groups:
        if len(rows) > 1:
            base = rows["median_s"].iat[0]
            ends = zip(rows["median_s"] / base, rows["low_s"] / base, rows["high_s"] / base, strict=True)
            best, others = _to_best(dict(zip(_labels(rows), ends, strict=True)))
            yield Standing(str(suite), str(operation), "", best, others, fixed={"device": str(device)})


def _labels(rows: pd.DataFrame) -> list[str]:
    """What tells the rows apart: their parameters in the case's name, without the device."""
    names = (str(case).partition("[")[2].removesuffix("]") for case in rows["case"])
    return [name.removeprefix(f"{device}-") for name, device in zip(names, rows["device"], strict=True)]

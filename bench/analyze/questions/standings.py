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
from bench.analyze.contests.ranges import Ratio
from bench.analyze.questions.answers import Answer, gain_at, pair_of
from bench.storage.tables import parameters

WORK = ("flops", "items", "bytes")
"""Declared work, the most telling first: two cases are set against each other where the first one equals."""


Contender = tuple[tuple[str, str], ...]
"""The parameters that tell a contender from the others, each with its value."""


@dataclass(frozen=True)
class Other:
    """A contender's time as a ratio to the best's, with its 95 % interval."""

    contender: Contender
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """The contenders of an operation, the best first; `fixed` are parameters that they share.

    `axis` and `size` say where, "" and NaN where nothing has a size.
    """

    suite: str
    operation: str
    best: Contender
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
    ratios: dict[Contender, Ratio] = {((choice.between, first),): (1.0, 1.0, 1.0)}
    for name in choice.contenders[1:]:
        met = (each for each in choice.contests if name in pair_of(each))
        if gain := gain_at(replace(choice, contests=tuple(met)), first, size):
            ratios[((choice.between, name),)] = gain.ratio, gain.low, gain.high
    best, others = _to_best(ratios)
    form = choice.definition.partition(" ")[2]
    found = Standing(choice.suite, choice.operation, best, others, choice.axis, size, choice.fixed, form)
    return found if others else None


def _to_best(ratios: Mapping[Contender, Ratio]) -> tuple[Contender, tuple[Other, ...]]:
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
            shared, contenders = _told_apart(rows[parameters(cases)])
            best, others = _to_best(dict(zip(contenders, ends, strict=True)))
            fixed = {"device": str(device), **shared}
            yield Standing(str(suite), str(operation), best, others, fixed=fixed)


def _told_apart(values: pd.DataFrame) -> tuple[dict[str, str], list[Contender]]:
    """The parameters that all rows share, and of each row those that tell it from the others."""
    known = values.dropna(axis="columns", how="all").astype("str")
    alike = [name for name in known if known[name].nunique() == 1]
    shared = {str(name): str(known[name].iat[0]) for name in alike}
    rows = known.drop(columns=alike).to_dict("records")
    return shared, [tuple((str(name), str(value)) for name, value in row.items()) for row in rows]

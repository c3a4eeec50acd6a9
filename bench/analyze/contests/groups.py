"""Who meets whom: contenders along the axis that a suite's `crossover` marker names.

Two cases meet where suite, operation, size axis and all parameters but the contender's are equal. The first
contender is the CPU, no worker, one thread, or the first collected.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analyze.contests.levels import Array
from bench.analyze.names import contender


@dataclass(frozen=True)
class Group:
    """Cases that differ in size and contender alone, and in what is moved in each call.

    `rows[form][contender][size]` is a row of the run's cases; the form is "" where data stays in place.
    """

    suite: str
    operation: str
    axis: str
    between: str
    fixed: Mapping[str, Any]
    rows: dict[str, dict[str, dict[float, int]]]

    def contenders(self, form: str) -> list[str]:
        """Those of one form in their order; the first with its data in place, as there is nothing to move."""
        first, *others = _in_order(self.rows[""])
        return [first, *(other for other in others if other in self.rows.get(form, self.rows[""]))]


@dataclass(frozen=True)
class Pair:
    """Two contenders of a group at the sizes that both have; `rows` is the incumbent's, then the other's,
    then the other's with its data in place.
    """

    group: Group
    incumbent: str
    challenger: str
    form: str
    sizes: Array
    rows: NDArray[np.int_]

    @classmethod
    def of(cls, group: Group, incumbent: str, challenger: str, form: str) -> Self:
        resident, moved = group.rows[""], group.rows[form]
        stays = incumbent == group.contenders(form)[0]
        series = ((resident if stays else moved)[incumbent], moved[challenger], resident[challenger])
        sizes = sorted(set.intersection(*map(set, series)))
        rows = [[each[size] for size in sizes] for each in series]
        return cls(group, incumbent, challenger, form, np.array(sizes), np.array(rows, dtype=int))

    @property
    def named(self) -> tuple[str, str]:
        """Both as a reason names them."""
        between = self.group.between
        return contender(between, self.incumbent), contender(between, self.challenger)


def groups(cases: pd.DataFrame) -> Iterator[Group]:
    """The groups that have two contenders or more, one with its data in place."""
    found: dict[str, Group] = {}
    marked = cases[(cases["axis"] != "") & (cases["between"] != "")]
    for row in marked.itertuples():
        for operation, form, between, params in _parts(row):
            size, who = params.pop(row.axis, None), params.pop(between, None)
            if who is None or isinstance(size, bool | str | None) or not size > 0:
                continue
            key = json.dumps([row.suite, operation, row.axis, between, params], sort_keys=True, default=str)
            group = found.setdefault(key, Group(row.suite, operation, row.axis, between, params, {}))
            group.rows.setdefault(form, {}).setdefault(str(who), {})[float(size)] = row.Index
    return (group for group in found.values() if "" in group.rows)


def pairs(group: Group) -> Iterator[Pair]:
    """Every two contenders of every form, the data in place first."""
    for form in sorted(group.rows):
        for incumbent, challenger in combinations(group.contenders(form), 2):
            yield Pair.of(group, incumbent, challenger, form)


def _parts(row: Any) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """What a case takes part in: operation, form, what competes, and the parameters."""
    params = {**row.params, "device": row.device}
    yield row.operation, "", row.between, dict(params)
    if resident := row.extra.get("resident"):
        form = str(params.pop("trip", "moved"))
        yield str(resident), form, "device", params


def _in_order(rows: Mapping[str, Any]) -> list[str]:
    """The contenders' names, the one that the others are held against first."""
    names = list(rows)
    if "cpu" in names:
        return ["cpu", *(name for name in names if name != "cpu")]
    numeric = all(name.replace(".", "", 1).isdigit() for name in names)
    return sorted(names, key=float) if numeric else names

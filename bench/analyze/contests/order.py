"""The order in which a device's contests must come: the more is moved in each call, the smaller its lead."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from bench.analyze.contests.contests import Contest
from bench.analyze.contests.transfers import FORMS

Lead = tuple[float, float]
"""How many times as fast as the CPU a device is: lowest and highest."""


@dataclass(frozen=True)
class Disorder:
    """A device wins by more where more is moved, which cannot be; `less` and `more` are what is moved.

    `basis` is `throughput` or `latency`, `size` the smallest size on the axis at which it shows.
    """

    operation: str
    basis: str
    axis: str
    size: float
    less: str
    more: str


def disorders(contests: Iterable[Contest]) -> list[Disorder]:
    """Where contests contradict each other: a sign that a figure is wrong.

    Where they do not, the sizes from which a device wins come in order as well.
    """
    return [
        Disorder(operation, basis, axis, size, less, more)
        for (_, operation, axis, basis, *_), by_form in _by_form(contests).items()
        for less, more in _steps(by_form)
        for size in _smallest_faster(by_form[more], by_form[less])
    ]


def compared(contests: Iterable[Contest]) -> int:
    """How many leads, of one size each, `disorders` holds against one with less moved."""
    return sum(
        len(set(by_form[less]) & set(by_form[more]))
        for by_form in _by_form(contests).values()
        for less, more in _steps(by_form)
    )


def _by_form(contests: Iterable[Contest]) -> dict[tuple[str, ...], dict[str, dict[float, Lead]]]:
    """The leads of a device, by what is moved, of all that is otherwise alike."""
    leads: dict[tuple[str, ...], dict[str, dict[float, Lead]]] = {}
    for contest in contests:
        crossing = contest.crossing
        basis, _, form = crossing.definition.partition(" ")
        if contest.between == "device":
            fixed = json.dumps(dict(crossing.fixed), sort_keys=True, default=str)
            pair = sorted((crossing.incumbent, crossing.challenger))
            key = (contest.suite, crossing.operation, crossing.axis, basis, *pair, fixed)
            leads.setdefault(key, {})[form] = dict(_leads(contest))
    return leads


def _leads(contest: Contest) -> Iterator[tuple[float, Lead]]:
    turned = contest.crossing.incumbent != "cpu"
    for size, low, high in zip(contest.sizes, contest.ratio_low, contest.ratio_high, strict=True):
        yield size, (1 / high, 1 / low) if turned else (low, high)


def _smallest_faster(one: Mapping[float, Lead], other: Mapping[float, Lead]) -> list[float]:
    """The first size at which one lead lies clearly above the other, if there is one."""
    return [size for size in one if size in other and one[size][0] > other[size][1]][:1]


def _steps(forms: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Forms that differ in one more thing being moved, from and to the same kind of memory."""
    for less, more in permutations(forms, 2):
        (what, _, memory), (what_more, _, memory_more) = less.partition(" "), more.partition(" ")
        if FORMS.index(what_more) - FORMS.index(what) == 1 and memory in ("", memory_more):
            yield less, more

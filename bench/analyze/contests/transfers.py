"""What moving the data adds to a device's time: seconds, calls that pay for it, and the order that must hold.

A suite may time its calls with the data moved in each (`resident` in extra_info names the operation that has
it in place). Where it only declares `input_bytes` and `output_bytes`, the run's links say what moving them
takes: latency + bytes / bandwidth.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bench.analyze.contests.contests import Contest
    from bench.analyze.contests.crossover import Array

LINKS = {
    "pinned": ("to_device", "to_host"),
    "pageable": ("to_device_pageable", "to_host_pageable"),
}
"""The ceilings that say how fast a link is, by the host's memory; the first where they are alike."""

FORMS = ("", "inputs", "round_trip")
"""What is moved in each call, in the order in which a device's crossings must come."""


def reuses(incumbent_s: Array, moved_s: Array, resident_s: Array) -> tuple[float, ...]:
    """Calls on the same data after which having moved it was worth it."""
    saved_s = incumbent_s - resident_s
    with np.errstate(divide="ignore"):
        return tuple(np.where(saved_s > 0, np.maximum(moved_s - resident_s, 0) / saved_s, np.inf).tolist())


def transfers(links: Mapping[str, Any], extra: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Seconds to add at each size, by form: the inputs' transfer, then the outputs' as well.

    The forms name the host's memory where both kinds were timed.
    """
    found: dict[str, Array] = {}
    several = all(ways[0] in links for ways in LINKS.values())
    for memory, ways in LINKS.items():
        seconds = np.zeros(len(extra))
        for form, way, declared in zip(FORMS[1:], ways, ("input_bytes", "output_bytes"), strict=True):
            if way not in links or not all(declared in each for each in extra):
                break
            moved = np.array([each[declared] for each in extra], dtype=float)
            link = links[way]
            seconds = seconds + np.where(moved > 0, link["latency_s"] + moved / link["bytes_per_s"], 0)
            found[f"{form} {memory}" if several else form] = seconds
    return found


def disordered(found: Iterable[Contest]) -> list[str]:
    """Contests in which a device wins by more where more is moved: a sign that a figure is wrong.

    Where that never happens, the sizes from which it wins come in order as well.
    """
    leads: dict[tuple[str, ...], dict[str, dict[float, tuple[float, float]]]] = {}
    for contest in found:
        crossing = contest.crossing
        basis, _, form = crossing.definition.partition(" ")
        if contest.between == "device":
            fixed = json.dumps(dict(crossing.fixed), sort_keys=True, default=str)
            pair = sorted((crossing.incumbent, crossing.challenger))
            key = (contest.suite, crossing.operation, crossing.axis, basis, *pair, fixed)
            leads.setdefault(key, {})[form] = dict(_leads(contest))
    return [
        f"{key[1]} ({key[3]}): faster with {_said(more)} at {key[2]} = {size:g} than {_said(less)}"
        for key, by_form in leads.items()
        for less, more in _steps(by_form)
        for size in list(_faster(by_form[more], by_form[less]))[:1]
    ]


def _leads(contest: Contest) -> Iterator[tuple[float, tuple[float, float]]]:
    """How many times as fast as the CPU the device is at each size: lowest and highest."""
    turned = contest.crossing.incumbent != "cpu"
    for size, low, high in zip(contest.sizes, contest.ratio_low, contest.ratio_high, strict=True):
        yield size, (1 / high, 1 / low) if turned else (low, high)


def _faster(
    one: Mapping[float, tuple[float, float]], other: Mapping[float, tuple[float, float]]
) -> Iterator[float]:
    """The sizes at which one lead lies clearly above the other."""
    return (size for size in one if size in other and one[size][0] > other[size][1])


def _said(form: str) -> str:
    return form.replace("_", " ") if form else "its data in place"


def _steps(forms: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Forms that differ in one more thing being moved, from and to the same kind of memory."""
    for less, more in permutations(forms, 2):
        (what, _, memory), (what_more, _, memory_more) = less.partition(" "), more.partition(" ")
        if FORMS.index(what_more) - FORMS.index(what) == 1 and memory in ("", memory_more):
            yield less, more

"""Where other operators are called in one profile than in another, or more or fewer of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.storage.profiles import Profile

FEWER, MORE = 0.99, 1.01
"""Ratios of counts within which they are the same: a recording of some steps may cut one at its ends."""

WAITING = {
    "aten::item": "reads a value", "aten::_local_scalar_dense": "reads a value",
    "aten::is_nonzero": "reads a value", "aten::nonzero": "waits for a count",
    "cudaStreamSynchronize": "waits for the device", "cudaDeviceSynchronize": "waits for the device",
}  # fmt: skip
"""Operators for which the host waits, and how."""

EFFECTS = {
    **WAITING, "aten::clone": "copies", "aten::contiguous": "copies", "aten::copy_": "copies",
    "aten::_to_copy": "copies and converts", "aten::to": "converts",
}  # fmt: skip
"""What operators do that often are slips; waiting first."""

BACKWARD = "autograd::engine::evaluate_function: "
"""How the names of backward functions begin: together they are one place."""

Pair = tuple[str, str]
"""What an operator is called within, and its own name."""


@dataclass(frozen=True)
class OperatorChange:
    """An operator that is called `head` times in a call or step instead of `base` times.

    `effect` is what it, or a changed operator that it calls, does: one of EFFECTS' values, or "".
    """

    name: str
    base: float
    head: float
    effect: str
    allocated_bytes: float


@dataclass(frozen=True)
class PlaceChange:
    """What changed within one operator (BACKWARD: in the backward pass), what costs most first.

    `more_s` is how much longer the changed operators take in a call or step.
    """

    within: str
    operators: tuple[OperatorChange, ...]
    more_s: float


def calls_of(profile: Profile) -> pd.DataFrame:
    """How often each operator is called within each other, in one call (or step), and how long that takes."""
    table = profile.operators
    of_torch = table["name"].astype(str).str.contains("#")  # among the marks
    summed = table[(table["kind"] != "mark") | of_torch].groupby(["within", "name"])
    return summed[["count", "total_s", "device_s", "allocated_bytes"]].sum() / profile.pieces


def changed_places(one: pd.DataFrame, two: pd.DataFrame) -> list[PlaceChange]:
    """The places with changes: first where the host now waits, then by cost; backward follows forward."""
    one, two = one.align(two, fill_value=0.0)
    count, total_s = two["count"] / one["count"], two["total_s"] - one["total_s"]
    changed = one.index[(count > MORE) | (count < FEWER) | ((one["count"] == 0) & (two["count"] > 0))]
    names = {name for _, name in changed}
    places: dict[str, list[Pair]] = {}
    for within, name in changed:
        if within not in names:
            places.setdefault(BACKWARD if name.startswith(BACKWARD) else within, []).append((within, name))
    ordered = []
    for place, pairs in places.items():
        change = _place(place, pairs, one, two, changed)
        waits = any(each.effect in WAITING.values() for each in change.operators if each.head > each.base)
        order = not waits, place == BACKWARD, -float(total_s[pairs].abs().sum()), place
        ordered.append((order, change))
    return [change for _, change in sorted(ordered, key=lambda each: each[0])]


def _place(
    place: str, pairs: list[Pair], one: pd.DataFrame, two: pd.DataFrame, changed: Iterable[Pair]
) -> PlaceChange:
    costly = sorted(
        pairs, key=lambda pair: (pair[1] not in WAITING, -max(one["total_s"][pair], two["total_s"][pair]))
    )
    operators = []
    for pair in costly:
        base, head = float(one["count"][pair]), float(two["count"][pair])
        name, allocated = pair[1], float(two["allocated_bytes"].get(pair, 0.0))
        effect = _effect(name, changed)
        operators.append(OperatorChange(name.removeprefix(BACKWARD), base, head, effect, allocated))
    more_s = float(two["total_s"][costly].sum() - one["total_s"][costly].sum())
    return PlaceChange(place, tuple(operators), more_s)


def _effect(name: str, changed: Iterable[Pair]) -> str:
    """What the operator does, else what one that it calls does; that the host waits says most."""
    names = [name.removeprefix(BACKWARD), *(inner for within, inner in changed if within == name)]
    effects = [(each not in WAITING, EFFECTS[each]) for each in names if each in EFFECTS]
    return min(effects, key=lambda each: each[0])[1] if effects else ""

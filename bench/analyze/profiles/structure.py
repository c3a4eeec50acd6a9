"""Where other operators are called in one profile than in another, or more or fewer of them, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pandas as pd

from bench.render.words import NAMED, bytes_, signed_time

if TYPE_CHECKING:
    from bench.storage.profiles import Profile

FEWER, MORE = 0.99, 1.01
"""Ratio of counts within which they are the same: a recording of some steps may cut one at its ends."""

FUSED = 2
"""Operators that must have come where a single one went, and nothing else, for it to be called unfused."""

WAITING = {
    "aten::item": "reads one value, for which the host waits",
    "aten::_local_scalar_dense": "reads one value, for which the host waits",
    "aten::nonzero": "the host waits for how many there are",
    "aten::is_nonzero": "reads one value, for which the host waits",
    "cudaStreamSynchronize": "the host waits for the device",
    "cudaDeviceSynchronize": "the host waits for the device",
}
COPYING = {
    "aten::clone": "a copy",
    "aten::contiguous": "a copy",
    "aten::copy_": "a copy",
    "aten::_to_copy": "a converted copy",
    "aten::to": "a conversion",
}
"""What operators that often are slips do, in words."""

BACKWARD = "autograd::engine::evaluate_function: "


def calls_of(profile: Profile) -> pd.DataFrame:
    """How often each operator is called within each other, in one call (or step), and how long that takes."""
    table = profile.operators
    table = table[
        (table["kind"] != "mark") | table["name"].astype(str).str.contains("#")
    ]  # torch's own marks have one
    summed = table.groupby(["within", "name"])[["count", "total_s", "device_s", "allocated_bytes"]].sum()
    return summed / profile.pieces


def changed_places(one: pd.DataFrame, two: pd.DataFrame, piece: str) -> Iterator[str]:
    """A line for each place where other operators are called, or more or fewer of them."""
    one, two = one.align(two, fill_value=0.0)
    count, total = two["count"] / one["count"], two["total_s"] - one["total_s"]
    changed = one.index[(count > MORE) | (count < FEWER) | ((one["count"] == 0) & (two["count"] > 0))]
    names = {name for _, name in changed}
    roots = [pair for pair in changed if pair[0] not in names]
    places: dict[str, list[str]] = {}
    for within, name in roots:
        places.setdefault(BACKWARD if name.startswith(BACKWARD) else within, []).append(name)
    found = []
    for place, members in places.items():
        pairs = [(within, name) for within, name in roots if name in members]
        waits = any(_waits(name, changed) for _, name in pairs if count[_, name] > 1)
        weight = float(total[pairs].abs().sum())
        line = _place_line(place, pairs, one, two, changed, piece)
        found.append((not waits, place == BACKWARD, -weight, line))  # backward follows from forward
    yield from (line for *_, line in sorted(found))


def _waits(name: str, changed: Iterable[tuple[str, str]]) -> bool:
    return name in WAITING or any(inner in WAITING for within, inner in changed if within == name)


def _place_line(
    place: str,
    pairs: list[tuple[str, str]],
    one: pd.DataFrame,
    two: pd.DataFrame,
    changed: Iterable[tuple[str, str]],
    piece: str,
) -> str:
    """What came, went, and is called more or less often in one place."""
    pairs = sorted(
        pairs, key=lambda pair: (pair[1] not in WAITING, -max(one["total_s"][pair], two["total_s"][pair]))
    )
    parts = []
    for word, chosen in (
        ("gone", [p for p in pairs if not two["count"][p]]),
        ("came", [p for p in pairs if not one["count"][p]]),
        ("more often", [p for p in pairs if two["count"][p] > one["count"][p] > 0]),
        ("less often", [p for p in pairs if one["count"][p] > two["count"][p] > 0]),
    ):
        if chosen:
            told = [_told(pair, one, two, changed, piece) for pair in chosen[:NAMED]]
            more = f" and {len(chosen) - NAMED} more" if len(chosen) > NAMED else ""
            parts.append(f"{word}: {', '.join(told)}{more}")
    gone, came = (sum(not side["count"][pair] for pair in pairs) for side in (two, one))
    if gone == 1 and came > FUSED and place != BACKWARD:
        parts[0] = f"unfused into {came} operators; {parts[0]}"
    elif came == 1 and gone > FUSED and place != BACKWARD:
        parts[0] = f"fused from {gone} operators; {parts[0]}"
    where = "" if place in ("", "call") else "backward, " if place == BACKWARD else f"in {place}, "
    seconds = two["total_s"][pairs].sum() - one["total_s"][pairs].sum()
    return f"{where}{'; '.join(parts)} ({signed_time(seconds)} a {piece})"


def _told(
    pair: tuple[str, str],
    one: pd.DataFrame,
    two: pd.DataFrame,
    changed: Iterable[tuple[str, str]],
    piece: str,
) -> str:
    """One operator: how often, what it does where that is often a slip, what it calls that changed, too."""
    name = pair[1].removeprefix(BACKWARD)
    inner = [each for within, each in changed if within == pair[1]]
    was, now = one["count"][pair], two["count"][pair]
    often = f"{now:.3g} × a {piece}" if not was else f"{was:.3g} × a {piece}" if not now else (
        f"{now:.3g} × a {piece} instead of {was:.3g}"
    )  # fmt: skip
    reason = WAITING.get(name) or next((WAITING[each] for each in inner if each in WAITING), "")
    reason = reason or COPYING.get(name) or next((COPYING[each] for each in inner if each in COPYING), "")
    told = [often] + ([reason] if reason and now > was else [])
    if now > was and (size := two["allocated_bytes"].get(pair, 0.0)) > 0:
        told.append(bytes_(size))
    return f"{name} ({'; '.join(told)})"

"""What differs between two profiles of one case, most telling first.

What the code does comes before how long it took: counts, types and settings of two profiles are exact,
while their times are those of single recordings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.analyze.profiles import stacks
from bench.analyze.profiles.structure import PlaceChange, calls_of, changed_places
from bench.storage.profiles import Profile

BYTES_RATIO = 1.05
SLOWER_RATIO = 1.3
"""Ratios above which bytes and times differ enough to be named. Undisturbed, an operator's mean over one
recording and over the next agree within 10 %."""

MIN_SHARE = 0.02
"""Share of the time below which an operator that is slower is left out."""

STACKS_SHARE = 0.2
"""Share of samples that a Python function must have gained."""

TYPES = {
    "float": "float32", "double": "float64", "c10::Half": "float16", "c10::BFloat16": "bfloat16",
    "c10::complex<float>": "complex64", "c10::complex<double>": "complex128",
}  # fmt: skip
"""torch's names of the types to compute in, which its profiler calls by their names in C++."""

Change = tuple[str, Any, Any]
"""What differs, and what it is on base and on head; None for a setting that is not set."""


@dataclass(frozen=True)
class TypeChange:
    """Operators of both sides that newly compute in a type, instead of those `lost`; the costliest first."""

    name: str
    lost: tuple[str, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class ShapeChange:
    """How many operators get inputs of other shapes; the costliest, a shape `new` to it, one it lost."""

    operators: int
    costliest: str
    new: str
    old: str


@dataclass(frozen=True)
class Differences:
    """What differs between two sides, most telling first; of times and bytes those of one call or step.

    1. `settings`: torch's threads, worker processes, flags, variables, versions
    2. `types` that operators compute in
    3. `places` in which operators came, went, or are called more or less often
    4. `shapes`; `allocated_bytes`, the `allocator`'s trips to the device, the `process_threads` of an engine
       that does not say how many it computes with
    5. `slower` operators, by name and shapes, beyond the factor `pace` by which all of them changed
    6. Python `functions` with a larger share of the samples
    """

    piece: str
    settings: tuple[Change, ...]
    types: tuple[TypeChange, ...]
    places: tuple[PlaceChange, ...]
    shapes: ShapeChange | None
    allocated_bytes: tuple[float, float] | None
    allocator: tuple[Change, ...]
    process_threads: tuple[int, int] | None
    slower: tuple[Change, ...]
    pace: float | None
    functions: tuple[Change, ...]


def differences(base: Profile, head: Profile) -> Differences:
    """What differs between two profiles."""
    slower, pace = _slower(base, head)
    return Differences(
        piece=str(head.about.get("piece", "call")),
        settings=tuple(_settings(base.about["facts"], head.about["facts"])),
        types=tuple(_types(base, head)),
        places=tuple(changed_places(calls_of(base), calls_of(head))),
        shapes=_shapes(base, head),
        allocated_bytes=_allocated_bytes(base, head),
        allocator=tuple(_allocator(base.about["allocator"], head.about["allocator"])),
        process_threads=_process_threads(base, head),
        slower=slower,
        pace=pace,
        functions=tuple(_functions(base, head)),
    )


def _settings(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Change]:
    one, two = _flat(base), _flat(head)
    order = {"threads": 0, "processes": 1}
    changed = [name for name in {**one, **two} if one.get(name) != two.get(name)]
    for name in sorted(changed, key=lambda name: (order.get(name, 2), name)):
        if name != "process_threads":
            yield name, one.get(name), two.get(name)


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts in one mapping: a package's version, a variable and a flag of torch by their names."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, Mapping):
            flat |= value
        else:
            flat[name] = value
    flat.pop("version", None)  # torch's own, which is among the packages
    return flat


def _process_threads(base: Profile, head: Profile) -> tuple[int, int] | None:
    was, now = (int(side.about["facts"].get("process_threads", 0)) for side in (base, head))
    return (was, now) if was != now and (head.operators["kind"] == "onnxruntime").any() else None


def _types(base: Profile, head: Profile) -> Iterator[TypeChange]:
    one, two = _type_sets(base.operators), _type_sets(head.operators)
    gained: dict[str, list[str]] = {}
    for name in two.keys() & one.keys():
        for kind in two[name] - one[name]:
            gained.setdefault(kind, []).append(name)
    took_s = head.operators.groupby("name")["self_s"].sum()
    for kind, names in sorted(gained.items(), key=lambda each: -sum(took_s[name] for name in each[1])):
        names.sort(key=lambda name: -took_s[name])
        lost = sorted({old for name in names for old in one[name] - two[name]})
        yield TypeChange(kind, tuple(lost), tuple(names))


def _type_sets(operators: pd.DataFrame) -> dict[str, set[str]]:
    """The types to compute in that each operator gets, by torch's names of them."""
    types_of: dict[str, set[str]] = {}
    computing = operators[operators["kind"].isin(["operator", "onnxruntime"])]
    for name, types in computing[["name", "types"]].itertuples(index=False):
        types_of.setdefault(name, set()).update(TYPES[each] for each in types.split(", ") if each in TYPES)
    return types_of


def _shapes(base: Profile, head: Profile) -> ShapeChange | None:
    one, two = (_shape_sets(side.operators) for side in (base, head))
    changed = [name for name in one.keys() & two.keys() if one[name].keys() != two[name].keys()]
    if not changed:
        return None
    costliest = max(changed, key=lambda name: sum(two[name].values()))
    new = [shape for shape in two[costliest] if shape not in one[costliest]]
    old = [shape for shape in one[costliest] if shape not in two[costliest]]
    return ShapeChange(len(changed), costliest, new[0] if new else "", old[0] if old else "")


def _shape_sets(operators: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The shapes that each operator gets, and the seconds that it takes on them."""
    shapes_of: dict[str, dict[str, float]] = {}
    for name, shapes, self_s in operators[["name", "shapes", "self_s"]].itertuples(index=False):
        if shapes:
            sizes = shapes_of.setdefault(name, {})
            sizes[shapes] = sizes.get(shapes, 0.0) + self_s
    return shapes_of


def _allocated_bytes(base: Profile, head: Profile) -> tuple[float, float] | None:
    was, now = (float(side.operators["allocated_bytes"].sum()) / side.pieces for side in (base, head))
    return (was, now) if now > BYTES_RATIO * was or was > BYTES_RATIO * now else None


def _allocator(base: Mapping[str, int], head: Mapping[str, int]) -> Iterator[Change]:
    for name in ("retries", "device_allocations"):
        if head.get(name, 0) != base.get(name, 0):
            yield name, base.get(name, 0), head.get(name, 0)


def _slower(base: Profile, head: Profile) -> tuple[tuple[Change, ...], float | None]:
    """Operators on the same inputs that take longer, and the factor for all of them where that is large."""
    key = ["name", "shapes", "types"]
    sides = {"_base": base.operators, "_head": head.operators}
    both = [
        table[table["kind"] != "mark"].groupby(key)[["count", "self_s"]].sum().add_suffix(suffix)
        for suffix, table in sides.items()
    ]
    joined = both[0].join(both[1], how="inner")
    joined = joined[(joined["self_s_base"] > 0) & (joined["self_s_head"] > 0)]
    if joined.empty:
        return (), None
    base_s, head_s = (joined[f"self_s_{side}"] / joined[f"count_{side}"] for side in ("base", "head"))
    ratio = head_s / base_s
    whole = float(np.exp(np.median(np.log(ratio))))
    share = joined["self_s_head"] / joined["self_s_head"].sum()
    slower = joined[(ratio / whole > SLOWER_RATIO) & (share > MIN_SHARE)]
    costliest = slower.sort_values("self_s_head", ascending=False).head(3).index
    changes = ((" on ".join(filter(None, row[:2])), base_s[row], head_s[row]) for row in costliest)
    return tuple(changes), whole if whole > SLOWER_RATIO or whole < 1 / SLOWER_RATIO else None


def _functions(base: Profile, head: Profile) -> Iterator[Change]:
    if base.stacks is None or head.stacks is None:
        return
    one, two = stacks.self_shares(base.stacks), stacks.self_shares(head.stacks)
    if not one:
        return
    gained = {name: share - one.get(name, 0.0) for name, share in two.items()}
    for name, more in sorted(gained.items(), key=lambda each: -each[1])[:2]:
        if more > STACKS_SHARE:
            yield name, one.get(name, 0.0), two[name]

"""What differs between two profiles of one case, in words, most telling first.

What the code does comes before how long it took: counts, types and settings of two profiles are exact,
while their times are those of single recordings. In this order:

1. settings: torch's threads, worker processes, flags, variables, versions
2. types that operators compute in
3. operators that came, went, or are called more or less often; those for which the host waits first
4. shapes, bytes allocated, the allocator's trips to the device, the process's threads
5. operators that take longer by themselves, beyond what all of them do
6. Python functions with a larger share of the samples
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.analyze.profiles import stacks
from bench.analyze.profiles.structure import calls_of, changed_places
from bench.render.words import bytes_, listed, time_

if TYPE_CHECKING:
    from bench.storage.profiles import Profile

BYTES_RATIO = 1.05
SLOWER_RATIO = 1.3
"""Ratios above which bytes and times differ enough to be told. Undisturbed, an operator's mean over one
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

SETTINGS = {
    "threads": "torch computes with {head} thread(s) instead of {base}",
    "processes": "{head} worker process(es) at work beside it instead of {base}",
}


def explain(base: Profile, head: Profile) -> list[str]:
    """What differs, a line each, most telling first; a line that says so where nothing does."""
    one, two = calls_of(base), calls_of(head)
    lines = [
        *_settings(base.about["facts"], head.about["facts"]),
        *_types(base, head),
        *changed_places(one, two, str(head.about.get("piece", "call"))),
        *_shapes(base, head),
        *_memory(base, head),
        *_allocator(base.about["allocator"], head.about["allocator"]),
        *_process_threads(base, head),
        *_slower(base, head),
        *_python(base, head),
    ]
    return lines or ["nothing differs in settings, operators, types, shapes, bytes or Python functions"]


# Settings.


def _settings(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[str]:
    one, two = _flat(base), _flat(head)
    order = {"threads": 0, "processes": 1}
    changed = [name for name in {**one, **two} if one.get(name) != two.get(name)]
    for name in sorted(changed, key=lambda name: (order.get(name, 2), name)):
        was, now = one.get(name, "not set"), two.get(name, "not set")
        if name != "process_threads":
            yield SETTINGS.get(name, "{name}: {head} instead of {base}").format(name=name, base=was, head=now)


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


def _process_threads(base: Profile, head: Profile) -> Iterator[str]:
    """Threads of an engine that does not say how many it computes with."""
    was, now = (side.about["facts"].get("process_threads", 0) for side in (base, head))
    if was != now and (head.operators["kind"] == "onnxruntime").any():
        yield f"the process has {now} threads instead of {was}"


# Types.


def _types(base: Profile, head: Profile) -> Iterator[str]:
    """For each type that operators of both sides newly compute in: instead of which, and the operators."""
    one, two = _type_sets(base.operators), _type_sets(head.operators)
    gained: dict[str, list[str]] = {}
    for name in two.keys() & one.keys():
        for kind in two[name] - one[name]:
            gained.setdefault(kind, []).append(name)
    took_s = head.operators.groupby("name")["self_s"].sum()
    for kind, names in sorted(gained.items(), key=lambda each: -sum(took_s[name] for name in each[1])):
        names.sort(key=lambda name: -took_s[name])
        lost = sorted({old for name in names for old in one[name] - two[name]})
        yield f"{kind}{' instead of ' if lost else ' as well'}{listed(lost)} in {listed(names)}"


def _type_sets(operators: pd.DataFrame) -> dict[str, set[str]]:
    """The types to compute in that each operator gets, by torch's names of them."""
    found: dict[str, set[str]] = {}
    computing = operators[operators["kind"].isin(["operator", "onnxruntime"])]
    for name, types in computing[["name", "types"]].itertuples(index=False):
        found.setdefault(name, set()).update(TYPES[each] for each in types.split(", ") if each in TYPES)
    return found


# What the same operators do otherwise.


def _shapes(base: Profile, head: Profile) -> Iterator[str]:
    """One line for all operators of both sides whose inputs have other shapes, with the costliest of them."""
    one, two = (_shape_sets(side.operators) for side in (base, head))
    changed = [name for name in one.keys() & two.keys() if one[name].keys() != two[name].keys()]
    if not changed:
        return
    example = max(changed, key=lambda name: sum(two[name].values()))
    new = [shape for shape in two[example] if shape not in one[example]]
    old = [shape for shape in one[example] if shape not in two[example]]
    rest = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    was = f" instead of {old[0]}" if old else ""
    if new:
        yield f"other shapes: {example}{rest}, such as {new[0]}{was}"
    else:
        yield f"fewer shapes: {example}{rest}, such as {old[0]} no more"


def _shape_sets(operators: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, shapes, self_s in operators[["name", "shapes", "self_s"]].itertuples(index=False):
        if shapes:
            sizes = found.setdefault(name, {})
            sizes[shapes] = sizes.get(shapes, 0.0) + self_s
    return found


def _memory(base: Profile, head: Profile) -> Iterator[str]:
    was, now = (side.operators["allocated_bytes"].sum() / side.pieces for side in (base, head))
    if now > BYTES_RATIO * was or was > BYTES_RATIO * now:
        yield f"allocates {bytes_(now)} a {head.about.get('piece', 'call')} instead of {bytes_(was)}"


def _allocator(base: Mapping[str, int], head: Mapping[str, int]) -> Iterator[str]:
    words = {
        "retries": "the allocator ran out of memory and freed its cache",
        "device_allocations": "the allocator asked the device for memory",
    }
    for name, what in words.items():
        if head.get(name, 0) != base.get(name, 0):
            yield f"{what} {head.get(name, 0)} time(s) in a call instead of {base.get(name, 0)}"


def _slower(base: Profile, head: Profile) -> Iterator[str]:
    """Operators on the same inputs that take longer, beyond the factor by which all of them changed."""
    key = ["name", "shapes", "types"]
    sides = {"_base": base.operators, "_head": head.operators}
    both = [
        table[table["kind"] != "mark"].groupby(key)[["count", "self_s"]].sum().add_suffix(suffix)
        for suffix, table in sides.items()
    ]
    joined = both[0].join(both[1], how="inner")
    joined = joined[(joined["self_s_base"] > 0) & (joined["self_s_head"] > 0)]
    if joined.empty:
        return
    joined["base_s"] = joined["self_s_base"] / joined["count_base"]
    joined["head_s"] = joined["self_s_head"] / joined["count_head"]
    ratio = joined["head_s"] / joined["base_s"]
    whole = float(np.exp(np.median(np.log(ratio))))
    share = joined["self_s_head"] / joined["self_s_head"].sum()
    slower = joined[(ratio / whole > SLOWER_RATIO) & (share > MIN_SHARE)]
    for name, row in slower.sort_values("self_s_head", ascending=False).head(3).iterrows():
        assert isinstance(name, tuple)
        on = f" on {name[1]}" if name[1] else ""
        yield f"{name[0]}{on} takes {time_(row['head_s'])} instead of {time_(row['base_s'])}"
    if whole > SLOWER_RATIO or whole < 1 / SLOWER_RATIO:
        yield (
            f"every operator takes about {whole:.2g} times as long: the machine's speed, or threads, rather "
            "than the code"
        )


def _python(base: Profile, head: Profile) -> Iterator[str]:
    if base.stacks is None or head.stacks is None:
        return
    one, two = stacks.self_shares(base.stacks), stacks.self_shares(head.stacks)
    if not one:
        return
    gained = {name: share - one.get(name, 0.0) for name, share in two.items()}
    for name, more in sorted(gained.items(), key=lambda each: -each[1])[:2]:
        if more > STACKS_SHARE:
            yield f"Python: {name} has {two[name]:.0%} of the samples instead of {one.get(name, 0.0):.0%}"

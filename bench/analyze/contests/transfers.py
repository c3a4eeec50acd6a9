"""What moving the data adds to a device's time: seconds, and how many calls pay for it.

A suite may time its calls with the data moved in each (`resident` in extra_info names the operation that has
it in place). Where it only declares `input_bytes` and `output_bytes`, the run's links say what moving them
takes: latency + bytes / bandwidth, corrected by how far copies of that size were seen to lie from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.analyze.contests.levels import Array
from bench.analyze.declared import number

LINKS = {"pinned": ("to_device", "to_host"), "pageable": ("to_device_pageable", "to_host_pageable")}
"""The ceilings that say how fast a link is, by the host's memory; the first where they are alike."""

STRAIGHT = 1.5
"""How many times as long or as short as its line says a copy of a straight link may take. Pinned memory's lay
within 1.4 times beside an H200, from a kilobyte to 268 MB; pageable memory's 1.5 and 7.7 times off, at sizes
that take milliseconds."""

FORMS = ("", "inputs", "round_trip")
"""What is moved in each call, in the order in which a device's crossings must come."""


def reuses(incumbent_s: Array, moved_s: Array, resident_s: Array) -> tuple[float, ...]:
    """Calls on the same data after which having moved it was worth it."""
    saved_s = incumbent_s - resident_s
    with np.errstate(divide="ignore"):
        return tuple(np.where(saved_s > 0, np.maximum(moved_s - resident_s, 0) / saved_s, np.inf).tolist())


def copy_s(link: Mapping[str, Any], moved: Array) -> Array:
    """What a link takes for so many bytes: its line, or where its copies were kept what these show."""
    line = _line_s(link, moved)
    if "sizes" not in link:  # as older runs have it
        return np.asarray(line)
    sizes, read = np.array(link["sizes"], dtype=float), np.array(link["seconds"], dtype=float)
    off = np.log(read / _line_s(link, sizes))
    return np.asarray(line * np.exp(np.interp(np.log(np.maximum(moved, 1)), np.log(sizes), off)))


def _line_s(link: Mapping[str, Any], moved: Array) -> Array:
    return np.asarray(link["latency_s"] + moved / link["bytes_per_s"])


def is_straight(link: Mapping[str, Any], copies: Mapping[float, float]) -> bool:
    """Whether a link's copies keep to latency + bytes / bandwidth: its own where they were kept, else these,
    seconds of one copy and its wait by bytes."""
    of = dict(zip(link["sizes"], link["seconds"], strict=True)) if "sizes" in link else copies
    sizes, seconds = np.array([*of.keys()], dtype=float), np.array([*of.values()], dtype=float)
    return bool((np.abs(np.log(seconds / _line_s(link, sizes))) <= np.log(STRAIGHT)).all())


def transfers(links: Mapping[str, Any], extra: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Seconds to add at each size, by form: the inputs' transfer, then the outputs' as well.

    The forms name the host's memory where both kinds were timed.
    """
    seconds_of: dict[str, Array] = {}
    several = all(ways[0] in links for ways in LINKS.values())
    for memory, ways in LINKS.items():
        seconds = np.zeros(len(extra))
        for form, way, declared in zip(FORMS[1:], ways, ("input_bytes", "output_bytes"), strict=True):
            moved = np.array([number(each, declared) for each in extra], dtype=float)
            if way not in links or np.isnan(moved).any():
                break
            link = links[way]
            seconds = seconds + np.where(moved > 0, copy_s(link, moved), 0)
            seconds_of[f"{form} {memory}" if several else form] = seconds
    return seconds_of

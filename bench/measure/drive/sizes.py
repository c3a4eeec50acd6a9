"""Sizes that a run wants near crossovers: for its workers' environment, and to tell its cases apart."""

import json
from collections.abc import Iterable

from bench.events import Sizes
from bench.records import Case


def environment(added: Iterable[Sizes]) -> dict[str, str]:
    """What tells a worker's plugin of all sizes that were ever asked for; empty where none were."""
    merged: dict[str, dict[str, list[float]]] = {}
    for sizes in added:
        for test, axes in sizes.items():
            for axis, values in axes.items():
                of_axis = merged.setdefault(test, {}).setdefault(axis, [])
                of_axis += [value for value in values if value not in of_axis]
    return {"BENCH_SIZES": json.dumps(merged)} if merged else {}


def among(case: Case, sizes: Sizes) -> bool:
    """True where the case's size is one of those."""
    of_test = sizes.get(case.id.partition("[")[0], {})
    return case.params.get(case.axis or "") in of_test.get(case.axis or "", ())

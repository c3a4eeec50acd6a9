"""pytest-benchmark's own JSON: read; and written, for `pytest-benchmark compare` and its kin."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pytest_benchmark.stats import Stats

from bench import patterns
from bench.events import Header
from bench.storage.formats import foreign
from bench.storage.tables import parameters

ROUNDS_KEPT = 200
"""Rounds written per case, evenly spread over its blocks: all of them made 2 MB of JSON a case elsewhere."""

ROUNDS_IN_ALL = 200_000
"""Rounds written per run: with more, each case keeps fewer, and twenty at least."""

UNVERSIONED = {"id": "unversioned", "time": None, "dirty": False, "branch": "(unknown)"}


def benchmark_json(header: Header, cases: pd.DataFrame, blocks: pd.DataFrame) -> dict[str, Any]:
    """The document: one entry a case that has counted wall blocks, a block being one round of it."""
    counted = blocks[blocks["counted"] & (blocks["kind"] == "wall")]
    seconds = counted["wall_s"] / counted["calls"]
    rounds = dict(iter(seconds.groupby([counted["case"], counted["side"]], observed=True)))
    calls = counted.groupby(["case", "side"], observed=True)["calls"].last()
    most = int(np.clip(ROUNDS_IN_ALL // max(len(cases), 1), 20, ROUNDS_KEPT))
    names = parameters(cases)
    return {
        "machine_info": header.environment,
        "commit_info": {**UNVERSIONED, **header.commit},
        "benchmarks": [
            _entry(row, names, _evenly(rounds[key].to_numpy(), most), int(calls[key]))
            for row in cases.to_dict("records")
            if (key := (row["case"], row["side"])) in rounds
        ],
        "datetime": header.created,
        "version": "5.0.0",
    }


def _entry(row: Mapping[Any, Any], names: Sequence[str], seconds: Any, calls: int) -> dict[str, Any]:
    params = {name: row[name] for name in names if not pd.isna(row[name])}
    side = f" ({row['side']})" if row["side"] else ""
    stats = Stats()  # type: ignore[no-untyped-call]  # the library has no annotations
    stats.data = [float(value) for value in seconds]
    # The library's own exact sums take ten times as long, which ten thousand cases would feel.
    stats.mean = float(np.mean(seconds))
    stats.stddev = float(np.std(seconds, ddof=1)) if len(seconds) > 1 else 0.0
    return {
        "group": None,
        "name": patterns.name(str(row["case"])) + side,
        "fullname": str(row["case"]) + side,
        "params": {"device": row["device"], **params},
        "param": None,
        "extra_info": json.loads(row["extra"]),
        "options": {"timer": "perf_counter", "disable_gc": True},
        "stats": {
            **stats.as_dict(),  # type: ignore[no-untyped-call]  # as above
            "data": stats.data,
            "iterations": calls,
        },
    }


def _evenly(seconds: Any, most: int) -> Any:
    """At most so many of the rounds, evenly spread over all."""
    return seconds[np.linspace(0, len(seconds) - 1, min(len(seconds), most)).round().astype(int)]


def _owns(document: Any) -> bool:
    return isinstance(document, dict) and {"machine_info", "benchmarks"} <= document.keys()


def _runs(document: Mapping[str, Any], path: Path) -> foreign.Runs:
    """One run, of pytest-benchmark 2.5 to 5. Without the rounds a case has its median alone."""
    events: list[Any] = []
    for each in document["benchmarks"]:
        name = str(each.get("fullname") or each["name"])
        case = foreign.case(name if "::" in name else f"pytest-benchmark::{name}", each.get("params"))
        stats = each["stats"]
        data, calls = stats.get("data"), int(stats.get("iterations") or 1)
        group = None if each.get("group") is None else str(each["group"])
        rounds = [float(value) for value in data or [stats["median"]]]
        further = {"extra_info": each.get("extra_info") or {}, "group": group}
        events += [case, foreign.visit(case, 0, rounds, calls if data else 1, **further)]
    facts, commit = document["machine_info"] or {}, document.get("commit_info") or {}
    environment = facts if "host" in facts else _environment(facts)  # ours, where bench wrote it
    about = {name: commit.get(name) for name in ("id", "branch", "dirty", "time") if name in commit}
    created = str(document.get("datetime") or "")
    yield [foreign.header(path.stem, created, environment, about), *foreign.launches(1), *events]


def _environment(facts: Mapping[str, Any]) -> dict[str, Any]:
    cpu = facts.get("cpu") if isinstance(facts.get("cpu"), dict) else {}
    return {
        "machine": facts.get("node"), "host": facts.get("node"), "python": facts.get("python_version"),
        "os": " ".join(str(facts[name]) for name in ("system", "release") if facts.get(name)),
        "cpu": {"model": (cpu or {}).get("brand_raw") or (cpu or {}).get("brand")},
    }  # fmt: skip


TOOL = foreign.Tool("pytest-benchmark", _owns, _runs)

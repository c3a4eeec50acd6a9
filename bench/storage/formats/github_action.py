"""github-action-benchmark's `data.js`: a project's history, a run a commit.

https://github.com/benchmark-action/github-action-benchmark
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bench.events import Header
from bench.storage.formats import foreign

SECONDS = {
    "ns": 1e-9, "nsec": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
}  # fmt: skip
RATES = re.compile(r"(iter|ops?|operations?|calls?)/(s|sec|second)")
PER_CALL = re.compile(r"/(iter|op|call)$")


def _owns(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("entries"), dict)


def seconds(value: float, unit: str) -> float | None:
    """Seconds per call of a value in a unit; None where the unit is none of time, or of rates."""
    if RATES.fullmatch(unit):
        return 1 / value
    size = SECONDS.get(PER_CALL.sub("", unit))
    return None if size is None else value * size


def _runs(document: Mapping[str, Any], _path: Path) -> foreign.Runs:
    """A run a commit, with what every suite measured of it; values that are no times are left out."""
    by_commit: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for suite, entries in document["entries"].items():
        for entry in entries:
            by_commit[entry["commit"]["id"]].append((suite, entry))
    for number, (commit, entries) in enumerate(
        sorted(by_commit.items(), key=lambda each: each[1][0][1]["date"])
    ):
        events: dict[str, list[Any]] = {}
        for suite, entry in entries:
            for bench in entry["benches"]:
                per_call_s = seconds(float(bench["value"]), str(bench["unit"]).strip())
                if per_call_s is not None:
                    name = str(bench["name"])
                    case = foreign.case(name if "::" in name else f"{suite}::{name}")
                    events[case.id] = [case, foreign.visit(case, 0, [per_call_s])]
        date = datetime.fromtimestamp(entries[0][1]["date"] / 1000, UTC)
        about = {"id": commit, "time": entries[0][1]["commit"].get("timestamp")}
        run = f"{number + 1:05d}-{date:%Y%m%dT%H%M%S}-{commit[:10]}"
        header = foreign.header(run, date.isoformat(timespec="seconds"), {}, about)
        yield [header, *foreign.launches(1), *(event for pair in events.values() for event in pair)]


def script(header: Header, cases: pd.DataFrame) -> str:
    """A run as `data.js`: its benches are also what the action takes as `customSmallerIsBetter`."""
    timed = cases.loc[cases["median_s"].notna(), ["case", "side", "median_s", "low_s", "high_s"]]
    benches = [
        {
            "name": row["case"] + (f" ({row['side']})" if row["side"] else ""),
            "value": row["median_s"],
            "unit": "s",
        }
        | ({"range": f"{row['low_s']:.4g} to {row['high_s']:.4g}"} if row["low_s"] == row["low_s"] else {})
        for row in timed.to_dict("records")
    ]
    created = datetime.fromtimestamp(0, UTC)
    with suppress(ValueError):  # there is none, or it is damaged
        created = datetime.fromisoformat(header.created)
    milliseconds = int(created.timestamp() * 1000)
    commit = {"id": str(header.commit.get("id") or "unversioned"), "timestamp": header.created}
    entry = {"commit": commit, "date": milliseconds, "tool": "customSmallerIsBetter", "benches": benches}
    document = {"lastUpdate": milliseconds, "repoUrl": "", "entries": {"bench": [entry]}}
    return f"window.BENCHMARK_DATA = {json.dumps(document, indent=1, allow_nan=False)}\n"


TOOL = foreign.Tool("github-action-benchmark", _owns, _runs)

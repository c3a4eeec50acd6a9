"""asv's results: a file a commit and environment, beside `benchmarks.json`. https://asv.readthedocs.io"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.events import Outcome, Visit
from bench.storage.formats import foreign

TIMED = ("time_", "timeraw_")
"""How the names of benchmarks begin that count seconds, where `benchmarks.json` does not say it."""


def _owns(document: Any) -> bool:
    return isinstance(document, dict) and {"commit_hash", "results", "result_columns"} <= document.keys()


def _runs(document: Mapping[str, Any], path: Path) -> foreign.Runs:
    """One run. Memory and whatever else is tracked are left out: they are no times."""
    known = _benchmarks(path)
    events: list[Any] = []
    for name, values in document["results"].items():
        unit = known.get(name, {}).get("unit")
        timed = unit == "seconds" if unit else name.rpartition(".")[2].startswith(TIMED)
        if timed:
            result = dict(zip(document["result_columns"], values or [], strict=False))
            events += _cases(name, result, known.get(name, {}).get("param_names") or [])
    facts, commit = document.get("params", {}), str(document["commit_hash"])
    created = datetime.fromtimestamp(document["date"] / 1000, UTC).isoformat(timespec="seconds")
    machine = facts.get("machine") or path.parent.name
    environment = {
        "machine": machine, "host": machine, "os": facts.get("os"), "python": document.get("python"),
        "cpu": {"model": facts.get("cpu")},
    }  # fmt: skip
    header = foreign.header(path.stem, created, environment, {"id": commit, "time": created})
    yield [header, *foreign.launches(1), *events]


def _cases(name: str, result: Mapping[str, Any], param_names: Sequence[str]) -> Iterator[Any]:
    axes = result.get("params") or []
    names = [*param_names, *(f"param{number}" for number in range(len(param_names), len(axes)))]
    combinations = list(itertools.product(*axes)) if axes else [()]
    medians = result.get("result") or [None] * len(combinations)
    samples = result.get("samples") or [None] * len(combinations)
    numbers = result.get("stats_number") or [None] * len(combinations)
    for values, median, sampled, number in zip(combinations, medians, samples, numbers, strict=True):
        id_ = f"{name}[{'-'.join(map(str, values))}]" if values else name
        case = foreign.case(
            f"{name.partition('.')[0]}::{id_}", dict(zip(names, map(_value, values), strict=False))
        )
        yield case
        if median is None or math.isnan(median):
            outcome: Outcome = "failed" if median is None else "skipped"
            yield Visit(case.id, 0, outcome=outcome, message=f"asv says that it was {outcome}")
        else:
            yield foreign.visit(case, 0, sampled or [median], int(number or 1) if sampled else 1)


def _value(written: str) -> Any:
    """A parameter: asv keeps its repr."""
    try:
        return json.loads(written)
    except ValueError:
        return str(written).strip("'")


def _benchmarks(path: Path) -> Mapping[str, Any]:
    """What `benchmarks.json`, a folder above a machine's results, says of each benchmark."""
    try:
        document = json.loads((path.parent.parent / "benchmarks.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: each for name, each in document.items() if isinstance(each, dict)}


TOOL = foreign.Tool("asv", _owns, _runs)

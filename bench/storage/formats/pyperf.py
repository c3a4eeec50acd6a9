"""pyperf's JSON: suites of benchmarks, each with runs, which are processes. https://pyperf.readthedocs.io"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.storage.formats import foreign


def _owns(document: Any) -> bool:
    benchmarks = document.get("benchmarks") if isinstance(document, dict) else None
    return isinstance(benchmarks, list) and all(
        isinstance(each, dict) and "runs" in each for each in benchmarks
    )


def _runs(document: Mapping[str, Any], path: Path) -> foreign.Runs:
    """One run; each process is a launch. Benchmarks that count something else than seconds are left out."""
    shared = dict(document.get("metadata", {}))
    about = dict(shared)  # of the machine: what any benchmark says of it
    events: list[Any] = []
    most, created = 0, ""
    for benchmark in document["benchmarks"]:
        facts = {**shared, **benchmark.get("metadata", {})}
        if facts.get("unit", "second") != "second":
            continue
        case = foreign.case(f"pyperf::{facts['name']}")
        events.append(case)
        measured = [run for run in benchmark["runs"] if run.get("values")]
        for launch, run in enumerate(measured):
            of_run = {**facts, **run.get("metadata", {})}
            created = created or str(of_run.get("date", ""))
            calls = int(of_run.get("loops", 1)) * int(of_run.get("inner_loops", 1))
            events.append(foreign.visit(case, launch, [float(value) for value in run["values"]], calls))
        most = max(most, len(measured))
        about = {**facts, **about}
    environment = {
        "machine": about.get("hostname"), "host": about.get("hostname"), "os": about.get("platform"),
        "python": about.get("python_version"), "cpu": {"model": about.get("cpu_model_name")},
    }  # fmt: skip
    yield [foreign.header(path.stem, created, environment, {}), *foreign.launches(most), *events]


TOOL = foreign.Tool("pyperf", _owns, _runs)

"""How the reading half holds up: one million blocks in a run, and a thousand runs of history.

    python -m tests.scale            measures, and prints a table
    python -m tests.scale --write    and puts it into docs/evidence.md

Each figure is taken in a process of its own, so that its memory is its own, too.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench import codec
from bench.events import CeilingsMeasured, End, Visit
from bench.records import Block, Case
from bench.storage.journal import Journal
from tests.project import generated
from tests.recorded_runs import ceilings, header

ROOT = Path(__file__).parents[1]
CASES, LAUNCHES, PASSES, PER_VISIT = 10_000, 5, 5, 4
"""They make one million blocks."""

RUNS, CASES_OF_A_RUN = 1000, 300

PAGE, PART = ROOT / "docs" / "evidence.md", "scale"
"""Where the table stands."""

MEASURED = """
import json, resource, sys, time
from pathlib import Path
import bench.storage.archive, bench.storage.store, bench.analyze.runs.history, pyarrow.dataset, ruptures
folder = Path(sys.argv[1])
started = time.perf_counter()
{code}
seconds = time.perf_counter() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""

LOAD = "import bench; assert len(bench.load(folder)) == 10_000"
BLOCKS = "from bench.storage import store; assert len(store.read_run(folder).blocks) == 1_000_000"
REPORT = "from bench.app import stored; stored.write(stored.read([folder]))"
QUERY = """
from bench.storage import archive
cases, headers, _ = archive.read(folder, ["suites/test_00.py::test_op[cpu-7]"])
assert len(cases) == len(headers) == 1000
"""
HISTORY = """
from bench.storage import archive
from bench.analyze.runs.history import history
assert len(history(*archive.read(folder, ["suites/test_00.py::test_op[cpu-7]"])[:2])) == 1
"""


def main() -> None:
    """Makes the runs, measures, prints, and writes into the page if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/evidence.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = list(_measured(Path(scratch)))
    lines = ["| | time | memory |", "|---|--:|--:|"]
    lines += [f"| {what} | {seconds} | {memory} |" for what, seconds, memory in rows]
    text = "\n".join(lines)
    print(text)
    if options.write:
        generated.put(PAGE, PART, text)


def _measured(scratch: Path) -> Iterator[tuple[str, str, str]]:
    big = million(scratch / "big")
    yield "report of 1 000 000 blocks, 10 000 cases, from the journal", *in_a_process(REPORT, big)
    yield "the same report again, from Parquet", *in_a_process(REPORT, big)
    yield "`bench.load` of its cases", *in_a_process(LOAD, big)
    yield "its blocks as a frame", *in_a_process(BLOCKS, big)
    loaded, typed = in_a_browser(big)
    yield "its page, until it can be searched", f"{loaded:.1f} s", ""
    yield "a keystroke in the page's search among 10 000 cases", f"{1000 * typed:.0f} ms", ""
    past = thousand(scratch / "past")
    yield "one case over 1 000 runs of 300 cases", *in_a_process(QUERY, past)
    yield "the same with its changes found", *in_a_process(HISTORY, past)


def in_a_process(code: str, folder: Path) -> tuple[str, str]:
    """Seconds and peak memory of a fresh process that runs `code`; pandas and pyarrow are there before."""
    command = [sys.executable, "-c", MEASURED.format(code=code), str(folder)]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak_bytes = json.loads(told.splitlines()[-1])
    return f"{seconds:.1f} s", f"{peak_bytes / 1e9:.2f} GB"


def in_a_browser(folder: Path) -> tuple[float, float]:
    """Seconds until a run's page is drawn, and from a key to the next frame, the slowest of a typed word.

    NaN without a browser.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return float("nan"), float("nan")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto((folder / "report.html").as_uri())
        loaded = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        taken = tab.evaluate("""async () => {
            const search = document.querySelector("#all input[type=search]"), taken = [];
            for (const typed of ["o", "op", "ope", "oper", "oper 1", "oper 17", "oper 1", "oper", ""]) {
                search.value = typed;
                const started = performance.now();
                search.dispatchEvent(new Event("input"));
                await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
                taken.push(performance.now() - started);
            }
            return taken;
        }""")
        browser.close()
    return float(loaded) / 1000, float(max(taken)) / 1000


def million(folder: Path) -> Path:
    """A run's journal with a million blocks: 400 operations along a size axis, in eight suites."""
    random = np.random.default_rng(1)
    cases = [_case(number) for number in range(CASES)]
    with Journal.create(folder, header(folder.name)) as journal:
        for case, _ in cases:
            journal.append(case)
        journal.append(CeilingsMeasured("cpu", ceilings("cpu")))
        start_s = 1000.0
        for launch in range(LAUNCHES):
            for number in range(PASSES):
                noise = np.exp(random.normal(0, 0.01, (CASES, PER_VISIT)))
                hit = random.random((CASES, PER_VISIT)) < 0.05
                for (case, seconds), factors, disturbed in zip(cases, noise, hit, strict=True):
                    blocks = _blocks(seconds, start_s, factors.tolist(), disturbed.tolist())
                    start_s += 0.01 * PER_VISIT
                    extra = {"flops": 1000}
                    journal.append(
                        Visit(case.id, launch, number, setup_s=0.01, extra_info=extra, blocks=tuple(blocks))
                    )
        journal.append(End({"timed": 1.0}, 0.2, 1.0))
    return folder


def _case(number: int) -> tuple[Case, float]:
    """A case and its true seconds: two engines at some twelve sizes of each operation."""
    operation, place = divmod(number, 25)
    n, engine = 4 ** (place // 2 + 2), "ab"[place % 2]
    suite = f"test_{operation // 50:02d}_family"
    case = Case(
        f"suites/{suite}.py::test_operation_{operation}[{n}-{engine}-{place}]",
        suite,
        f"operation_{operation}",
        params={"n": n, "engine": engine},
        axis="n",
        between="engine",
    )
    return case, 1e-6 + n * 1e-9 / (1 + place % 2)


def _blocks(seconds: float, start_s: float, factors: list[float], disturbed: list[bool]) -> Iterator[Block]:
    calls = max(1, round(0.01 / seconds))
    for factor, hit in zip(factors, disturbed, strict=True):
        delay_s = seconds * calls * (0.1 if hit else 0.001)
        yield Block(
            "wall", start_s, calls, seconds * calls * factor, delay_s=delay_s, threads=2, processors=2
        )


def thousand(folder: Path) -> Path:
    """A folder of a thousand runs' tables, as wide as real ones."""
    random = np.random.default_rng(2)
    names = [f"suites/test_{number // 50:02d}.py::test_op[cpu-{number}]" for number in range(CASES_OF_A_RUN)]
    texts = dict.fromkeys(("suite", "operation", "bound", "warnings", "machine", "extra", "doc", "side"), "")
    for number in range(RUNS):
        run = folder / f"2026-{number:04d}"
        run.mkdir(parents=True)
        seconds = 1e-3 * np.exp(random.normal(0, 0.01, CASES_OF_A_RUN))
        frame = pd.DataFrame({"case": names, "device": "cpu", "status": "ok", **texts})
        frame = frame.assign(
            **dict.fromkeys(("median_s", "low_s", "high_s", "latency_s", "first_s"), seconds)
        )
        frame = frame.assign(**dict.fromkeys(("flops", "bytes", "items", "flops_per_s", "host_s", "n"), 1.0))
        frame.to_parquet(run / "cases.parquet", index=False)
        created = f"2026-01-01T{number // 60:02d}:{number % 60:02d}:00+00:00"
        document = codec.written(replace(header(run.name), created=created))
        (run / "environment.json").write_text(json.dumps(document), "utf-8")
    return folder


if __name__ == "__main__":
    main()

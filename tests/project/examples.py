"""Makes the committed examples again, and the README's answers from them.

    python -m tests.project.examples [NAME ...] [--preset P] [-k EXPR]
    python -m tests.project.examples [NAME ...] --again    measures nothing: reports from the journals

`example` is a run on this machine, `example-operations` one of all other operations of the course; of that
neither page nor journal is kept, so that nothing can be made of it again. `example-simulated` is one on its
processor and a simulated accelerator, whose times are real time made up by `simulated_timeline`; so nothing
else should run. `example-gpu` was recorded beside a GPU: its report is made again from its journal. What is
kept is what reports/README.md says.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image
from pyarrow import parquet

from bench.storage.journal import find_runs
from tests import ROOT
from tests.project import generated, readme
from tests.project.shown import DOCUMENTS

sys.path.insert(0, str(ROOT / "tests" / "simulation"))  # workers know it by the name it has there

from simulated_accelerator import Parameters, install

SIMULATION = ROOT / "tests" / "simulation"
REPORTS = ROOT / "reports"

LEFT_OUT = (
    "resnet18", "numpy", "threads", "dtype", "against", "load", "prefetch", "workers", "first_batch", "ways",
    "tf32", "many_small", "modes", "inference", "session",
)  # fmt: skip
SIMULATED_CASES = f"not ({' or '.join(LEFT_OUT)})"
"""What is measured on the simulated accelerator: what the questions about devices ask. The simulation
computes in Python, which for resnet18 takes seconds a step."""

A_SMALL_GPU = Parameters(
    fixed_s=5e-6,
    flops_per_s=5e12,
    bytes_per_s=3e11,
    copy_latency_s=15e-6,
    copy_bytes_per_s=1e10,
    first_use_s=0.3,
)
"""What is simulated: the rates, link and first use of a small graphics card."""

SIMULATED_PRESET = "quick"
"""It shows pages, not a machine: more launches would only make its files longer."""

COLOURS = 64
"""Of a figure that is kept: it looks the same with so many, and takes a third of the bytes."""

MAX_BYTES = 4_000_000
"""Of all examples together: whoever clones the project fetches every version of them."""

KEPT = (
    "report.html", "summary.md", "cases.parquet", "contests.parquet", "contests.csv", "environment.json",
)  # fmt: skip
"""What a reader opens; beside it the journal, compressed, and the figures that documents show."""

JOURNAL = "journal.jsonl.gz"

CASES_ALONE = ("example-operations",)
"""Examples of which no page and no journal is kept: those of seven hundred cases take two megabytes."""

OF_CASES = ("summary.md", "cases.parquet", "environment.json")


class ExampleError(Exception):
    """Why an example could not be made: it stays as it was."""


def asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of: {', '.join(MAKERS)} (default: all)"
    )
    parser.add_argument("--preset", choices=("quick", "default"), default="default")
    parser.add_argument("-k", dest="keyword", default="", metavar="EXPR", help="only cases that match")
    parser.add_argument("--again", action="store_true", help="make the reports again from their journals")
    options = parser.parse_args(arguments)
    if unknown := set(options.names).difference(MAKERS):
        parser.error(f"no example {', '.join(sorted(unknown))}; expected any of: {', '.join(MAKERS)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0; 1 where an example could not be made, which stays as it was."""
    options = asked(arguments)
    made = [name for name in MAKERS if not options.again or name not in CASES_ALONE]
    for name in options.names or made:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                maker = partial(remade, name=name) if options.again else MAKERS[name]
                keep(maker(Path(scratch), options.preset, options.keyword), REPORTS / name)
            except ExampleError as error:
                print(f"examples: {name}: {error}", file=sys.stderr)
                return 1
        print(REPORTS / name)
    try:
        generated.put(readme.README, readme.PART, readme.text(readme.EXAMPLE))
    except ValueError as error:
        print(f"examples: README.md: {error}", file=sys.stderr)
        return 1
    print(f"{_bytes(REPORTS) / 1e6:.1f} MB of the {MAX_BYTES / 1e6:.0f} MB that all examples may take")
    return int(_bytes(REPORTS) > MAX_BYTES)


def measured(scratch: Path, preset: str, keyword: str) -> Path:
    """A run on this machine."""
    return _run(scratch, ["--preset", preset, "-k", keyword], {}, allowed=(0,))


def operations(scratch: Path, _preset: str, keyword: str) -> Path:
    """A run of all other operations of the course on this machine, as `nox -s operations` makes it."""
    return _run(scratch, ["suites/operations", "--minutes", "9", "-k", keyword], {}, allowed=(0,))


def simulated(scratch: Path, _preset: str, keyword: str) -> Path:
    """A run on the processor and the simulated accelerator, which cannot do everything: cases may fail.

    The simulation lies where installed packages do, as an accelerator's own does: else no launch is forked.
    """
    chosen = f"{SIMULATED_CASES} and ({keyword})" if keyword else SIMULATED_CASES
    arguments = ["--preset", SIMULATED_PRESET, "-k", chosen]
    packages = shutil.copytree(SIMULATION, scratch / "site-packages")
    return _run(scratch, arguments, install(packages, A_SMALL_GPU), allowed=(0, 1))


def remade(scratch: Path, _preset: str, _keyword: str, name: str) -> Path:
    """What the journal of an example says now."""
    _bench(["report", str(REPORTS / name), "--out", str(scratch)], {}, allowed=(0,))
    shutil.copy(REPORTS / name / JOURNAL, scratch)
    return scratch


MAKERS: dict[str, Callable[[Path, str, str], Path]] = {
    "example": measured,
    "example-gpu": partial(remade, name="example-gpu"),
    "example-operations": operations,
    "example-simulated": simulated,
}
"""What makes each example: a folder with a run's files."""


def _run(
    scratch: Path, arguments: Sequence[str], environment: dict[str, str], allowed: tuple[int, ...]
) -> Path:
    _bench(["run", *arguments, "--out", str(scratch / "runs")], environment, allowed)
    (run,) = find_runs(scratch / "runs")
    (run / JOURNAL).write_bytes(gzip.compress((run / "journal.jsonl").read_bytes(), mtime=0))
    return run


def _bench(arguments: Sequence[str], environment: dict[str, str], allowed: tuple[int, ...]) -> None:
    command = [sys.executable, "-m", "bench", *arguments]
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode
    if status not in allowed:
        raise ExampleError(f"`bench {arguments[0]}` ended with exit status {status}; expected {allowed[0]}")


def keep(made: Path, example: Path) -> None:
    """Puts what is kept of a run in the place of an example. Raises ExampleError where a file is missing."""
    figures = [f"figures/{name}" for name in shown(example.name)]
    kept = OF_CASES if example.name in CASES_ALONE else (*KEPT, JOURNAL)
    if missing := [name for name in (*kept, *figures) if not (made / name).exists()]:
        raise ExampleError(f"the run has no {', '.join(missing)}")
    shutil.rmtree(example, ignore_errors=True)
    (example / "figures" if figures else example).mkdir(parents=True)
    for name in kept:
        if name.endswith(".parquet"):
            # Small rather than quick to search: a clone has every version of it.
            table = parquet.read_table(made / name)
            parquet.write_table(
                table, example / name, compression="zstd", compression_level=19, write_statistics=False
            )
        else:
            shutil.copy(made / name, example / name)
    for name in figures:
        with Image.open(made / name) as picture:
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
                example / name, optimize=True
            )


def shown(example: str) -> list[str]:
    """The figures of an example that documents show, as their files' names."""
    text = "\n".join(document.read_text("utf-8") for document in DOCUMENTS)
    return sorted(set(re.findall(rf"\b{example}/figures/([\w-]+\.png)", text)))


def _bytes(folder: Path) -> int:
    """What the examples in a folder of reports take, of those files that a commit holds."""
    named = (*KEPT, JOURNAL, "figures/*.png")
    files = (file for example in MAKERS for name in named for file in (folder / example).glob(name))
    return sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    sys.exit(main())

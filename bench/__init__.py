"""Benchmarks for the operations every PyTorch course teaches. The pipeline, in order:

1. `bench.measure`  times cases on this machine, block by block, in worker processes that know torch.
2. `bench.storage`  keeps every block in a journal that a kill cannot spoil, and makes tables of it.
3. `bench.analyze`  pure numbers: estimates, crossovers, comparisons, verdicts, changes over time.
4. `bench.render`   for people: units, figures, one self-contained page, a summary in Markdown.
5. `bench.app`      what each command does; `bench.commands` only parses what the user typed.

`bench.records` has the nouns: Case, Block, Crossing, Change, Verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["contests", "load", "plot"]


def load(path: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """The tidy frame of one run, of several, or of a folder of runs: one row a case, SI units.

    Raises bench.storage.journal.StoreError where there is no run or it cannot be read.
    """
    from bench.analyze.analyzed import AnalyzedRun
    from bench.storage.store import load as load_frames

    return load_frames(path, lambda run: AnalyzedRun(run).cases)


def contests(path: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """The contests of one run, of several, or of a folder of runs: one row a contest and range of sizes with
    one answer, indexed by the run's name.

    Raises bench.storage.journal.StoreError where there is no run or it cannot be read.
    """
    from bench.analyze.analyzed import AnalyzedRun
    from bench.analyze.contests.contests import choices
    from bench.analyze.questions.table import table
    from bench.storage.store import load_contests

    return load_contests(path, lambda run: table(choices(run, AnalyzedRun(run).blocks)))


def plot(run: str | Path, question: str) -> Axes:
    """The picture that answers a question, on matplotlib's axes: `plot(run, "workers").figure` in a notebook.

    `run` is a run's folder, or a folder that holds one; the questions are those of the column `question` of
    its contests. Raises bench.storage.journal.StoreError where there is no run or it cannot be read, and
    ValueError for a question that there is not, or that the run has no data for.
    """
    from pathlib import Path

    from bench.analyze.report import report
    from bench.render.figures.questions import plot as drawn
    from bench.storage import store
    from bench.storage.journal import find_runs

    runs = find_runs(Path(run))
    if len(runs) > 1:
        raise ValueError(f"{run} holds {len(runs)} runs; expected one, such as {runs[-1]}")
    return drawn(report([store.read_run(runs[0])]).runs[0], question)

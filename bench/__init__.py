"""Benchmarks for the operations every PyTorch course teaches. The pipeline, in order:

1. `bench.measure`  times cases on this machine, block by block, in worker processes that know torch.
2. `bench.journal`  keeps every block as it is measured: an append-only file that a kill cannot spoil.
3. `bench.store`    turns the journal into frames, and frames into Parquet, CSV and pytest-benchmark's JSON.
4. `bench.analyze`  pure numbers: estimates, crossovers, comparisons, verdicts, changes over time.
5. `bench.render`   for people: units, figures, one self-contained page, a summary in Markdown.

`bench.records` has the nouns: Case, Block, Estimate, Crossing, Change, Verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["load"]


def load(path: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """The tidy frame of one run, of several, or of a folder of runs: one row a case, SI units.

    Raises bench.store.StoreError where there is no run or it cannot be read.
    """
    from bench.analyze.estimate import estimates
    from bench.store import load as load_frames

    return load_frames(path, estimates)

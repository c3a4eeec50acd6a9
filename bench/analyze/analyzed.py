"""A recorded run with its marked blocks and its estimates: whoever reads a run starts from these."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.analyze.blocks.clean import marked_blocks
from bench.analyze.estimates.estimate import estimates
from bench.storage.tables import Run


@dataclass(frozen=True)
class AnalyzedRun:
    """A recorded run and what is computed from it: each thing when it is first asked for, and only once."""

    run: Run

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """The run's blocks with `disturbed` and `counted`: see `bench.analyze.blocks.clean.marked`."""
        return marked_blocks(self.run)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """The cases frame, one row a case and side: the columns of `bench.storage.tables`."""
        return estimates(self.run, self.blocks)
